"""What the arithmetic of the gates costs: an evaluation of one gate, a dispersion of 100 pods.

Beside the dispersion stands its plain form, which adds every block up anew. Needs no test world.
"""

from __future__ import annotations

import timeit
from argparse import ArgumentParser
from collections.abc import Callable
from random import Random

from canaryd.decide.evidence import EProcess, dispersion

PODS, COLUMNS = 100, 360
Table = list[list[int]]


def microseconds(work: Callable[[], object], times: int) -> float:
    """The least of five runs, for one call."""
    return min(timeit.repeat(work, number=times, repeat=5)) / times * 1e6


def plain_dispersion(errors: Table, requests: Table) -> float:
    """The definition for several pods, term by term."""
    best = 1.0
    for size in (1, 3, 6, 18, 30):
        seen = expected = 2.0
        for s in range(0, COLUMNS - size + 1, size):
            xs = [sum(row[s : s + size]) for row in errors]
            ns = [sum(row[s : s + size]) for row in requests]
            rate, asked = sum(xs) / sum(ns), sum(ns)
            for x, n in zip(xs, ns, strict=True):
                seen += (x - rate * n) ** 2
                expected += rate * n * (1 - n / asked)
        best = max(best, seen / expected)
    return best


def main() -> int:
    """Print one line for each."""
    ArgumentParser(prog="python -m bench evidence", description=__doc__).parse_args()
    process = EProcess(1.1, 0.0005, cap=2.3).release(0.5)
    update = microseconds(lambda: process.update(3, 120, 9, 1100, 1.7), 20_000)
    print(f"update, five bets: {update:.1f} us")
    print(f"log_e: {microseconds(lambda: process.log_e, 20_000):.1f} us")
    draw = Random(1)  # noqa: S311 - the same table in every run
    requests = [[draw.randrange(20, 200) for _ in range(COLUMNS)] for _ in range(PODS)]
    errors = [[draw.randrange(1 + n // 20) for n in row] for row in requests]
    assert abs(dispersion(errors, requests) - plain_dispersion(errors, requests)) < 1e-6
    quick = microseconds(lambda: dispersion(errors, requests), 1) / 1000
    plain = microseconds(lambda: plain_dispersion(errors, requests), 1) / 1000
    print(f"dispersion, {PODS} pods x {COLUMNS} columns: {quick:.0f} ms; plain form {plain:.0f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
