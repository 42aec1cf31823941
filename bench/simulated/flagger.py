"""Flagger's rule on the same counters: `rate(...[1m])` every 30 s, so many failed checks in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor

from bench.simulated.counters import BAD, OK, SEEN, Track
from bench.simulated.weather import CANARY

INTERVAL, RANGE, FAILED = 30.0, 60.0, 5


@dataclass(frozen=True, slots=True)
class Rule:
    """The least success rate, as a fraction."""

    least: float
    failed: int = FAILED


def rolled_back(tracks: Sequence[Track], rule: Rule, length: float) -> float | None:
    """When the weight goes to 0: one interval after the last failed check that it takes; or never.

    A check without a value is a failed one, as Flagger counts it.
    """
    canary = [track for track in tracks if track.pod.workload == CANARY]
    failed = 0
    for check in range(1, int(length / INTERVAL) + 1):
        now = check * INTERVAL
        rate = success(canary, now)
        failed += rate is None or rate < rule.least
        if failed >= rule.failed:
            return now + INTERVAL
    return None


def success(canary: Sequence[Track], now: float) -> float | None:
    """The share of requests that were no 5xx; None: no value."""
    good = bad = 0.0
    some = False
    for track in canary:
        for place in (OK, BAD):
            rate = per_second(track, place, now)
            if rate is None:
                continue
            some = True
            good += rate if place == OK else 0.0
            bad += rate if place == BAD else 0.0
    return good / (good + bad) if some and good + bad > 0 else None


def per_second(track: Track, place: int, now: float) -> float | None:
    """Prometheus' `rate` over the last minute, with resets and its extrapolation."""
    begin = now - RANGE
    low = max(0, floor((begin - track.first) / track.every) + 1)
    high = min(floor((now - track.first) / track.every), len(track.seen) - 1)
    points = [
        index
        for index in range(low, high + 1)
        if track.seen[index] == SEEN and track.samples[index][place] > 0
    ]
    if len(points) < 2:
        return None
    values = [track.samples[index][place] for index in points]
    increase = values[-1] - values[0]
    increase += sum(before for before, after in pairwise(values) if after < before)
    first, last = track.time(points[0]), track.time(points[-1])
    return (
        increase
        * extrapolated(first - begin, now - last, last - first, len(points), (values[0], increase))
        / RANGE
    )


def extrapolated(
    before: float, after: float, sampled: float, points: int, counts: tuple[float, float]
) -> float:
    """By how much Prometheus multiplies an increase for the ends of the range it did not see."""
    average = sampled / (points - 1)
    value, increase = counts
    if before >= 1.1 * average:
        before = average / 2
    if increase > 0 and value >= 0:
        before = min(before, sampled * value / increase)
    if after >= 1.1 * average:
        after = average / 2
    return (sampled + before + after) / sampled
