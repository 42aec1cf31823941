"""Asks for the last hour of the pods that served, and has a thread work out how they vary."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count as counter

import structlog

from canaryd.decide.background import background
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Failed
from canaryd.ports import Clock, MetricsServers
from canaryd.runtime.agenda import Agenda, by_hand
from canaryd.runtime.line import RETRY, Kind, Line, background_of
from canaryd.runtime.questions import aligned
from canaryd.runtime.reach import reach
from canaryd.runtime.store import Store

log = structlog.get_logger()

LONG_AGO = datetime.min.replace(tzinfo=UTC)
AGAIN = timedelta(minutes=5)
"""How soon a background is asked for again that was not sufficient, or shows what must change."""


class Past:
    """One question about the past at a time, of one server."""

    def __init__(
        self,
        server: MetricsServer | None,
        *,
        store: Store,
        servers: MetricsServers,
        clock: Clock,
        wake: Callable[[datetime], None] = by_hand,
    ) -> None:
        self._server = server
        self._store = store
        self._servers = servers
        self._clock = clock
        self._wake = wake
        self._lines: dict[Key, Line] = {}
        self._agenda = Agenda()
        self._tickets = counter(1)
        self._busy = False

    def put(self, line: Line) -> None:
        """The background that this Canary wants is another one, or none."""
        line.studied, line.study = background_of(line.count), next(self._tickets)
        line.silences.pop(Kind.PAST, None)
        if line.studied is None:
            self.drop(line.key)
            return
        self._store.put_background(line.key, None)
        self._lines[line.key] = line
        self._agenda.set(line.key, self._clock.now())
        self.wake_when_due()

    def drop(self, key: Key) -> None:
        """No background is wanted any more; the one that is known stays."""
        self._lines.pop(key, None)
        self._agenda.set(key, None)

    def start(self, tasks: TaskGroup, skew: timedelta) -> None:
        """Ask what is due, unless the server has not answered yet; `skew` is its clock's."""
        if not self._busy and self._agenda.due(self._clock.now()):
            self._busy = True
            tasks.create_task(self._run(skew))
        self.wake_when_due()

    def shift(self, by: timedelta) -> None:
        """Our clock was set by so much: nothing waits for longer, or less, for that."""
        self._agenda.shift(by)

    def wake_when_due(self) -> None:
        """Have `start` called when there is something to ask, unless it is being asked."""
        first = self._agenda.first()
        if not self._busy and first is not None:
            self._wake(first)

    async def _run(self, skew: timedelta) -> None:
        try:
            while (key := self._agenda.take(self._clock.now())) is not None:
                await self._one(key, skew)
        finally:
            self._busy = False
            self.wake_when_due()

    async def _one(self, key: Key, skew: timedelta) -> None:
        try:
            await self._ask(self._lines[key], skew)
        except Exception:
            log.exception("background failed", canary=str(key))
            if key in self._lines:
                self._agenda.set(key, self._clock.now() + AGAIN)

    async def _ask(self, line: Line, skew: timedelta) -> None:
        count, study, asked_at = line.count, line.study, self._clock.now()
        since = LONG_AGO if count.served_since is None else count.served_since + skew
        question = line.past(asked_at + skew - line.lag, since)
        metrics = await reach(self._servers, self._server)
        told = metrics if isinstance(metrics, Failed) else await metrics.past(question)
        if isinstance(told, Failed):
            if self._wanted(line, study):
                now = self._clock.now()
                line.tell(Kind.PAST, told, now=now, store=self._store)
                self._agenda.set(line.key, aligned(now + RETRY, RETRY))
            return
        # Many pods and edges are seconds of work: not on the loop.
        known = await asyncio.to_thread(
            background,
            told,
            primary=count.primary,
            canary=count.canary,
            served_since=since,
            window=count.every,
            grpc_good=count.grpc_good,
            asked_at=asked_at,
            warm_up=count.warm_up,
            named=count.named,
            about=count.about,
        )
        if not self._wanted(line, study):
            return
        line.tell(Kind.PAST, None, now=self._clock.now(), store=self._store)
        self._store.put_background(line.key, known)
        # A decision that this suffices for wants none any more, which takes it from the agenda.
        self._agenda.set(line.key, self._clock.now() + AGAIN)

    def _wanted(self, line: Line, study: int) -> bool:
        return self._lines.get(line.key) is line and line.study == study
