"""From the last hour of the pods that served as primary: how unevenly their failures fall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, inf
from typing import TypeAlias

from canaryd.decide.evidence import dispersion
from canaryd.decide.tiles import PodName, is_error
from canaryd.model.tile import ALL, Background, Column, Edge, Row

LEAST_TAIL, MOST_TAIL = 0.002, 0.30
"""A bucket edge tells when this share of the primary's requests lies beyond it."""
MOST_EDGES = 8
PERIOD = 180
"""Blocks of each size that `dispersion` looks at begin anew after so many columns."""

Table: TypeAlias = list[list[float]]
"""Counts by [pod][column]."""


@dataclass(slots=True)
class Cell:
    """What one pod did in one column; `below` is cumulative over bucket edges."""

    requests: float = 0.0
    errors: float = 0.0
    below: dict[float, float] = field(default_factory=dict[float, float])

    @property
    def timed(self) -> float:
        """How many requests were timed."""
        return self.below.get(ALL, 0.0)

    def slow(self, edge: float) -> float:
        """How many took longer; the server's counts of two buckets may be a moment apart."""
        return min(max(self.timed - self.below.get(edge, self.timed), 0.0), self.timed)


Cells: TypeAlias = Mapping[PodName, Cell]
"""What every pod did in one column; one that is not in it was not seen."""


def background(
    columns: Sequence[Column],
    *,
    primary: str,
    canary: str,
    served_since: datetime,
    window: timedelta,
    grpc_good: frozenset[str],
    asked_at: datetime,
    warm_up: timedelta = timedelta(),
) -> Background:
    """Tell how the serving pods vary, from columns of length `window`, oldest first.

    `served_since` is on the clock of the columns: from then on `primary` served, before it the
    workload that is `canary` now. A column in which they changed places is left out, and so is
    each pod's `warm_up`, as in tiles.
    """
    cold = ceil(warm_up / window)
    columns = settled(columns, cold)
    before = [_cells(one.rows, canary, grpc_good) for one in columns if one.end <= served_since]
    since = [
        _cells(one.rows, primary, grpc_good) for one in columns if one.end - window >= served_since
    ]
    # What changes with the workload is no difference between its pods: no block spans both.
    gap: list[Cells] = [{}] * (-len(before) % PERIOD)
    cells = [*before, *gap, *since] if before else since
    served = [each for each in cells if each]
    seconds = window.total_seconds()
    requests = sum(cell.requests for each in served for cell in each.values())
    return Background(
        asked_at=asked_at,
        pods=max((len(each) for each in served[-3:]), default=0),
        pod_hours=sum(map(len, served)) * seconds / 3600,
        errors=dispersion(*_tables(cells)),
        edges=_edges(cells),
        rate=requests / (len(served) * seconds) if served else 0.0,
        buckets=_buckets(cells),
    )


def settled(columns: Sequence[Column], cold: int) -> Sequence[Column]:
    """The columns without so many of each pod that came within them."""
    seen: dict[PodName, int] = {}
    kept: list[Column] = []
    for number, column in enumerate(columns):
        pods = {(row.workload, row.pod) for row in column.rows}
        for pod in pods:
            seen[pod] = seen.get(pod, 0 if number else cold) + 1
        rows = tuple(row for row in column.rows if seen[row.workload, row.pod] > cold)
        kept.append(Column(column.end, rows))
    return kept


def _cells(rows: Iterable[Row], workload: str, good: frozenset[str]) -> Cells:
    found: dict[PodName, Cell] = {}
    for row in rows:
        if row.workload != workload:
            continue
        cell = found.setdefault((row.workload, row.pod), Cell())
        count = row.count if 0 < row.count < inf else 0.0
        if row.edge is not None:
            cell.below[row.edge] = cell.below.get(row.edge, 0.0) + count
            continue
        cell.requests += count
        cell.errors += count if is_error(row.code, row.grpc, good) else 0.0
    return found


def _buckets(cells: Sequence[Cells]) -> tuple[float, ...]:
    found = {edge for each in cells for cell in each.values() for edge in cell.below}
    return tuple(sorted(found - {ALL}))


def _edges(cells: Sequence[Cells]) -> tuple[Edge, ...]:
    """Tell of the edges whose tail tells, and always of the first one beyond them."""
    every = [cell for each in cells for cell in each.values() if cell.timed]
    timed = sum(cell.timed for cell in every)
    if not timed:
        return ()
    told: list[Edge] = []
    for edge in sorted(every[0].below):
        if edge == ALL or not all(edge in cell.below for cell in every):
            continue
        tail = sum(cell.slow(edge) for cell in every) / timed
        if tail > MOST_TAIL:
            continue
        told.append(Edge(edge, dispersion(*_tables(cells, edge)), tail))
        if tail < LEAST_TAIL:
            break
    return tuple(told[-MOST_EDGES:])


def _tables(cells: Sequence[Cells], edge: float | None = None) -> tuple[Table, Table]:
    """Failures and requests by pod and column; with an edge, slow requests and timed ones.

    Pods that hardly ever served side by side cannot be compared: they are one pod then, which is
    compared with itself.
    """
    served = [each for each in cells if each]
    together = sum(len(each) > 1 for each in served)
    pods = sorted({pod for each in served for pod in each})
    rows = [[pod] for pod in pods] if 2 * together >= len(served) else [pods]
    failed: Table = []
    asked: Table = []
    for row in rows:
        counts = [[_counts(each[pod], edge) for pod in row if pod in each] for each in cells]
        failed.append([sum(bad for bad, _ in column) for column in counts])
        asked.append([sum(of for _, of in column) for column in counts])
    return failed, asked


def _counts(cell: Cell, edge: float | None) -> tuple[float, float]:
    return (cell.errors, cell.requests) if edge is None else (cell.slow(edge), cell.timed)
