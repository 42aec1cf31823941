"""Which rollouts are played, and playing them: on several processors, each with its own seed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from zlib import crc32

import numpy as np

from bench.simulated import flagger
from bench.simulated.counters import play
from bench.simulated.scenario import LOADS, RATES, SCENARIOS, SCRAPES, Case, Scenario
from bench.simulated.verdict import MOST_FAILED, Outcome, judge, known
from bench.simulated.weather import PAST, draw
from canaryd.model.gates import MARGIN

RISING = tuple(round(5 + 90 * step / 19) for step in range(20))
"""Twenty weights from 5 to 95; at 100 there is no primary to compare with."""
STEADY = SCENARIOS[0]
REGRESSIONS = ((0.001, 0.01), (0.01, 0.02), (0.01, 0.05))
TRAFFIC = ((100.0, 5), (100.0, 10), (1000.0, 5))
"""Requests per second, and the canary's weight, at which regressions are to be found."""
ONSETS = (40.0, 120.0, 0.0)
"""When a canary gets worse: when its pods are just warm, in a running step, or at once."""
LONGEST = {0.01: 900.0, 0.02: 1500.0, 0.05: 600.0}
"""So long each regression is played from its onset on; the canary does not pass its step."""
BEFORE = 120.0
"""So many seconds before the first weight are played scrape by scrape."""
FLAGGER = {"99 %": 0.01, "tuned": 0.0}
"""Flagger's rules: the most errors; tuned: what the margin of a pass is at the healthy rate."""


@dataclass(frozen=True, slots=True)
class Job:
    """Some rollouts of one case, which share the hour before them."""

    case: Case
    seed: tuple[int, ...]
    rollouts: int


@dataclass(frozen=True, slots=True)
class Played:
    """One rollout: what canaryd did, and when each of Flagger's rules took it back."""

    case: Case
    outcome: Outcome
    flagger: dict[str, float | None]

    @property
    def taken_back(self) -> bool:
        """Whether canaryd does it: without a sufficient background a gate's verdict only holds."""
        done = self.outcome
        return done.at is not None and (done.sufficient or done.why == MOST_FAILED)


def healthy(
    scenarios: tuple[Scenario, ...], pods: tuple[int, ...], *, times: int, share: int, seed: int
) -> Iterator[Job]:
    """Every combination of pods, scrapes, rates and loads, `times` over; `share` use one past."""
    for scenario, count, scrape, rate, load in product(scenarios, pods, SCRAPES, RATES, LOADS):
        for turn, size in enumerate(packs(times, share)):
            case = Case(
                scenario,
                pods=count,
                canary_pods=count if turn % 2 else max(1, count // 3),
                scrape=scrape,
                error_rate=rate,
                load=scenario.rate or load,
                weights=RISING,
                stay=float(max(60, 6 * max(10, scrape))),
            )
            yield Job(case, (seed, *number(case), int(load), turn), size)


def packs(times: int, share: int) -> list[int]:
    """How many rollouts use each past: `share` and what is left, but two pasts where it can be."""
    size = max(1, min(share, times // 2))
    whole, left = divmod(times, size)
    return [size] * whole + [left] * (left > 0)


def number(case: Case) -> tuple[int, ...]:
    """The case as numbers for a seed."""
    name = crc32(case.scenario.name.encode())
    return name, case.pods, case.scrape, round(1e5 * case.error_rate)


def regressed(*, times: int, share: int, seed: int) -> Iterator[Job]:
    """Rollouts that get worse, and never get beyond the first of twenty weights."""
    for onset, (before, after), (load, weight) in product(ONSETS, REGRESSIONS, TRAFFIC):
        case = Case(
            STEADY,
            pods=3,
            canary_pods=3,
            scrape=1,
            error_rate=before,
            load=load,
            weights=(weight,) * 20,
            stay=onset + LONGEST[after],
            bad_rate=after,
            onset=onset,
            most=onset + LONGEST[after],
        )
        for turn, size in enumerate(packs(times, share)):
            of_case = (*number(case), round(1e5 * after), int(load), weight, int(onset))
            yield Job(case, (seed, *of_case, turn), size)


def do(job: Job) -> list[Played]:
    """Play the rollouts of one job."""
    case = job.case
    past_rng, *rngs = (
        np.random.default_rng(seed)
        for seed in np.random.SeedSequence(job.seed).spawn(1 + job.rollouts)
    )
    past = play(case, draw(case, past_rng), past_rng, begin=-PAST - 30, end=0.0, cell=5.0)
    seen = known(case, past)
    found: list[Played] = []
    for rng in rngs:
        tracks = play(
            case,
            draw(case, rng),
            rng,
            begin=-BEFORE,
            end=case.length + case.scrape,
            cell=1.0 if case.scrape == 1 else 2.5,
        )
        outcome = judge(case, tracks, seen, float(rng.integers(case.window)))
        tuned = MARGIN.ratio * case.error_rate + MARGIN.delta
        taken = {
            name: flagger.rolled_back(tracks, flagger.Rule(1 - (most or tuned)), case.length)
            for name, most in FLAGGER.items()
        }
        found.append(Played(case, outcome, taken))
    return found


def do_all(jobs: list[Job], processes: int) -> Iterator[list[Played]]:
    """Play all jobs, as they are done."""
    if processes == 1:
        yield from map(do, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        try:
            for future in as_completed([pool.submit(do, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)
