"""Asks how often each pod did what, column by column of the past: tiles in a row, in one query.

A pod counts in a column at both of whose ends it was there: its first column would otherwise book
all that it ever did before, as a new series counts whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from canaryd.adapters.prometheus.answers import Reading, Trouble, nonsense, number, opened
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tile_answers import EXACT, row_of, text
from canaryd.adapters.prometheus.tiles import BUCKETS, CODES, POD, REQUESTS, growth, selector
from canaryd.model.answered import Answered
from canaryd.model.past import Outcome, Past, outcome_of, series_of
from canaryd.model.query import promql_duration
from canaryd.model.question import Failed, PastQuestion
from canaryd.model.tile import PodName

MOST_COLUMNS = 11_000
"""Prometheus gives no more points per series."""

_Table = dict[Outcome, list[float | None]]
"""Counts by outcome, column by column; None where the pod was not there throughout."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One metric's past: `timed` are counts by bucket edge, else by outcome."""

    question: PastQuestion
    timed: bool

    def query(self) -> str:
        """The range query, a column a step."""
        metric, by = (BUCKETS, f"{POD}, le") if self.timed else (REQUESTS, CODES)
        question = self.question
        workloads = ((question.namespace, workload) for workload in question.workloads)
        series = f"{metric}{{{selector(question.reporter, workloads)}}}"
        window = promql_duration(question.window)
        return (
            f"sum by ({by}) ({growth(series, window)})"
            f" and on ({POD}) group by ({POD}) ({series} offset {window})"
        )


async def past(client: Client, question: PastQuestion) -> Past | Failed:
    """Return the past slice by slice; one in which no pod was there throughout has no counts."""
    every = question.window
    count = question.span // every
    if count < 1:
        return Past()
    ends = tuple(question.end - back * every for back in reversed(range(count)))
    table: _Table = {}
    for timed in (False, True) if question.latency else (False,):
        trouble = await _fill(table, client, _Wanted(question, timed), ends)
        if trouble is not None:
            return Failed(trouble.reading.answered, trouble.reading.detail)
    for counts in table.values():
        counts.extend([None] * (count - len(counts)))
    return Past(ends, series_of(table))


async def _fill(
    table: _Table, client: Client, wanted: _Wanted, ends: Sequence[datetime], *, first: int = 0
) -> Trouble | None:
    """Ask for the columns from `first` on to the end of `ends`, in parts if it is too much."""
    count, window = len(ends) - first, wanted.question.window
    if count <= MOST_COLUMNS:
        inquiry = Inquiry(wanted.query(), ends[-1], (count - 1) * window, window, long=True)
        result = await client.ask(inquiry, lambda reply: _read(reply, wanted, ends[first:]))
        if not isinstance(result, Trouble):
            for outcome, counts in result.items():
                whole = table.setdefault(outcome, [None] * first)
                whole.extend([*[None] * (first - len(whole)), *counts])
            return None
        if not result.too_much or count == 1:
            return result
    late = len(ends) - count // 2
    trouble = await _fill(table, client, wanted, ends[:late], first=first)
    return trouble or await _fill(table, client, wanted, ends, first=late)


def _read(reply: Reply, wanted: _Wanted, ends: Sequence[datetime]) -> _Table | Trouble:
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.reservation:
        return Trouble(Reading(Answered.NO_DATA, detail=answer.reservation))
    if answer.kind != "matrix" or not isinstance(answer.result, list):
        return nonsense()
    answered: Iterable[Any] = answer.result
    try:
        return _merged(
            (
                _outcome(line["metric"], timed=wanted.timed),
                _counts(line["values"], ends, wanted.question.window),
            )
            for line in answered
            if _asked_for(line["metric"], wanted.question)
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        return nonsense()


def _asked_for(labels: Mapping[str, str], question: PastQuestion) -> bool:
    return labels[NAMESPACE] == question.namespace and labels[WORKLOAD] in question.workloads


def _outcome(labels: Mapping[str, str], *, timed: bool) -> Outcome:
    """What a line counts; raises what nonsense raises, as one of the other metric's is."""
    outcome = outcome_of(row_of(labels, text(labels, "pod"), 0))
    if timed is (outcome[-1] is None):
        raise ValueError(outcome)
    return outcome


def _counts(
    points: Sequence[Any], ends: Sequence[datetime], window: timedelta
) -> list[float | None]:
    """Sort one series' values into the columns; raises what nonsense raises."""
    first, step = ends[0].timestamp(), window.total_seconds()
    counts: list[float | None] = [None] * len(ends)
    for point in points:
        count = number(point)
        if not 0 <= count < EXACT:
            raise ValueError(count)
        place = round((point[0] - first) / step)
        if not 0 <= place < len(ends) or counts[place] is not None:
            raise IndexError(place)
        counts[place] = count
    return counts


def _merged(lines: Iterable[tuple[Outcome, list[float | None]]]) -> _Table:
    """Lines by what they count: two of the same, as of an edge in two spellings, one after another.

    Pods are left out of columns that say a count of theirs twice, as edges after an upgrade do.
    """
    table: _Table = {}
    twice: defaultdict[PodName, set[int]] = defaultdict(set)
    for outcome, counts in lines:
        whole = table.setdefault(outcome, counts)
        if whole is counts:
            continue
        for place, count in enumerate(counts):
            if count is not None and whole[place] is not None:
                twice[outcome[:2]].add(place)
            whole[place] = whole[place] if count is None else count
    for outcome, counts in table.items():
        for place in twice.get(outcome[:2], ()):
            counts[place] = None
    return {
        outcome: counts
        for outcome, counts in table.items()
        if any(count is not None for count in counts)
    }
