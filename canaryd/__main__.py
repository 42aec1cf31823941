"""The program: `canaryd`, `kubectl canary` and `python -m canaryd`."""

from __future__ import annotations

import os
import sys

from canaryd.cli.exits import Code
from canaryd.cli.main import main


def program() -> None:
    """Run the command line; after Ctrl-C no thread that waits for a server keeps the process."""
    try:
        main()
    except SystemExit as ended:
        if ended.code != Code.INTERRUPTED:
            raise
        sys.stdout.flush()
        os._exit(Code.INTERRUPTED)


if __name__ == "__main__":
    program()
