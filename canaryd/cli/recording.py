"""What a workload's pods counted in the past, slice by slice, whichever slot served. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from canaryd.decide.tiles import is_error
from canaryd.model.past import Column
from canaryd.model.tile import USUAL_SCRAPE, Row


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


def failing_share(columns: Sequence[Column], good: frozenset[str]) -> float:
    """Which share of the requests went wrong."""
    requests = errors = 0.0
    for column in columns:
        for row in column.rows:
            if row.edge is None:
                requests += row.count
                errors += row.count if is_error(row.code, row.grpc, good) else 0.0
    return errors / requests if requests else 0.0
