"""Counts the living Python objects of the process it is imported in, when asked by SIGUSR2.

The collector knows only what may be part of a cycle; strings, numbers and what is made of them are
among the allocated blocks; what is larger than 512 bytes is in glibc's heap. What the process has
of the system beside Python's arenas and glibc's heap is told by /proc, by kind of mapping.
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
DEAD = "objects in dead cycles"
"""What the collector had not got to yet; they are gone when the rest is counted."""
HEAP_USED = "heap KiB in use"
HEAP_FREE = "heap KiB free"
"""What was given back and is kept by glibc, because something beside it is in use."""
ARENAS_USED = "arena KiB in use"
ARENAS_FREE = "arena KiB free"
"""Blocks of up to 512 bytes live in arenas of a MiB; one goes back only when all of it is free."""
FILES = "RSS of files KiB"
OTHERS = "RSS of other mappings KiB"
HEAP = "RSS of the heap KiB"
MEMORY = (DEAD, BLOCKS, HEAP_USED, HEAP_FREE, ARENAS_USED, ARENAS_FREE, FILES, HEAP, OTHERS)
_ARENAS = re.compile(r"# (arenas allocated current|bytes in allocated blocks)\s+=\s+([\d,]+)")
_ARENA = 1024
"""KiB, since CPython 3.10."""
_SIZE = re.compile(r'<(?:total|system) type="(\w+)".*?size="(\d+)"/>')


def answer() -> None:
    """From now on write the counts by type to the file that CENSUS_FILE names, when asked."""
    signal.signal(signal.SIGUSR2, lambda *_: count(Path(os.environ["CENSUS_FILE"])))


def count(file: Path) -> None:
    """Write how many objects of each type the collector knows; whole or not at all."""
    dead = gc.collect()
    found = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    found[DEAD] = dead
    found[BLOCKS] = sys.getallocatedblocks()
    found.update(heap(file.with_suffix(".heap")))
    found.update(arenas(file.with_suffix(".arenas")))
    found.update(resident())
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


def arenas(file: Path) -> dict[str, int]:
    """What pymalloc has, by its own account, which it only writes to the error stream (KiB)."""
    kept = os.dup(2)
    try:
        with file.open("wb") as instead:
            os.dup2(instead.fileno(), 2)
        sys._debugmallocstats()  # noqa: SLF001 - the only account there is
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    found = {
        what: int(number.replace(",", "")) for what, number in _ARENAS.findall(file.read_text())
    }
    used = found["bytes in allocated blocks"] // 1024
    return {ARENAS_USED: used, ARENAS_FREE: found["arenas allocated current"] * _ARENA - used}


def resident() -> dict[str, int]:
    """What of the process is in memory, by kind of mapping (KiB)."""
    sums: Counter[str] = Counter({FILES: 0, HEAP: 0, OTHERS: 0})
    kind = OTHERS
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *_, last = line.split()
        if "-" in first:
            kind = FILES if last.startswith("/") else HEAP if last == "[heap]" else OTHERS
        elif first == "Rss:":
            sums[kind] += int(line.split()[1])
    return dict(sums)
