"""What a workload's pods counted in the past, slice by slice, whichever slot served. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from canaryd.decide.background import background
from canaryd.decide.buckets import named_edges
from canaryd.decide.tiles import is_error
from canaryd.model.gates import Evidential
from canaryd.model.past import Column, by_series
from canaryd.model.tile import USUAL_SCRAPE, Background, Row
from canaryd.model.waits import Waits

CANARY = " canary"
"""What the canary is said to belong to, that never was; no workload can be called so."""
WARM_UP = Waits().warm_up
"""A pod's first requests count for nothing for so long, as with the daemon."""
LONG_BEFORE = timedelta(days=1)
"""Under its one name the workload has served since before any column."""


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

    def background(
        self, columns: Sequence[Column], rules: Evidential, *, at: datetime
    ) -> Background:
        """What the daemon would know then of how the pods vary, from the hour before."""
        return background(
            by_series(columns),
            primary=self.workload,
            canary=CANARY,
            served_since=at - LONG_BEFORE,
            window=self.window,
            grpc_good=rules.grpc_good,
            asked_at=at,
            warm_up=WARM_UP,
            named=named_edges(rules.gates),
        )


def recorded(columns: Sequence[Column], workloads: Sequence[str], window: timedelta) -> Recording:
    """The past of what served: the workload with more requests, column by column.

    Columns that the server did not give are empty: nothing was seen.
    """
    found = {column.end: column for column in columns}
    if not found:
        return Recording(workloads[0], window, ())
    every: list[Column] = []
    end, last = min(found), max(found)
    serving = busiest([row for column in columns for row in column.rows], workloads, workloads[0])
    while end <= last:
        rows = found[end].rows if end in found else ()
        serving = busiest(rows, workloads, serving)
        every.append(Column(end, _of(rows, serving, workloads[0])))
        end += window
    return Recording(workloads[0], window, tuple(every))


def busiest(rows: Sequence[Row], workloads: Sequence[str], before: str) -> str:
    """The workload that got most requests; without any, the one that served before."""
    total = dict.fromkeys(workloads, 0.0)
    for row in rows:
        if row.edge is None and row.workload in total:
            total[row.workload] += row.count
    return max(workloads, key=lambda name: (total[name], name == before))


def _of(rows: Sequence[Row], serving: str, called: str) -> tuple[Row, ...]:
    return tuple(replace(row, workload=called) for row in rows if row.workload == serving)


def usual_load(columns: Sequence[Column]) -> dict[str, float]:
    """How many requests each pod got in a column that it was in, on average."""
    total: dict[str, float] = {}
    seen: dict[str, int] = {}
    for column in columns:
        for row in column.rows:
            if row.edge is None:
                total[row.pod] = total.get(row.pod, 0.0) + row.count
        for pod in {row.pod for row in column.rows}:
            seen[pod] = seen.get(pod, 0) + 1
    return {pod: count / seen[pod] for pod, count in total.items()}


def pods(columns: Sequence[Column]) -> tuple[str, ...]:
    """All pods that were seen, in the order of their names."""
    return tuple(sorted({row.pod for column in columns for row in column.rows}))


def failing_share(columns: Sequence[Column], good: frozenset[str]) -> float:
    """Which share of the requests went wrong."""
    requests = errors = 0.0
    for column in columns:
        for row in column.rows:
            if row.edge is None:
                requests += row.count
                errors += row.count if is_error(row.code, row.grpc, good) else 0.0
    return errors / requests if requests else 0.0
