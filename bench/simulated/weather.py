"""What happens to which pod and when, drawn once per rollout: births, bursts, outages, gaps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.simulated.scenario import Case

PAST = 3600.0
"""So much of the time before the rollout is played, in seconds."""
PRIMARY, CANARY = "shop-v1", "shop-v2"
DOWN = 3.0
"""A container that restarts is away for so long."""


@dataclass(slots=True)
class Pod:
    """One pod: when it came and left, and when its container restarted. Seconds; live at 0."""

    name: str
    workload: str
    born: float
    left: float
    phase: float
    """When it is scraped, within the scrape interval."""
    restarts: list[float] = field(default_factory=list[float])
    gaps: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """When it could not be scraped."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """For a time, requests fail with probability `failing`, and a share `slow` is slowed down.

    `pod` is its index; None: all pods.
    """

    pod: int | None
    begin: float
    end: float
    failing: float
    slow: float


@dataclass(slots=True)
class Weather:
    """Everything that happens in one rollout."""

    pods: list[Pod]
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    silent: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """When the metrics server was down."""
    base_rate: float = 0.0
    """Error rate outside of bursts."""


def moments(rng: np.random.Generator, every: float, begin: float, end: float) -> list[float]:
    """Instants of a Poisson process."""
    if not every or end <= begin:
        return []
    return sorted(rng.uniform(begin, end, rng.poisson((end - begin) / every)).tolist())


def draw(case: Case, rng: np.random.Generator) -> Weather:
    """Draw one rollout's weather."""
    weather = Weather(pods(case, rng), base_rate=case.error_rate)
    end = case.length + 60
    for index in range(len(weather.pods)):
        happen_to(weather, index, case, rng)
    scenario = case.scenario
    if scenario.burst_every:
        weather.base_rate = case.error_rate / 2
    if scenario.outages:
        for at in moments(rng, 1200 / scenario.outages, -PAST, end):
            hit = float(rng.uniform(0.2, 1.0))
            lasts = float(rng.uniform(20, 120))
            weather.troubles.append(Trouble(None, at, at + lasts, hit, 0.5))
    if scenario.gap_every:
        at = float(rng.uniform(0, case.length))
        weather.silent.append((at, at + float(rng.uniform(30, 200))))
    return weather


def happen_to(weather: Weather, index: int, case: Case, rng: np.random.Generator) -> None:
    """Draw what happens to one pod alone."""
    scenario, pod = case.scenario, weather.pods[index]
    begin, end = max(pod.born, -PAST), min(pod.left, case.length + 60)
    pod.restarts = moments(rng, scenario.restart_every, begin + 10, end)
    pod.gaps = [
        (at, at + float(rng.uniform(20, 240)))
        for at in moments(rng, scenario.gap_every, begin, end)
    ]
    if scenario.burst_every:
        share = scenario.burst_lasts / scenario.burst_every
        failing = min(1.0, case.error_rate / 2 / share)
        for at in moments(rng, scenario.burst_every, begin, end):
            lasts = float(rng.exponential(scenario.burst_lasts))
            weather.troubles.append(Trouble(index, at, at + lasts, failing, 0.15))
    if scenario.cold:
        weather.troubles.extend(
            Trouble(index, since + 5 * part, since + 5 * (part + 1), scenario.cold * fade, fade / 2)
            for since in (pod.born, *pod.restarts)
            for part, fade in enumerate((1.0, 0.8, 0.6, 0.4, 0.2))
            if since >= begin
        )


def pods(case: Case, rng: np.random.Generator) -> list[Pod]:
    """All pods that live at some time of it."""
    found: list[Pod] = []
    for workload, count in ((PRIMARY, case.pods), (CANARY, case.canary_pods)):
        for place in range(count):
            if workload == CANARY:
                early = rng.uniform(5, 40) if case.scenario.cold else rng.uniform(60, 300)
                born = -float(early)
            else:
                born = -float(rng.uniform(3 * PAST, 30 * PAST))
            found.extend(line(case, rng, workload, place, born))
    return found


def line(case: Case, rng: np.random.Generator, workload: str, place: int, born: float) -> list[Pod]:
    """One replica: a pod, and those that take its place one after the other."""
    found: list[Pod] = []
    every = case.scenario.leave_every
    while born < case.length:
        left = float("inf")
        if every:
            left = max(born, -PAST) + max(30.0, float(rng.exponential(every)))
        phase = float(rng.uniform(0, case.scrape))
        found.append(Pod(f"{workload}-{place}-{len(found)}", workload, born, left, phase))
        born = left
    return found
