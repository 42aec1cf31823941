"""What the pods' proxies counted, as a metrics server with staggered scrapes has it."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bench.simulated.scenario import EDGES, Case
from bench.simulated.weather import CANARY, DOWN, Pod, Weather

Floats = npt.NDArray[np.float64]

MEDIAN, SPREAD, SLOWED = 20.0, 1.0, 5.0
"""Latencies are lognormal; what is slowed down takes five times as long."""
LOOK_BACK = 300.0
"""Prometheus shows a series' last sample for so long, if no staleness marker follows."""
GONE, SEEN, SILENT = 0, 1, -1


def beyond(edge: float, factor: float = 1.0) -> float:
    """The fraction of requests slower than an edge in milliseconds."""
    return 0.5 * math.erfc(math.log(edge / (MEDIAN * factor)) / SPREAD / math.sqrt(2))


def bins(factor: float) -> Floats:
    """The fraction of requests between successive edges; the last is what is slower than all."""
    tails = [1.0, *(beyond(edge, factor) for edge in EDGES), 0.0]
    return np.array([above - below for above, below in pairwise(tails)])


USUAL, SLOW = bins(1.0), bins(SLOWED)
OK, BAD, FIRST_EDGE = 0, 1, 2
"""Where in a sample stand requests that went well, errors, then counts up to each edge, and all."""
SERIES = FIRST_EDGE + len(EDGES) + 1


@dataclass(slots=True)
class Track:
    """One pod's scrapes: when the first one was, what each saw, and what became of it."""

    pod: Pod
    first: float
    every: float
    samples: list[list[float]]
    seen: list[int]
    """GONE: a staleness marker; SILENT: nothing was written; else SEEN."""
    latest: list[int]
    """For each scrape, the last one up to it that wrote anything; -1: none."""

    def at(self, instant: float) -> int | None:
        """Which scrape an instant query finds; None: none, or no request came before it."""
        index = min(math.floor((instant - self.first) / self.every), len(self.seen) - 1)
        if index < 0:
            return None
        index = self.latest[index]
        if index < 0 or not self.found(index) or instant - self.time(index) >= LOOK_BACK:
            return None
        return index

    def found(self, index: int) -> bool:
        """Whether a scrape found any series: a proxy has none before its first request."""
        return self.seen[index] == SEEN and self.samples[index][-1] > 0

    def time(self, index: int) -> float:
        """When a scrape was."""
        return self.first + index * self.every

    def known(self, begin: float, end: float) -> bool:
        """Whether any scrape between found its series."""
        if self.pod.born < self.first - 2 * LOOK_BACK:
            return True  # longer than any gap lasts
        first = max(0, math.ceil((begin - self.first) / self.every))
        last = math.floor((end - self.first) / self.every)
        return any(self.found(index) for index in range(first, min(last + 1, len(self.seen))))


def play(
    case: Case, weather: Weather, rng: np.random.Generator, *, begin: float, end: float, cell: float
) -> list[Track]:
    """Let the service run and be scraped; counts are drawn per pod and `cell` seconds."""
    every = max(float(case.scrape), cell)
    each = round(every / cell)
    scrapes = math.ceil((end - begin) / every) + 1
    places = [
        place for place, pod in enumerate(weather.pods) if pod.born < end and pod.left > begin
    ]
    pods = [weather.pods[place] for place in places]
    phases = np.array([pod.phase % every for pod in pods])
    middles = np.arange(scrapes * each) * cell + cell / 2 - every
    times = begin + phases[:, None] + middles[None, :]
    rates = requests(case, weather, pods, times)
    failing, slow = conditions(case, weather, pods, places, times)
    growth = grow(case, rng, rates * cell, failing, slow)
    totals = np.cumsum(growth, axis=1)
    tracks: list[Track] = []
    for place, pod in enumerate(pods):
        mine = totals[place] + base(case, pod, begin, rates[place])
        for restart in pod.restarts:
            after = int(np.searchsorted(times[place], restart))
            if 0 < after < len(mine):
                mine[after:] -= mine[after - 1].copy()
        first = begin + float(phases[place])
        seen = visible(pod, weather, first + np.arange(scrapes) * every)
        tracks.append(Track(pod, first, every, mine[each - 1 :: each].tolist(), seen, latest(seen)))
    return tracks


def requests(case: Case, weather: Weather, pods: list[Pod], times: Floats) -> Floats:
    """Requests per second of each pod."""
    changes = np.arange(len(case.weights)) * case.stay
    weights = np.array([0.0, *case.weights])
    share = weights[np.searchsorted(changes, times, side="right")] / 100
    load = np.full_like(times, case.load)
    if case.scenario.wave:
        load *= 1 + 0.7 * np.sin(2 * math.pi * times / case.scenario.wave)
    for place, pod in enumerate(pods):
        mine = [other for other in weather.pods if other.workload == pod.workload]
        born = np.sort([other.born for other in mine])
        left = np.sort([other.left for other in mine])
        here = times[place]
        alive = np.searchsorted(born, here, "right") - np.searchsorted(left, here, "right")
        part = share[place] if pod.workload == CANARY else 1 - share[place]
        there = (here >= pod.born) & (here < pod.left)
        load[place] *= np.where(there, part / np.maximum(alive, 1), 0.0)
    return load


def conditions(
    case: Case, weather: Weather, pods: list[Pod], places: list[int], times: Floats
) -> tuple[Floats, Floats]:
    """How likely a request fails, and is slowed down, for each pod and cell."""
    failing = np.full_like(times, weather.base_rate)
    if case.bad_rate is not None:
        canary = np.array([pod.workload == CANARY for pod in pods])
        failing[canary[:, None] & (times >= case.onset)] = case.bad_rate
    if case.scenario.wave:
        failing *= 2 ** np.sin(2 * math.pi * times / case.scenario.wave + 1)
    slow = np.zeros_like(times)
    rows = {place: row for row, place in enumerate(places)}
    for trouble in weather.troubles:
        struck: slice = slice(None)
        if trouble.pod is not None:
            if trouble.pod not in rows:
                continue
            struck = slice(rows[trouble.pod], rows[trouble.pod] + 1)
        during = (times[struck] >= trouble.begin) & (times[struck] < trouble.end)
        failing[struck] += during * trouble.failing
        slow[struck] += during * trouble.slow
    return np.minimum(failing, 1.0), np.minimum(slow, 1.0)


def grow(
    case: Case, rng: np.random.Generator, expected: Floats, failing: Floats, slow: Floats
) -> Floats:
    """Draw what each pod's counters grow by in each cell; errors are answered fast."""
    clump = case.scenario.clump
    clumps = rng.poisson(expected * failing / clump)
    bad = clumps.astype(np.float64)
    if clump > 1:
        some = clumps > 0
        bad[some] += rng.negative_binomial(clumps[some], 1 / clump)
    mix = USUAL + slow[:, :, None] * (SLOW - USUAL) if slow.any() else USUAL[None, None, :]
    good = rng.poisson((expected * (1 - failing))[:, :, None] * mix)
    growth = np.empty((*expected.shape, SERIES))
    np.cumsum(good, axis=2, out=growth[:, :, FIRST_EDGE:])
    growth[:, :, OK] = growth[:, :, -1]
    growth[:, :, BAD] = bad
    growth[:, :, FIRST_EDGE:] += bad[:, :, None]
    return growth


def base(case: Case, pod: Pod, begin: float, rates: Floats) -> Floats:
    """What a pod that is older than the part played has counted before."""
    if pod.born >= begin:
        return np.zeros(SERIES)
    before = round((begin - pod.born) * float(rates[0]))
    bad = round(before * case.error_rate)
    up_to = np.floor(np.cumsum(USUAL) * (before - bad)) + bad
    return np.array([before - bad, bad, *up_to])


def visible(pod: Pod, weather: Weather, at: npt.NDArray[np.floating]) -> list[int]:
    """What became of each scrape of a pod."""
    seen = np.full(at.shape, SEEN)
    seen[(at < pod.born) | (at >= pod.left)] = GONE
    for begin, end in (*pod.gaps, *((restart, restart + DOWN) for restart in pod.restarts)):
        seen[(at >= begin) & (at < end)] = GONE
    for begin, end in weather.silent:
        seen[(at >= begin) & (at < end)] = SILENT
    found: list[int] = seen.tolist()
    return found


def latest(seen: list[int]) -> list[int]:
    """For each scrape, the last one up to it that wrote anything."""
    found: list[int] = []
    last = -1
    for index, state in enumerate(seen):
        last = index if state != SILENT else last
        found.append(last)
    return found


def weight_at(case: Case, instant: float) -> int:
    """The canary's weight at an instant."""
    changes = [step * case.stay for step in range(len(case.weights))]
    return (0, *case.weights)[bisect_right(changes, instant)]
