"""`python -m bench [NAME]`: runs the measurements, each in a test world of its own."""

from __future__ import annotations

import subprocess
import sys

NAMES = ("rollback",)


def main() -> int:
    """Run the named measurements, or all of them."""
    names = sys.argv[1:] or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names:
        command = [sys.executable, "-m", "tests.world", "run", "--"]
        ended = subprocess.run([*command, sys.executable, "-m", f"bench.{name}"], check=False)
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
