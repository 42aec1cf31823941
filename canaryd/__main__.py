"""The program: `canaryd`, `kubectl canary` and `python -m canaryd`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from errno import EBADF
from io import BufferedReader, RawIOBase, TextIOWrapper
from typing import IO

from typing_extensions import Buffer, override

from canaryd.cli.exits import Code
from canaryd.cli.main import main


class Closed(RawIOBase):
    """Standard input that whoever started the program has closed."""

    name = "<stdin>"

    @override
    def readable(self) -> bool:
        """Say that it can be tried."""
        return True

    @override
    def readinto(self, _: Buffer) -> int:
        """Say why nothing is read."""
        raise OSError(EBADF, "it is closed")


def program() -> None:
    """Run the command line; after Ctrl-C no thread that waits for a server keeps the process.

    What the system refuses is a sentence; a pipe that was closed is told by the exit code alone.
    """
    if sys.stdin is None:  # of which libraries know nothing
        sys.stdin = TextIOWrapper(BufferedReader(Closed()), encoding="utf-8")
    try:
        main()
    except SystemExit as ended:
        if ended.code != Code.INTERRUPTED:
            raise
        _let_go(sys.stdout)
        os._exit(Code.INTERRUPTED)
    except OSError as error:
        _let_go(sys.stdout)
        with suppress(OSError):
            print(_sentence(error), file=sys.stderr, flush=True)  # noqa: T201 - click is at its end
        _let_go(sys.stderr)
        sys.exit(Code.ERROR)


def _sentence(error: OSError) -> str:
    about = f" {error.filename!r}" if error.filename else ""
    why = error.strerror or str(error) or type(error).__name__
    return f"Error: reading or writing{about} failed: {why}"


def _let_go(stream: IO[str] | None) -> None:
    """Write out what is left; where that cannot be, keep Python from trying again at its end."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    program()
