"""Keeps the process small: what is never used is not imported, what is free goes back.

sqlite-utils looks for pandas and numpy, structlog for rich: together 15 to 60 MiB, at every start.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
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


def trimming() -> Callable[[int], int] | None:
    """Glibc's `malloc_trim`, which gives free pages back; None where there is another libc."""
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


async def give_back() -> None:
    """Give the system what is free in the heap, beside the loop: a few milliseconds.

    Requests and answers come and go between what stays. glibc by itself gives back only what is
    free at the heap's end, so that an hour's busiest moment would be paid for ever.
    """
    trim = trimming()
    if trim is not None:
        await asyncio.to_thread(trim, 0)
