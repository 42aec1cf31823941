"""Past counts as the tiles of a release that never was: some of a workload's pods play the canary.

Pure; chance comes in as a `random.Random` of a known seed, so that a replay can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, log, log1p
from random import Random

from canaryd.decide.tiles import is_error
from canaryd.model.past import Column
from canaryd.model.tile import USUAL_SCRAPE, Presence, Row, Tile

CANARY = " canary"
"""What the pods that play the canary are said to belong to; no workload can be called so."""
ONE_BY_ONE = 50
"""Up to so many arrivals are drawn one by one; above, their sum is drawn."""
NEARLY_NORMAL, HALF = 25.0, 0.5
"""Beyond this variance a binomial is drawn as a normal: below, rare failures would be far off."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The past of one workload in columns of `window`, without a gap, oldest first."""

    workload: str
    window: timedelta
    columns: tuple[Column, ...]
    lag: timedelta = USUAL_SCRAPE
    """How late the daemon would have known a tile: a scrape, and the server's delay."""

    def between(self, first: datetime, last: datetime) -> Sequence[Column]:
        """The columns that begin and end within these instants."""
        begin = self.columns[0].end - self.window if self.columns else first
        low = max(0, ceil((first - begin) / self.window))
        high = max(low, (last - begin) // self.window)
        return self.columns[low:high]


@dataclass(frozen=True, slots=True)
class Regression:
    """How much worse the canary is made: each good request of it fails with this chance."""

    factor: float
    chance: float


def recorded(columns: Sequence[Column], workloads: Sequence[str], window: timedelta) -> Recording:
    """The past of what served: the workload with more requests, column by column.

    Columns that the server did not give are empty: nothing was seen.
    """
    found = {column.end: column for column in columns}
    if not found:
        return Recording(workloads[0], window, ())
    every: list[Column] = []
    end, last = min(found), max(found)
    while end <= last:
        rows = found[end].rows if end in found else ()
        every.append(Column(end, served(rows, workloads)))
        end += window
    return Recording(workloads[0], window, tuple(every))


def served(rows: Sequence[Row], workloads: Sequence[str]) -> tuple[Row, ...]:
    """The rows of the workload that got most requests, under the name of the first."""
    total = {
        name: sum(row.count for row in rows if row.workload == name and row.edge is None)
        for name in workloads
    }
    busiest = max(workloads, key=lambda name: total[name])
    return tuple(replace(row, workload=workloads[0]) for row in rows if row.workload == busiest)


def pods(columns: Sequence[Column]) -> tuple[str, ...]:
    """All pods that were seen, in the order of their names."""
    return tuple(sorted({row.pod for column in columns for row in column.rows}))


def tiles(
    recording: Recording,
    columns: Sequence[Column],
    canary: frozenset[str],
    *,
    warm_up: timedelta,
    worse: Regression | None = None,
    chance: Random,
) -> Iterator[Tile]:
    """The columns as tiles in which these pods are the canary, healthy or made worse."""
    needed, seen = ceil(warm_up / recording.window), dict[str, int]()
    for column in columns:
        here = {row.pod for row in column.rows}
        seen = {pod: seen.get(pod, needed if column is columns[0] else 0) + 1 for pod in here}
        rows = [replace(row, workload=CANARY) if row.pod in canary else row for row in column.rows]
        if worse is not None:
            rows = list(spoiled(rows, worse, chance))
        start = column.end - recording.window
        present = (
            Presence(
                CANARY if pod in canary else recording.workload,
                pod,
                column.end,
                start,
                warm=seen[pod] > needed,
            )
            for pod in sorted(here)
        )
        yield Tile(start, column.end, recording.window, tuple(rows), tuple(present))


def spoiled(rows: Sequence[Row], worse: Regression, chance: Random) -> Iterator[Row]:
    """Let some of the canary's good requests fail."""
    for row in rows:
        if row.workload != CANARY or row.edge is not None or is_error(row.code, "", frozenset()):
            yield row
            continue
        failed = drawn(row.count, worse.chance, chance)
        yield replace(row, count=row.count - failed)
        if failed:
            yield replace(row, code="500", grpc="", count=failed)


def drawn(count: float, chance: float, source: Random) -> float:
    """How many of so many come out, each with this chance (binomial)."""
    whole = round(count)
    if chance > HALF:
        return whole - drawn(whole, 1 - chance, source)
    mean = whole * chance
    if mean * (1 - chance) > NEARLY_NORMAL:
        value = round(source.gauss(mean, (mean * (1 - chance)) ** 0.5))
        return float(min(max(value, 0), whole))
    if not mean:
        return 0.0
    found, at = 0, 0  # from one that comes out to the next
    while (at := at + 1 + int(log(1 - source.random()) / log1p(-chance))) <= whole:
        found += 1
    return float(found)


def failing_share(columns: Sequence[Column], good: frozenset[str]) -> float:
    """Which share of the requests went wrong."""
    requests = errors = 0.0
    for column in columns:
        for row in column.rows:
            if row.edge is None:
                requests += row.count
                errors += row.count if is_error(row.code, row.grpc, good) else 0.0
    return errors / requests if requests else 0.0


def arrivals(mean: float, source: Random) -> float:
    """How many requests come, at a steady mean."""
    if mean > ONE_BY_ONE:
        return float(max(0, round(source.gauss(mean, mean**0.5))))
    count, passed = 0, source.expovariate(1.0)
    while passed < mean:
        count += 1
        passed += source.expovariate(1.0)
    return float(count)
