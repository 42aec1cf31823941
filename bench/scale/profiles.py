"""py-spy beside the daemon, and which functions its samples are in."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RATE = 100
MOST = 40
WAITING = ("EpollSelector.select", "Condition.wait", "SimpleQueue.get", "_worker (concurrent")
"""A sample in one of these is of a thread that waits, whatever py-spy says."""


@contextmanager
def recorded(pid: int, file: Path) -> Iterator[None]:
    """Record the threads that work while the block runs; folded stacks, and a tally beside them."""
    tool = program()
    if tool is None:
        raise SystemExit("py-spy is not here: .venv/bin/python -m pip install py-spy")
    command = [tool, "record", "--pid", str(pid), "--rate", str(RATE), "--nonblocking"]
    command += ["--format", "raw", "--output", str(file), "--duration", "unlimited"]
    with file.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        if file.exists():
            file.with_suffix(".txt").write_text(tally(file.read_text()))


def program() -> str | None:
    """Where py-spy is: in the virtual environment, else in PATH."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def tally(folded: str) -> str:
    """The functions with the most samples: in them or below them, and in themselves."""
    below: Counter[str] = Counter()
    itself: Counter[str] = Counter()
    whole = waits = 0
    for line in folded.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] + ")" for frame in stack.split(";")]
        count = int(number)
        if any(word in frames[-1] for word in WAITING):
            waits += count
            continue
        whole += count
        itself[frames[-1]] += count
        for frame in set(frames):
            below[frame] += count
    lines = [f"{whole} samples, and {waits} of waiting", "with what it calls | alone | function"]
    lines += [
        f"{count / whole:7.1%} | {itself[name] / whole:7.1%} | {name}"
        for name, count in below.most_common(4 * MOST)
    ]
    lines += ["", "alone | function"]
    lines += [f"{count / whole:7.1%} | {name}" for name, count in itself.most_common(MOST)]
    return "\n".join(lines) + "\n"
