"""What pods counted in the past, slice by slice: series by series as it is told, or by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from canaryd.model.tile import PodName, Row

Outcome: TypeAlias = tuple[str, str, str, str, float | None]
"""What a series counts: workload, pod, code, gRPC status and bucket edge, as in a `Row`."""


@dataclass(frozen=True, slots=True)
class Series:
    """How often one pod gave one outcome, by slice; None where that is not known for all of it."""

    outcome: Outcome
    counts: Sequence[float | None]

    @property
    def pod(self) -> PodName:
        """Whose counts they are."""
        return self.outcome[:2]


@dataclass(frozen=True, slots=True)
class Past:
    """All pods' counts in slices that end at `ends`, oldest first; as many in each series."""

    ends: tuple[datetime, ...] = ()
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """All pods' counts in one slice of the past that ends at `end`."""

    end: datetime
    rows: tuple[Row, ...]
    """Rows of pods that were there at both ends of the slice."""


def by_column(past: Past) -> tuple[Column, ...]:
    """The same slice by slice, oldest first, also those in which nobody was there."""
    rows: list[list[Row]] = [[] for _ in past.ends]
    for series in past.series:
        workload, pod, code, grpc, edge = series.outcome
        for place, count in zip(rows, series.counts, strict=True):
            if count is not None:
                place.append(Row(workload, pod, count, code, grpc, edge))
    return tuple(Column(end, tuple(found)) for end, found in zip(past.ends, rows, strict=True))


def by_series(columns: Sequence[Column]) -> Past:
    """The same series by series; what stands twice in a column is added up."""
    table: dict[Outcome, list[float | None]] = {}
    for place, column in enumerate(columns):
        for row in column.rows:
            counts = table.setdefault(outcome_of(row), [None] * len(columns))
            counts[place] = (counts[place] or 0.0) + row.count
    return Past(tuple(column.end for column in columns), series_of(table))


def outcome_of(row: Row) -> Outcome:
    """What a row counts."""
    return row.workload, row.pod, row.code, row.grpc, row.edge


def series_of(table: Mapping[Outcome, Sequence[float | None]]) -> tuple[Series, ...]:
    """Series of what was counted by outcome."""
    return tuple(Series(outcome, counts) for outcome, counts in table.items())
