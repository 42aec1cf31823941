"""Tests on real parts in several worlds at once: most of their time is spent waiting."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

SECONDS = {
    "test_cli.py": 90,
    "test_daemon.py": 60,
    "test_demo.py": 60,
    "test_evidence.py": 420,
    "test_faults.py": 360,
    "test_kills.py": 300,
    "test_kube_adapters.py": 60,
    "test_prometheus_live.py": 150,
    "test_prometheus_tiles.py": 60,
    "test_pushes.py": 90,
    "test_quiet.py": 120,
    "test_rollback.py": 90,
    "test_scale.py": 300,
    "test_walk.py": 90,
}
"""How long a file takes, about; it only decides which world it runs in."""
OTHERWISE = 40


def files_of(paths: Iterable[str]) -> list[Path]:
    """The test files among and under these paths."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return found


def dealt(files: Sequence[Path], count: int) -> list[list[Path]]:
    """The files in so many heaps that take about as long; the longest go first."""
    heaps: list[tuple[int, list[Path]]] = [(0, []) for _ in range(count)]
    for file in sorted(files, key=lambda file: -SECONDS.get(file.name, OTHERWISE)):
        place = min(range(count), key=lambda index: heaps[index][0])
        weight, heap = heaps[place]
        heaps[place] = (weight + SECONDS.get(file.name, OTHERWISE), [*heap, file])
    return [heap for _, heap in heaps if heap]


def run(count: int, args: Sequence[str]) -> int:
    """Run pytest on heaps of the files at once, each in a world; the worst exit code."""
    paths = [arg for arg in args if Path(arg).exists()]
    options = [arg for arg in args if arg not in paths]
    heaps = dealt(files_of(paths), count)
    running = [start(heap, options) for heap in heaps]
    showing = [
        threading.Thread(target=show, args=(process, f"world {number}"))
        for number, process in enumerate(running, 1)
    ]
    for thread in showing:
        thread.start()
    try:
        for thread in showing:
            thread.join()
    except KeyboardInterrupt:  # they got it too, and end by themselves
        for thread in showing:
            thread.join()
    return max((process.wait() for process in running), default=0)


def start(files: Sequence[Path], options: Sequence[str]) -> subprocess.Popen[str]:
    """One pytest in a world of its own."""
    pytest = [sys.executable, "-m", "pytest", *options, *map(str, files)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.world", "run", "--", *pytest],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def show(process: subprocess.Popen[str], name: str) -> None:
    """Pass on what it prints, each line with the world's name."""
    assert process.stdout is not None
    for line in process.stdout:
        print(f"{name} | {line}", end="", flush=True)
