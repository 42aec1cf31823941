"""`python -m bench [NAME… [OPTION…]]`: runs the measurements, in a test world where needed."""

from __future__ import annotations

import subprocess
import sys
from itertools import takewhile

IN_WORLD = ("rollback", "scale")
NAMES = (*IN_WORLD, "evidence", "verdicts", "tiles")


def main() -> int:
    """Run the named measurements, or all of them; options are handed on to each that is named."""
    given = sys.argv[1:]
    chosen = list(takewhile(lambda word: not word.startswith("-"), given))
    options, names = given[len(chosen) :], chosen or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names:
        world = [sys.executable, "-m", "tests.world", "run", "--"] if name in IN_WORLD else []
        measured = [sys.executable, "-m", f"bench.{name}", *options]
        ended = subprocess.run([*world, *measured], check=False)
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
