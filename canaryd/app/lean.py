"""Leaves out what libraries import only because it is installed, and the daemon never uses.

sqlite-utils looks for pandas and numpy, structlog for rich: together 15 to 60 MiB, at every start.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

OPTIONAL = ("numpy", "pandas", "rich")


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let these be not installed, for whoever looks within the block; what is loaded stays."""
    hidden = [name for name in names if name not in sys.modules]
    # Python's own way of saying that a module cannot be imported.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def collect_rarely() -> None:
    """Look for cycles seldom, and never in what is there by now; call it before the loop runs.

    Decisions make thousands of objects and hardly a cycle: of their time 7 % were gc's, now 2 %.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
