"""Delivers notices: in order per Canary and receiver, at least once, never in anybody's way.

What is to be sent stands in the Canary's status; here is only how far each receiver has got.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import TaskGroup
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

import structlog

from canaryd.decide.outcome import EVENTS
from canaryd.model.errors import CanarydError, TerminalError, ThrottledError
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Alert, Severity
from canaryd.model.status import Status
from canaryd.ports import Clock, Meter, Provider, Receivers
from canaryd.runtime.store import Store

log = structlog.get_logger()

AT_ONCE = 4
"""How many notices are under way to one receiver at a time."""
FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=5)
EVENT_AGE = timedelta(hours=1)
"""An Event of something older is not posted again after a restart."""
WRITE_AFTER = timedelta(seconds=30)
"""Deliveries are written down with the next status, at the latest after this."""
RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Outbox:
    """One lane per Canary and receiver."""

    def __init__(
        self,
        *,
        store: Store,
        receivers: Receivers,
        events: Provider,
        clock: Clock,
        meter: Meter,
        tasks: TaskGroup,
    ) -> None:
        self._store = store
        self._receivers = receivers
        self._events = events
        self._clock = clock
        self._meter = meter
        self._tasks = tasks
        self._delivered: defaultdict[Key, dict[str, int]] = defaultdict(dict)
        self._since: dict[Key, float] = {}
        self._lanes: set[tuple[Key, str]] = set()
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(AT_ONCE)
        )

    def delivered(self, key: Key) -> Mapping[str, int]:
        """The last notice that each receiver has got, as far as this process knows."""
        return dict(self._delivered.get(key, {}))

    def overdue(self, key: Key) -> bool:
        """Whether deliveries have waited too long to be written down."""
        since = self._since.get(key)
        return since is not None and self._clock.monotonic() - since > WRITE_AFTER.total_seconds()

    def unwritten(self) -> list[Key]:
        """The Canaries whose deliveries are overdue to be written down."""
        return [key for key in self._since if self.overdue(key)]

    def offer(self, key: Key) -> None:
        """The Canary has notices: see to it that every receiver gets them."""
        self._since.pop(key, None)
        status, alerts = self._known(key)
        if status is None:
            return
        for name in (EVENTS, *(alert.name for alert in alerts)):
            if (key, name) not in self._lanes and self._next(key, name, status) is not None:
                self._lanes.add((key, name))
                self._tasks.create_task(self._run(key, name))

    def _known(self, key: Key) -> tuple[Status | None, tuple[Alert, ...]]:
        canary = self._store.canaries.get(key)
        if canary is None or isinstance(canary.status, Problem):
            self._delivered.pop(key, None)
            self._since.pop(key, None)
            return None, ()
        alerts = () if isinstance(canary.spec, Problem) else canary.spec.alerts
        return canary.status, alerts

    def _next(self, key: Key, name: str, status: Status) -> Notice | None:
        got = max(self._delivered[key].get(name, 0), status.delivered.get(name, 0))
        waiting = [notice for notice in status.notices if notice.seq > got]
        if name == EVENTS:
            oldest = self._clock.now() - EVENT_AGE
            waiting = [notice for notice in waiting if notice.at >= oldest]
        return waiting[0] if waiting else None

    async def _run(self, key: Key, name: str) -> None:
        failures = 0
        try:
            while True:
                status, alerts = self._known(key)
                alert = next((alert for alert in alerts if alert.name == name), None)
                notice = None if status is None else self._next(key, name, status)
                if status is None or notice is None or (alert is None and name != EVENTS):
                    return
                self._count_lost(key, name, notice)
                try:
                    await self._deliver(key, notice, alert)
                except TerminalError as error:
                    self._meter.notified(name, delivered=False)
                    log.warning(
                        "notice refused",
                        canary=str(key),
                        receiver=name,
                        seq=notice.seq,
                        error=str(error),
                    )
                except CanarydError as error:
                    failures += 1
                    log.info(
                        "notice delayed",
                        canary=str(key),
                        receiver=name,
                        seq=notice.seq,
                        error=str(error),
                    )
                    await asyncio.sleep(pause(error, failures).total_seconds())
                    continue
                failures = 0
                self._mark(key, name, notice.seq)
        finally:
            self._lanes.discard((key, name))

    async def _deliver(self, key: Key, notice: Notice, alert: Alert | None) -> None:
        uid = self._store.canaries[key].uid
        if alert is None:
            async with self._slots[EVENTS]:
                await self._events.send(notice, key=key, uid=uid)
        elif RANK[notice.severity] >= RANK[alert.severity]:
            provider = await self._receivers.find(alert.provider)
            async with self._slots[str(alert.provider)]:
                await provider.send(notice, key=key, uid=uid)
            self._meter.notified(alert.name, delivered=True)

    def _mark(self, key: Key, name: str, seq: int) -> None:
        self._delivered[key][name] = seq
        if name != EVENTS and key not in self._since:
            self._since[key] = self._clock.monotonic()

    def _count_lost(self, key: Key, name: str, notice: Notice) -> None:
        got = self._delivered[key].get(name, 0)
        if got and notice.seq > got + 1 and name != EVENTS:
            lost = notice.seq - got - 1
            for _ in range(lost):
                self._meter.notified(name, delivered=False)
            log.warning(
                "notices lost: more than the kept ones", canary=str(key), receiver=name, lost=lost
            )


def pause(error: CanarydError, failures: int) -> timedelta:
    """How long to wait before the next try: what the receiver asked for, else longer and longer."""
    if isinstance(error, ThrottledError):
        return error.retry_after
    wait = min(FIRST_DELAY * 2 ** min(failures - 1, 12), LONGEST_DELAY)
    jittered: timedelta = wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return jittered
