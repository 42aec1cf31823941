"""What was measured, as numbers with names; and spreads of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from typing_extensions import override

from bench.scale.requests import work, writes
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


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario with one N."""

    scenario: str
    count: int
    figures: dict[str, float | int | str | Spread]
    requests: dict[str, int] = field(default_factory=dict[str, int])
    queries: dict[str, int] = field(default_factory=dict[str, int])

    def each(self, request: str) -> float:
        """How many of these requests there were for each Canary; refused ones are others."""
        return self.requests.get(request, 0) / self.count

    def number(self, name: str) -> float:
        """A figure that is one number."""
        value = self.figures[name]
        if isinstance(value, int | float):
            return value
        raise TypeError(name)


def used(window: Window, *, ticks: float, per: float) -> dict[str, float | int | str | Spread]:
    """What every scenario says of its window; `per` is what requests are divided by."""
    asked = work(window.requests)
    busiest = max(window.threads.values(), default=0.0)
    return {
        "seconds": window.seconds,
        "ticks": ticks,
        "CPU ms per tick": 1000 * window.cpu / ticks,
        "CPU ms each": 1000 * window.cpu / per,
        "decisions each": window.decisions / per,
        "CPU % of a core": 100 * window.cpu / window.seconds,
        "CPU % in the busiest thread": 100 * busiest / window.seconds,
        "requests": sum(asked.values()),
        "writes": writes(window.requests),
        "requests per tick": sum(asked.values()) / ticks,
        "requests each": sum(asked.values()) / per,
        "Prometheus queries": sum(window.queries.values()),
        "workloads asked": sum(window.asked.values()),
        "RSS MiB": window.memory,
        "HWM MiB": window.most_memory,
        "control plane CPU %": 100 * window.control_plane,
        "others CPU %": 100 * window.others,
    }


def result(
    scenario: str, count: int, window: Window, *, ticks: float, more: dict[str, Any]
) -> Result:
    """A scenario's result."""
    return Result(
        scenario,
        count,
        {**more, **used(window, ticks=ticks, per=count)},
        dict(sorted(window.requests.items())),
        dict(window.queries),
    )
