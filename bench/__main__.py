"""`python -m bench [NAME… [OPTION…]]`: runs the measurements, in a test world where needed."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import takewhile

INTERRUPTED = {130, -signal.SIGINT}
IN_WORLD = ("rollback", "scale")
NAMES = ("rollback", "decisions", "evidence", "verdicts", "tiles", "scale")
"""In the order in which they are played; the last one takes most of a day."""
USAGE = f"""usage: python -m bench [NAME... [OPTION...]]

Measures {", ".join(NAMES)}: those that are named, or one after the other
all of them, which takes most of a day. Options are those of what is named:
python -m bench scale --help. What each measures stands in bench/README.md.
"""


def main() -> int:
    """Run the named measurements, or all of them; options are handed on to each that is named.

    Returns the worst code: one that misses its target does not end the others.
    """
    given = sys.argv[1:]
    chosen = list(takewhile(lambda word: not word.startswith("-"), given))
    options, names = given[len(chosen) :], chosen or NAMES
    if options and not chosen:
        asked = options[0] in ("-h", "--help")
        print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    # Ctrl-C is for what is running: it says what there is, and is waited for.
    signal.signal(signal.SIGINT, lambda *_: None)
    worst = 0
    for name in names:
        needed = name in IN_WORLD and not {"-h", "--help"} & {*options}
        world = [sys.executable, "-m", "tests.world", "run", "--"] if needed else []
        measured = [sys.executable, "-m", f"bench.{name}", *options]
        code = subprocess.run([*world, *measured], check=False).returncode
        if code in INTERRUPTED:
            return 130
        worst = max(worst, abs(code))
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
