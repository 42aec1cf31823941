"""Tiles: what the metrics server counted of two workloads between two instants of its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import TypeAlias

from canaryd.model.answered import Answered
from canaryd.model.gates import Reporter

PodName: TypeAlias = tuple[str, str]
"""Workload and pod; together because of proxies that count for several workloads."""


@dataclass(frozen=True, slots=True)
class Row:
    """How often one pod gave one outcome, or was not slower than one bucket edge.

    `edge` is None for a row of requests with `code` and `grpc`; else the bucket's upper edge in
    milliseconds (infinity: all requests that were timed), and `count` is cumulative over edges.
    """

    workload: str
    pod: str
    count: float
    code: str = ""
    grpc: str = ""
    edge: float | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """When one pod was last scraped by the end and by the start of a tile; None: it was not there.

    `warm` says that it was there already one warm-up before the start, `known` that it was seen
    at some time in the hour before the start (asked for only where it matters).
    """

    workload: str
    pod: str
    at_end: datetime | None = None
    at_start: datetime | None = None
    warm: bool = False
    known: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """One answer: everything that was counted from `start` to `end` on the server's clock.

    `skew` is the server's clock minus ours. `reservation` is a warning of the server, or that the
    answer was partial: the tile counts for nothing. Errors count also where latency cannot:
    `untimed` says in words why no request was timed although it should have been, `lacking` are
    the edges (ms) that were asked for and that some pod's histogram does not have, and `buckets`
    those that there are, if that was asked then. `reporter` is whose proxies counted; None: those
    that the Canary says.
    """

    start: datetime
    end: datetime
    scrape: timedelta
    rows: tuple[Row, ...] = ()
    pods: tuple[Presence, ...] = ()
    skew: timedelta = timedelta()
    reservation: str = ""
    untimed: str = ""
    untimed_of: tuple[str, ...] = ()
    """Whose requests; none: nobody's were."""
    lacking: tuple[float, ...] = ()
    buckets: tuple[float, ...] = ()
    reporter: Reporter | None = None
    counted_by: Reporter | None = None
    """Who counts requests where the one that was asked for has no series of either side."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Tiles are due and do not come: why, in words, and since when without a break (our clock)."""

    answered: Answered
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Edge:
    """A latency bucket edge that tells: its dispersion, and the primary's fraction beyond it."""

    edge: float
    dispersion: float
    tail: float


@dataclass(frozen=True, slots=True)
class Background:
    """What the last hour of the pods that served as primary says about how they vary.

    `pod_hours` is how much of it was seen, `pods` how many served at the end; dispersion 1 is as
    even as chance allows.
    """

    asked_at: datetime
    pods: int
    pod_hours: float
    errors: float = 1.0
    """Dispersion of errors between pods."""
    edges: tuple[Edge, ...] = ()
    rate: float = 0.0
    """Requests per second, all pods together."""
    buckets: tuple[float, ...] = ()
    """Every bucket edge (ms) that any pod's histogram has; empty where nothing was timed."""
    about: str = ""
    """What was asked for, by which it is told from an answer to other gates; empty: not known."""

    @property
    def needed(self) -> float:
        """How many pod-hours are enough to roll back on; fewer where one or two pods serve.

        In an hour each can be seen for an hour at most, and for less where a scrape failed.
        """
        return min(ENOUGH, MOST_OF_IT * max(1, self.pods))

    @property
    def sufficient(self) -> bool:
        """Whether enough was seen to roll back on."""
        return self.pod_hours >= self.needed


ENOUGH = 2.0
MOST_OF_IT = 0.9
"""So much of the hour that was looked at is enough of a pod."""


@dataclass(frozen=True, slots=True)
class Counting:
    """What is known to a decision about a Canary's counts: tiles in order, each at most once."""

    tiles: tuple[Tile, ...] = ()
    silence: Silence | None = None
    background: Background | None = None
    skew: timedelta | None = None
    """The metrics server's clock minus ours; None while it has not answered."""
    scrape: timedelta | None = None
    """The scrape interval, as measured; None while no series has told."""


USUAL_SCRAPE = timedelta(seconds=15)
"""The scrape interval that is assumed until one has been measured."""
ALL = inf
"""The edge of the bucket that holds every request."""
