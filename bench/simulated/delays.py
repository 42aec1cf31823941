"""`python -m bench.simulated.delays`: what costs seconds until a regression is found, one by one.

The product's e-process on independent counts at a steady weight. Each row changes one thing of the
first one only. A regression begins somewhere within an evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, log
from statistics import median
from typing import TypeAlias

import numpy as np

from bench.simulated.tables import DESIGN, ERRORS
from canaryd.decide.evidence import WORSE, EProcess, dispersion
from canaryd.decide.strands import ANEW, AT_START
from canaryd.model.gates import ALPHA

ROLLOUTS, MOST, HOURS = 600, 400, 60
TILE = 10.0
BLOCKS = {1: 360, 3: 120, 6: 60, 18: 20, 30: 12}
"""Sizes of block in columns, and how many of them an hour has."""
BEFORE = 8
"""So many evaluations have counted where a regression begins two minutes after the first weight."""

Key: TypeAlias = tuple[float, float, int, int]


@dataclass(frozen=True, slots=True)
class Design:
    """What may be changed. `phi` None: as estimated from an hour of three even pods."""

    gates: int = 2
    stake: float = AT_START
    bets: tuple[float, ...] = WORSE
    capped: bool = True
    phi: float | None = None
    sigmas: float | None = None
    """A size of block counts only when it exceeds 1 by so many standard deviations."""
    lag: float = 1.0
    finer: int = 1
    before: int = 0
    """So many evaluations of a canary that is not worse yet."""
    anew: float = ANEW
    """So much of what is left is bet with every evaluation."""


def changes() -> Iterator[tuple[str, Design]]:
    """As shipped, then with one thing changed each."""
    base = Design()
    late = replace(base, before=BEFORE)
    yield "as shipped, onset when pods are just warm", base
    yield "no scrape to wait for", replace(base, lag=0.0)
    yield "dispersion known to be 1", replace(base, phi=1.0)
    yield "dispersion only beyond one standard deviation", replace(base, sigmas=1.0)
    yield "all of alpha for errors", replace(base, gates=1)
    yield "everything bet at the start", replace(base, stake=1.0)
    yield "one bet, on what is really wrong", replace(base, bets=())
    yield "no cap per evaluation", replace(base, capped=False)
    yield "evaluations of 1 s", replace(base, finer=10)
    yield f"as shipped, after {BEFORE} healthy evaluations", late
    yield "the same, nothing bet anew", replace(late, anew=0.0)


def estimates(rate: float, load: int, rng: np.random.Generator) -> list[dict[int, float]]:
    """What dispersions of each size of block hours of three even pods seem to have."""
    found: list[dict[int, float]] = []
    for _ in range(HOURS):
        asked = np.full((3, 360), load * TILE / 3)
        failed = np.minimum(rng.poisson(rate * asked), asked).tolist()
        seen = asked.tolist()
        found.append({size: dispersion(failed, seen, blocks=(size,)) for size in BLOCKS})
    return found


def uneven(design: Design, hour: dict[int, float]) -> float:
    """The dispersion that is taken of such an hour."""
    if design.phi is not None:
        return design.phi
    sigmas = -inf if design.sigmas is None else design.sigmas
    least = {size: 1 + sigmas / number**0.5 for size, number in BLOCKS.items()}
    return max([1.0, *(each for size, each in hour.items() if each > least[size])])


def delay(design: Design, key: Key, phi: float, rng: np.random.Generator) -> float:
    """Seconds from the onset until one rollout is taken back."""
    healthy, bad, load, weight = key
    limit, tile = log(design.gates / ALPHA), TILE / design.finer
    bets = design.bets or (bad / (ERRORS.ratio * healthy + ERRORS.delta),)
    cap = limit / 2 if design.capped else inf
    process = EProcess(ERRORS.ratio, ERRORS.delta, bets, cap).release(design.stake)
    canary, primary = load * tile * weight / 100, load * tile * (1 - weight / 100)
    good = float(rng.uniform())
    for look in range(-design.before, MOST * design.finer):
        part = min(max(good - look, 0.0), 1.0)
        wrong = min(float(rng.poisson(canary * (part * healthy + (1 - part) * bad))), canary)
        usual = float(rng.poisson(healthy * primary))
        process = process.release(design.anew * process.reserve)
        process = process.update(wrong, canary, usual, primary, phi)
        if process.log_e >= limit:
            return (look + 1 - good) * tile + design.lag
    return inf


def main() -> int:
    """Print a table: the median seconds, beside the design's figure and one evaluation more."""
    rng = np.random.default_rng(1)
    heads = [f"{100 * b:g} to {100 * a:g} %, {load} x {w} %" for b, a, load, w in DESIGN]
    print(f"| median seconds from the onset | {' | '.join(heads)} |")
    print("| --- |" + " --- |" * len(heads))
    print(f"| aim | {' | '.join(f'{each + TILE:.0f}' for each in DESIGN.values())} |")
    hours = {key: estimates(key[0], key[2], rng) for key in DESIGN}
    for name, design in changes():
        cells: list[str] = []
        for key, mine in hours.items():
            phis = [uneven(design, hour) for hour in mine]
            found = (delay(design, key, phis[n % HOURS], rng) for n in range(ROLLOUTS))
            cells.append(f"{median(found):.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
