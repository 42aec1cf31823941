"""Asks how often each pod did what, column by column of the past: tiles in a row, in one query.

A pod counts in a column at both of whose ends it was there: its first column would otherwise book
all that it ever did before, as a new series counts whole.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from canaryd.adapters.prometheus.answers import Reading, Trouble, nonsense, number, opened
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tile_answers import row_of, text
from canaryd.adapters.prometheus.tiles import BUCKETS, CODES, POD, REQUESTS, growth, selector
from canaryd.model.answered import Answered
from canaryd.model.query import promql_duration
from canaryd.model.question import Failed, PastQuestion
from canaryd.model.tile import Column, Row

MOST_COLUMNS = 11_000
"""Prometheus gives no more points per series."""

_Columns = dict[datetime, list[Row]]


async def past(client: Client, question: PastQuestion) -> tuple[Column, ...] | Failed:
    """Return the columns, oldest first; one without rows says that no pod was there throughout."""
    every = question.window
    count = question.span // every
    if count < 1:
        return ()
    columns: _Columns = {question.end - back * every: [] for back in reversed(range(count))}
    metrics = [(REQUESTS, CODES), *([(BUCKETS, f"{POD}, le")] if question.latency else [])]
    for metric, by in metrics:
        query = _query(question, metric, by)
        trouble = await _fill(columns, client, query, question, count)
        if trouble is not None:
            return Failed(trouble.reading.answered, trouble.reading.detail)
    return tuple(Column(end, tuple(rows)) for end, rows in columns.items())


def _query(question: PastQuestion, metric: str, by: str) -> str:
    workloads = ((question.namespace, workload) for workload in question.workloads)
    series = f"{metric}{{{selector(question.reporter, workloads)}}}"
    window = promql_duration(question.window)
    return (
        f"sum by ({by}) ({growth(series, window)})"
        f" and on ({POD}) group by ({POD}) ({series} offset {window})"
    )


async def _fill(
    columns: _Columns, client: Client, query: str, question: PastQuestion, count: int
) -> Trouble | None:
    """Ask for the last `count` columns before the question's end, in parts if it is too much."""
    every = question.window
    if count > MOST_COLUMNS:
        return await _in_two(columns, client, query, question, count)
    first = question.end - (count - 1) * every
    ends = [first + number * every for number in range(count)]
    inquiry = Inquiry(query, question.end, (count - 1) * every, every)
    result = await client.ask(inquiry, lambda reply: _read(reply, question, ends))
    if isinstance(result, Trouble):
        if result.too_much and count > 1:
            return await _in_two(columns, client, query, question, count)
        return result
    for end, rows in result.items():
        columns[end] += rows
    return None


async def _in_two(
    columns: _Columns, client: Client, query: str, question: PastQuestion, count: int
) -> Trouble | None:
    late = count // 2
    early = replace(question, end=question.end - late * question.window)
    trouble = await _fill(columns, client, query, early, count - late)
    return trouble or await _fill(columns, client, query, question, late)


def _read(reply: Reply, question: PastQuestion, ends: Sequence[datetime]) -> _Columns | Trouble:
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.reservation:
        return Trouble(Reading(Answered.NO_DATA, detail=answer.reservation))
    if answer.kind != "matrix" or not isinstance(answer.result, list):
        return nonsense()
    columns: _Columns = {end: [] for end in ends}
    lines: Iterable[Any] = answer.result
    try:
        for line in lines:
            _take(columns, line, question, ends)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        return nonsense()
    return {end: _unambiguous(rows) for end, rows in columns.items()}


def _take(
    columns: _Columns, line: Mapping[str, Any], question: PastQuestion, ends: Sequence[datetime]
) -> None:
    """Sort one series' values into the columns; raises what nonsense raises."""
    labels: Mapping[str, str] = line["metric"]
    mine = labels[NAMESPACE] == question.namespace and labels[WORKLOAD] in question.workloads
    if not mine:
        return
    first, step = ends[0].timestamp(), question.window.total_seconds()
    row = row_of(labels, text(labels, "pod"), 0)
    for point in line["values"]:
        count = number(point)
        if not 0 <= count < math.inf:
            raise ValueError(count)
        place = round((point[0] - first) / step)
        if not 0 <= place < len(ends):
            raise IndexError(place)
        columns[ends[place]].append(replace(row, count=count))


def _unambiguous(rows: list[Row]) -> list[Row]:
    """Leave out pods one of whose counts stands there twice, as edges after an upgrade do."""
    often = Counter((row.workload, row.pod, row.code, row.grpc, row.edge) for row in rows)
    if len(often) == len(rows):
        return rows
    doubtful = {place[:2] for place, times in often.items() if times > 1}
    return [row for row in rows if (row.workload, row.pod) not in doubtful]
