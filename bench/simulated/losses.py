"""`python -m bench.simulated.losses`: where canary requests go beyond Wald's bound, one by one.

The product's e-process on independent counts, as shipped and with one thing after another taken
away. Steady traffic: 100 requests/s on 3 pods, 5 % of them to the canary, an evaluation in 10 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, log
from statistics import fmean, median

import numpy as np

from bench.simulated.bounds import wald
from bench.simulated.run import REGRESSIONS
from bench.simulated.tables import ERRORS
from canaryd.decide.evidence import WORSE, EProcess, dispersion
from canaryd.decide.strands import AT_START
from canaryd.model.gates import ALPHA

ROLLOUTS, MOST = 400, 2000
CANARY, PRIMARY = 50.0, 950.0
"""Requests of one evaluation."""


@dataclass(frozen=True, slots=True)
class Design:
    """What may be taken away. `phi` None: as estimated from an hour of three pods."""

    gates: int = 2
    stake: float = AT_START
    bets: tuple[float, ...] = WORSE
    capped: bool = True
    phi: float | None = None
    finer: int = 1
    """So many evaluations where there was one."""


def ladder() -> Iterator[tuple[str, Design]]:
    """As shipped, then without one thing after another."""
    design = Design()
    yield "as shipped: two gates, estimated dispersion", design
    design = replace(design, phi=1.0)
    yield "dispersion known to be 1", design
    design = replace(design, capped=False)
    yield "and no cap per evaluation", design
    design = replace(design, finer=10)
    yield "and ten times as many evaluations", design
    design = replace(design, gates=1)
    yield "and all of alpha for errors", design
    design = replace(design, stake=1.0)
    yield "and everything bet at the start", design
    design = replace(design, bets=())
    yield "and one bet, on what is really wrong", design


def estimated(rng: np.random.Generator, rate: float) -> float:
    """The dispersion that an hour of three even pods seems to have."""
    asked = np.full((3, 360), PRIMARY / 3)
    failed = np.minimum(rng.poisson(rate * asked), asked)
    return dispersion(failed.tolist(), asked.tolist())


def needed(design: Design, rates: tuple[float, float], rng: np.random.Generator) -> float:
    """Canary requests until one rollout is taken back."""
    healthy, bad = rates
    limit = log(design.gates / ALPHA)
    edge = ERRORS.ratio * healthy + ERRORS.delta
    cap = limit / 2 if design.capped else inf
    bets = design.bets or (bad / edge,)
    process = EProcess(ERRORS.ratio, ERRORS.delta, bets, cap).release(design.stake)
    phi = design.phi or estimated(rng, healthy)
    canary, primary = CANARY / design.finer, PRIMARY / design.finer
    for look in range(1, MOST * design.finer):
        wrong = min(int(rng.poisson(bad * canary)), int(canary))
        process = process.update(wrong, canary, int(rng.poisson(healthy * primary)), primary, phi)
        if process.log_e >= limit:
            return look * canary
    return inf


def main() -> int:
    """Print a table: the median and mean over Wald's bound."""
    rng = np.random.default_rng(1)
    heads = [f"{100 * healthy:g} to {100 * bad:g} %" for healthy, bad in REGRESSIONS]
    print(f"| median (mean) requests over Wald's bound | {' | '.join(heads)} |")
    print("| --- |" + " --- |" * len(heads))
    for name, design in ladder():
        cells: list[str] = []
        for rates in REGRESSIONS:
            found = [needed(design, rates, rng) for _ in range(ROLLOUTS)]
            bound = wald(*rates, ERRORS)
            cells.append(f"{median(found) / bound:.2f} ({fmean(found) / bound:.2f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
