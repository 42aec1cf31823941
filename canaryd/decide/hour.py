"""What each pod that served did over the last hour: without its warm-up, and across one swap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import TypeAlias, TypeVar

from canaryd.decide.tiles import is_error
from canaryd.model.past import Past, Series
from canaryd.model.tile import ALL, PodName

PERIOD = 180
"""Blocks of each size that `dispersion` looks at begin anew after so many columns."""

Value = TypeVar("Value")
Counts: TypeAlias = list[float]
"""One number a column."""


@dataclass(slots=True)
class Track:
    """What one pod did, by column; `below` by bucket edge, cumulative over edges."""

    here: list[bool]
    requests: Counts
    errors: Counts
    below: dict[float, list[float | None]] = field(default_factory=dict[float, list[float | None]])

    @property
    def timed(self) -> Counts:
        """How many requests were timed."""
        every = self.below.get(ALL)
        return [0.0] * len(self.here) if every is None else [count or 0.0 for count in every]

    def slow(self, edge: float, timed: Counts) -> Counts:
        """How many of those took longer; counts of two buckets may be a moment apart."""
        below = self.below.get(edge)
        if below is None:
            return [0.0] * len(timed)
        return [
            0.0 if up_to is None or up_to >= every else min(every - up_to, every)
            for up_to, every in zip(below, timed, strict=True)
        ]

    def has(self, edge: float, timed: Counts) -> bool:
        """Whether its histogram has the edge wherever requests were timed."""
        below = self.below.get(edge)
        if below is None:
            return not any(timed)
        return not any(every and up_to is None for up_to, every in zip(below, timed, strict=True))


@dataclass(frozen=True, slots=True)
class Stretch:
    """The columns from `first` to before `end` in which a workload served, and where they go."""

    first: int
    end: int
    place: int
    length: int
    """How many columns there are in all."""

    def cut(self, every: Sequence[Value], empty: Value) -> list[Value]:
        """The values of these columns in their place; `empty` in all others."""
        part = every[self.first : self.end]
        rest = self.length - self.place - len(part)
        return [*[empty] * self.place, *part, *[empty] * rest]


def stretches(
    ends: Sequence[datetime],
    *,
    primary: str,
    canary: str,
    served_since: datetime,
    window: timedelta,
) -> Mapping[str, Stretch]:
    """When each of the two served; a column in which they changed places is left out.

    What changes with the workload is no difference between its pods: no block of columns spans
    both, so that the later ones begin with a period of their own.
    """
    before = sum(end <= served_since for end in ends)
    since = sum(end - window >= served_since for end in ends)
    place = before + -before % PERIOD
    length = place + since
    return {
        canary: Stretch(0, before, 0, length),
        primary: Stretch(len(ends) - since, len(ends), place, length),
    }


def tracks(
    past: Past, served: Mapping[str, Stretch], *, cold: int, grpc_good: frozenset[str]
) -> list[Track]:
    """What the serving pods did, by name; a pod's first `cold` columns are left out, as in tiles.

    A pod that was there at the very first is past its warm-up.
    """
    by_pod: defaultdict[PodName, list[Series]] = defaultdict(list)
    for series in past.series:
        by_pod[series.pod].append(series)
    found: list[Track] = []
    for pod in sorted(by_pod):
        stretch = served.get(pod[0])
        if stretch is None:
            continue
        here = stretch.cut(warm(presence(by_pod[pod]), cold), empty=False)
        if any(here):
            found.append(_track(by_pod[pod], stretch, here, grpc_good))
    return found


def presence(every: Iterable[Series]) -> list[bool]:
    """In which columns any of a pod's series was there."""
    here: list[bool] = []
    for series in every:
        if None not in series.counts:
            return [True] * len(series.counts)
        there = [count is not None for count in series.counts]
        here = [a or b for a, b in zip(here, there, strict=True)] if here else there
    return here


def warm(here: Sequence[bool], cold: int) -> list[bool]:
    """The same without the first `cold` columns of a pod that came within them."""
    seen = cold if here[:1] == [True] else 0
    kept: list[bool] = []
    for there in here:
        seen += there
        kept.append(there and seen > cold)
    return kept


def _track(
    every: Iterable[Series], stretch: Stretch, here: list[bool], good: frozenset[str]
) -> Track:
    """Add up one pod's series, in the columns in which it counts."""
    none = [0.0] * stretch.length
    track = Track(here, none, none)
    for series in every:
        _, _, code, grpc, edge = series.outcome
        counts = stretch.cut(series.counts, None)
        if edge is not None:
            below = [
                _counted(count) if there and count is not None else None
                for there, count in zip(here, counts, strict=True)
            ]
            if any(count is not None for count in below):
                track.below[edge] = below
            continue
        asked = [
            _counted(count) if there and count else 0.0
            for there, count in zip(here, counts, strict=True)
        ]
        track.requests = added(track.requests, asked)
        if is_error(code, grpc, good):
            track.errors = added(track.errors, asked)
    return track


def _counted(count: float) -> float:
    return count if 0 < count < inf else 0.0


def added(some: Sequence[float], more: Sequence[float]) -> Counts:
    """The sums of two tracks' numbers, column by column."""
    return [a + b for a, b in zip(some, more, strict=True)]
