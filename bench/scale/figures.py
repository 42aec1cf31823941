"""What was measured, as numbers with names; and spreads of them."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any

from typing_extensions import override

from bench.scale.asked import Kind
from bench.scale.requests import Counts, advancing, work, writes
from bench.scale.window import Window


@dataclass(frozen=True, slots=True)
class Spread:
    """Some figures of one kind."""

    count: int
    p50: float
    p90: float
    p99: float
    most: float

    @override
    def __str__(self) -> str:
        return f"{self.p50:.2f}/{self.p99:.2f}/{self.most:.2f}" if self.count else "-"


def spread(values: Iterable[float]) -> Spread:
    """Quantiles by nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)

    def at(share: float) -> float:
        return ordered[max(0, ceil(share * len(ordered)) - 1)]

    return Spread(len(ordered), at(0.5), at(0.9), at(0.99), ordered[-1])


DEBOUNCE = 0.1
"""Seconds without a change after which istiod pushes; at most 10 s after the first."""
Figures = dict[str, float | int | str | Spread]


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario with one N."""

    scenario: str
    count: int
    figures: Figures
    requests: dict[str, int] = field(default_factory=dict[str, int])
    queries: dict[str, int] = field(default_factory=dict[str, int])
    way: str = "thresholds"
    interval: float = 10
    """Seconds; Flagger's is 10."""
    releases: int = 0
    """How many there were; 0 when none was looked at."""
    advancing: dict[str, int] = field(default_factory=dict[str, int])
    """The requests between a release's first weight and its fifth, over all releases.

    Those that are never of one Canary are not there, as lists, watches and leases.
    """
    advancing_ticks: int = 0

    def per_release(self, request: str) -> float:
        """How many of these requests there were for each release."""
        return self.requests.get(request, 0) / self.releases if self.releases else 0.0

    def per_tick(self, request: str) -> float | None:
        """How many of these there were for each tick of a step, from one weight to the next.

        None without such ticks, and for what is never of one Canary: that belongs to no tick.
        """
        if not self.advancing_ticks or request not in self.advancing:
            return None
        return self.advancing[request] / self.advancing_ticks

    def each(self, request: str) -> float:
        """How many of these requests there were for each Canary; refused ones are others."""
        return self.requests.get(request, 0) / self.count

    def number(self, name: str) -> float:
        """A figure that is one number."""
        value = self.figures[name]
        if isinstance(value, int | float):
            return value
        raise TypeError(name)


def used(window: Window) -> Figures:
    """What every scenario says of its window, whatever it is a part of."""
    asked = work(window.requests)
    busiest = max(window.threads.values(), default=0.0)
    tiles = tiles_of(window)
    return {
        "seconds": window.seconds,
        **({"CPU ms per tile": 1000 * window.cpu / tiles} if tiles else {}),
        "CPU % of a core": 100 * window.cpu / window.seconds,
        "CPU % in the busiest thread": 100 * busiest / window.seconds,
        "requests": sum(asked.values()),
        "writes": writes(window.requests),
        "refused for being too many": sum(n for name, n in asked.items() if name.endswith(" 429")),
        "Prometheus queries": sum(window.queries.values()),
        "workloads asked": sum(window.asked.values()),
        "RSS MiB": window.memory,
        "HWM MiB": window.most_memory,
        "control plane CPU %": 100 * window.control_plane,
        "others CPU %": 100 * window.others,
        **strained(window),
    }


def tiles_of(window: Window) -> float:
    """How many tiles were asked for: of each both sides are named."""
    return window.asked[Kind.SWIFT.value] / 2


def shared(window: Window, *, ticks: float, per: float) -> Figures:
    """What one tick and one release, or one Canary, has of it; `per` is how many these are."""
    asked = sum(work(window.requests).values())
    return {
        "ticks": ticks,
        "CPU ms per tick": 1000 * window.cpu / ticks,
        "CPU ms each": 1000 * window.cpu / per,
        "tiles each": tiles_of(window) / per,
        "decisions each": window.decisions / per,
        "requests per tick": asked / ticks,
        "requests each": asked / per,
        "Prometheus queries per tick": sum(window.queries.values()) / ticks,
    }


def strained(window: Window) -> Figures:
    """How hard the rest of the machine had it."""
    strain = window.strain
    return {
        "machine busy %": 100 * strain.busy,
        "free MiB at the least": strain.free,
        "API read ms": spread(strain.reads),
        "API write ms": spread(strain.writes),
        **{f"{name} CPU %": 100 * cores for name, cores in strain.cores.items()},
        **{f"{name} MiB": mib for name, mib in strain.memory.items()},
    }


def together(stamps: Iterable[float]) -> Figures:
    """How the writes of VirtualServices come: in batches, each of which istiod takes as one.

    `stamps` are seconds; a batch ends where istiod's debounce could close.
    """
    ordered = sorted(stamps)
    if not ordered:
        return {}
    runs = [[ordered[0]]]
    for before, at in pairwise(ordered):
        if at - before < DEBOUNCE:
            runs[-1].append(at)
        else:
            runs.append([at])
    seconds = int(ordered[-1] - ordered[0]) + 1
    written = {int(at - ordered[0]) for at in ordered}
    return {
        "weights written together": spread(len(run) for run in runs),
        "debounce kept open s": spread(run[-1] - run[0] + DEBOUNCE for run in runs),
        "seconds without a weight written %": 100 * (1 - len(written) / seconds),
    }


def result(
    scenario: str,
    count: int,
    window: Window,
    *,
    way: str,
    ticks: float | None,
    interval: float,
    more: dict[str, Any],
    releases: int = 0,
    apart: Container[str] = (),
) -> Result:
    """A scenario's result; what is of each is divided by the releases, if there were any, or N.

    Without ticks the window is no whole number of anything, and nothing in it is of each. `apart`
    are Canaries, "namespace/name", of which not every release was promoted.
    """
    steps, steps_ticks, of_each = Counts(), 0, Figures()
    if ticks is not None:
        steps, steps_ticks = advancing(window.sent, apart)
        of_each = shared(window, ticks=ticks, per=releases or count)
    if steps_ticks:
        of_each["requests per advancing tick"] = sum(work(steps).values()) / steps_ticks
    return Result(
        scenario,
        count,
        {
            **more,
            **together(window.weights),
            **used(window),
            **of_each,
        },
        dict(sorted(window.requests.items())),
        dict(window.queries),
        way,
        interval,
        releases,
        dict(sorted(steps.items())),
        steps_ticks,
    )
