"""Asks for samples: users' own queries alone, built-in ones of many workloads together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from canaryd.adapters.prometheus import answers, queries
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.query import promql_duration
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from canaryd.model.spec import SUCCESS_RATE

_Result = tuple[answers.Series, ...] | answers.Trouble


class Samples:
    """One round of questions, and what was told."""

    def __init__(self, client: Client, *, group: int, counted: Callable[[Answered], None]) -> None:
        self._client = client
        self._group = group
        self._counted = counted
        self.told: dict[tuple[Key, str], Sample] = {}

    async def ask(self, questions: Sequence[Question]) -> None:
        """Fill `told`: one sample per question."""
        alone = [question for question in questions if question.query is not None]
        together = [question for question in questions if question.query is None]
        async with asyncio.TaskGroup() as tasks:
            for question in alone:
                tasks.create_task(self._ask_alone(question))
            for group in queries.grouped(together, self._group):
                tasks.create_task(self._ask_together(group))

    async def _ask_alone(self, question: Question) -> None:
        inquiry = Inquiry(question.query or "", question.due, users=True)
        result = await self._client.ask(inquiry, answers.read)
        if isinstance(result, answers.Trouble):
            reading = result.reading
        else:
            reading = answers.reading(result, empty="the query gives no series")
        self._tell(question, reading)

    async def _ask_together(self, group: Sequence[Question]) -> None:
        try:
            query = queries.built_in(group)
        except ValueError:
            for question in group:
                detail = f"there is no built-in metric {question.metric}"
                self._tell(question, answers.Reading(Answered.REFUSED, detail=detail))
            return
        result = await self._client.ask(Inquiry(query, queries.instant(group)), answers.read)
        if isinstance(result, answers.Trouble) and result.too_much and len(group) > 1:
            half = len(group) // 2
            await self._ask_together(group[:half])
            await self._ask_together(group[half:])
            return
        for question in group:
            self._tell(question, _of(question, result))

    def _tell(self, question: Question, reading: answers.Reading) -> None:
        self._counted(reading.answered)
        self.told[question.key, question.metric] = Sample(
            metric=question.metric,
            answered=reading.answered,
            asked_at=question.due,
            window=question.window,
            value=reading.value,
            detail=reading.detail,
        )


def _of(question: Question, result: _Result) -> answers.Reading:
    """Pick one question's number out of a group's answer."""
    if isinstance(result, answers.Trouble):
        return result.reading
    mine = [
        series
        for series in result
        if series.labels.get(queries.NAMESPACE) == question.namespace
        and series.labels.get(queries.WORKLOAD) == question.workload
    ]
    window = promql_duration(question.window)
    who = f"{question.workload} ({question.revision})" if question.revision else question.workload
    none = f"no requests to {who} were seen in the last {window}"
    reading = answers.reading(mine, empty=none)
    if question.metric == SUCCESS_RATE:
        return reading if reading.value is None else _exact(reading.value)
    if reading.answered is Answered.NO_DATA and len(mine) == 1:
        return answers.Reading(Answered.NO_DATA, detail=f"{none} ({reading.detail})")
    return reading


def _exact(percent: float) -> answers.Reading:
    """Take the noise off: Prometheus adds in any order, and 99.99999999999999 is not below 100."""
    return answers.Reading(Answered.VALUE, value=min(max(round(percent, 9), 0.0), 100.0))
