"""Implements `ports.Metrics` with prometheus-api-client in its own bounded threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect

from canaryd.adapters.prometheus import answers, queries
from canaryd.adapters.prometheus.breaker import Breaker
from canaryd.adapters.prometheus.session import Exchange, Server, TransportError
from canaryd.model.names import Key
from canaryd.model.query import promql_duration
from canaryd.model.snapshot import Answered, Sample
from canaryd.model.spec import SUCCESS_RATE
from canaryd.ports import Clock, Question

_log = structlog.stdlib.get_logger("canaryd.prometheus")

_Result = tuple[answers.Series, ...] | answers.Trouble
_Told = list[tuple[Question, answers.Reading]]

FAILURES = 3
"""So many failures in a row, and the server is spared."""


class PrometheusMetrics:
    """Asks one metrics server; what goes wrong is said in the samples."""

    def __init__(
        self,
        address: str,
        *,
        clock: Clock,
        counted: Callable[[Answered], None],
        deadline: timedelta = timedelta(seconds=10),
        rest: timedelta = timedelta(seconds=5),
        threads: int = 16,
        group: int = 50,
        ca_file: str | None = None,
    ) -> None:
        self._server = Server(address, connections=threads, ca_file=ca_file)
        self._deadline = deadline.total_seconds()
        self._limit = f"{self._deadline:g}s"
        self._counted = counted
        self._group = group
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="prometheus")
        self._breaker = Breaker(
            failures=FAILURES, rest=rest.total_seconds(), monotonic=clock.monotonic
        )

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        """One sample per question; never raises."""
        alone = [question for question in questions if question.query is not None]
        together = [question for question in questions if question.query is None]
        told: _Told = []
        async with asyncio.TaskGroup() as tasks:
            for question in alone:
                tasks.create_task(self._ask_alone(question, told))
            for group in queries.grouped(together, self._group):
                tasks.create_task(self._ask_together(group, told))
        return {(question.key, question.metric): _sample(question, it) for question, it in told}

    async def close(self) -> None:
        """Give the threads back; a query that runs ends by its own deadline."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self._server.close()

    async def _ask_alone(self, question: Question, told: _Told) -> None:
        result = await self._run(question.query or "", question.due)
        if isinstance(result, answers.Trouble):
            reading = result.reading
        else:
            reading = answers.reading(result, empty="the query gives no series")
        self._tell(told, question, reading)

    async def _ask_together(self, group: Sequence[Question], told: _Told) -> None:
        try:
            query = queries.built_in(group)
        except ValueError:
            for question in group:
                detail = f"there is no built-in metric {question.metric}"
                self._tell(told, question, answers.Reading(Answered.REFUSED, detail=detail))
            return
        result = await self._run(query, queries.instant(group))
        if isinstance(result, answers.Trouble) and result.too_much and len(group) > 1:
            half = len(group) // 2
            await self._ask_together(group[:half], told)
            await self._ask_together(group[half:], told)
            return
        for question in group:
            self._tell(told, question, _of(question, result))

    def _tell(self, told: _Told, question: Question, reading: answers.Reading) -> None:
        self._counted(reading.answered)
        told.append((question, reading))

    async def _run(self, query: str, at: datetime) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            # Twice: it may wait for a thread, and name servers know no deadline.
            async with asyncio.timeout(2 * self._deadline):
                return await loop.run_in_executor(self._pool, self._query, query, at)
        except TimeoutError:
            self._breaker.note(answered=False)
            return self._away(f"no answer within {2 * self._deadline:g} s")
        except RuntimeError:
            return self._away("not asked, canaryd is stopping")

    def _query(self, query: str, at: datetime) -> _Result:
        """Ask once; in a thread of the pool."""
        if not self._breaker.admits():
            return self._away(f"not asked, it did not answer the last {FAILURES} times")
        exchange = Exchange(self._server, self._deadline)
        answered = False
        try:
            # What comes back is read from the exchange: the client drops warnings and types.
            with suppress(PrometheusApiClientException, ValueError, KeyError, TypeError):
                client = PrometheusConnect(
                    self._server.url, session=cast("Any", exchange), method="POST"
                )
                client.custom_query(
                    query, {"time": f"{at.timestamp():.3f}", "timeout": self._limit}
                )
            answered = exchange.reply is not None
        except TransportError as error:
            return self._away(str(error))
        except Exception as error:  # noqa: BLE001 - the port promises that nothing is raised
            _log.exception("metrics query failed in canaryd itself")
            return self._away(type(error).__name__)
        finally:
            self._breaker.note(answered=answered)
        if exchange.reply is None:
            return self._away("the client sent nothing")
        return answers.read(exchange.reply)

    def _away(self, why: str) -> answers.Trouble:
        return answers.unavailable(f"{self._server.shown} gave no answer: {why}")


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


def _sample(question: Question, reading: answers.Reading) -> Sample:
    return Sample(
        metric=question.metric,
        answered=reading.answered,
        asked_at=question.due,
        window=question.window,
        value=reading.value,
        detail=reading.detail,
    )
