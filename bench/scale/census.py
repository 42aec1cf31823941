"""Counts the living Python objects of the process it is imported in, when asked by SIGUSR2.

The collector knows only what may be part of a cycle; strings, numbers and what is made of them are
among the allocated blocks; what is larger than 512 bytes is in glibc's heap.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

BLOCKS = "allocated blocks"
HEAP_USED = "heap KiB in use"
HEAP_FREE = "heap KiB free"
"""What was given back and is kept by glibc, because something beside it is in use."""
_SIZE = re.compile(r'<(?:total|system) type="(\w+)".*?size="(\d+)"/>')


def answer() -> None:
    """From now on write the counts by type to the file that CENSUS_FILE names, when asked."""
    signal.signal(signal.SIGUSR2, lambda *_: count(Path(os.environ["CENSUS_FILE"])))


def count(file: Path) -> None:
    """Write how many objects of each type the collector knows; whole or not at all."""
    gc.collect()
    found = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    found[BLOCKS] = sys.getallocatedblocks()
    found.update(heap(file.with_suffix(".heap")))
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps(dict(found.most_common())))
    beside.replace(file)


def heap(file: Path) -> dict[str, int]:
    """What glibc's malloc has of the system over all its arenas, by its own account (KiB)."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.fopen(bytes(file), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    whole = file.read_text().rpartition("</heap>")[2]  # below it stand the sums
    sizes = {kind: int(size) // 1024 for kind, size in _SIZE.findall(whole)}
    free = sizes["fast"] + sizes["rest"]
    return {HEAP_USED: sizes["current"] + sizes["mmap"] - free, HEAP_FREE: free}
