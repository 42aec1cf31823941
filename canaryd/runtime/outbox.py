"""Delivers notices: in order per Canary and receiver, at least once, never in anybody's way.

What is to be sent stands in the Canary's status; here is only how far each receiver has got.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import TaskGroup
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import timedelta
from weakref import WeakValueDictionary

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


@dataclass(slots=True)
class Box:
    """How far each receiver of one Canary has got; `since` when that is not yet written down."""

    uid: str
    delivered: dict[str, int] = field(default_factory=dict[str, int])
    since: float | None = None
    lost: dict[str, int] = field(default_factory=dict[str, int])
    """Up to which number losses were counted, by alert."""


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
        write_after: timedelta = WRITE_AFTER,
    ) -> None:
        self._store = store
        self._receivers = receivers
        self._events = events
        self._clock = clock
        self._meter = meter
        self._tasks = tasks
        self._write_after = write_after.total_seconds()
        self._boxes: dict[Key, Box] = {}
        self._lanes: set[tuple[Key, str]] = set()
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """Kept while somebody delivers: providers come and go."""

    def delivered(self, key: Key) -> Mapping[str, int]:
        """The last notice that each receiver has got, as far as this process knows."""
        box = self._box(key)
        return dict(box.delivered) if box is not None else {}

    def overdue(self, key: Key) -> bool:
        """Whether deliveries have waited too long to be written down."""
        box = self._boxes.get(key)
        if box is None or box.since is None:
            return False
        return self._clock.monotonic() - box.since > self._write_after

    def unwritten(self) -> list[Key]:
        """The Canaries whose deliveries are overdue to be written down."""
        return [key for key in self._boxes if self.overdue(key)]

    def forget(self, key: Key) -> None:
        """The Canary is gone."""
        self._boxes.pop(key, None)

    async def sweep(self) -> None:
        """Count no more for receivers that no alert names: Canaries and namespaces come and go."""
        named = {str(alert.provider) for key in self._store.canaries for alert in self._alerts(key)}
        self._meter.keep_receivers({EVENTS, *named})

    def offer(self, key: Key) -> None:
        """The Canary's status has just been written: see to it that every receiver gets it."""
        box, status = self._box(key), self._status(key)
        if box is None or status is None:
            return
        box.since = None
        for name in box.delivered.keys() - self._receive(key):
            del box.delivered[name]  # named again one day it begins anew, as in the status
        for provider in (EVENTS, *(str(alert.provider) for alert in self._alerts(key))):
            self._meter.receiver(provider)
        for name in (EVENTS, *(alert.name for alert in self._alerts(key))):
            if (key, name) not in self._lanes and self._next(key, name, status) is not None:
                self._lanes.add((key, name))
                self._tasks.create_task(self._run(key, name))

    def _box(self, key: Key) -> Box | None:
        """The Canary's box; one of the same name that was made anew has a new one.

        So has one whose status was removed: its notices count from 1 again.
        """
        canary = self._store.canaries.get(key)
        if canary is None:
            self._boxes.pop(key, None)
            return None
        box, status = self._boxes.get(key), canary.status
        if box is None or box.uid != canary.uid or removed(status, box.delivered):
            box = self._boxes[key] = Box(canary.uid)
        return box

    def _status(self, key: Key) -> Status | None:
        canary = self._store.canaries.get(key)
        return None if canary is None or isinstance(canary.status, Problem) else canary.status

    def _alerts(self, key: Key) -> tuple[Alert, ...]:
        canary = self._store.canaries.get(key)
        return () if canary is None or isinstance(canary.spec, Problem) else canary.spec.alerts

    def _receive(self, key: Key) -> Set[str]:
        """The names that deliveries are remembered for: all, while a spec cannot be read."""
        canary, box, status = self._store.canaries.get(key), self._box(key), self._status(key)
        if canary is None or box is None:
            return frozenset()
        named = {EVENTS, *(alert.name for alert in self._alerts(key))}
        if isinstance(canary.spec, Problem):
            named |= box.delivered.keys() | (status.delivered.keys() if status else set())
        return named

    def _got(self, key: Key, name: str, status: Status) -> int | None:
        """The number of the last notice that a receiver got; None: it is not known as one yet."""
        known = self.delivered(key).get(name), status.delivered.get(name)
        return max((seq for seq in known if seq is not None), default=None)

    def _next(self, key: Key, name: str, status: Status) -> Notice | None:
        """The first that a receiver has not got; one that is new has to be written down first."""
        got = self._got(key, name, status)
        if got is None:
            return None
        waiting = [notice for notice in status.notices if notice.seq > got]
        if name == EVENTS:
            oldest = self._clock.now() - EVENT_AGE
            waiting = [notice for notice in waiting if notice.at >= oldest]
        return waiting[0] if waiting else None

    async def _run(self, key: Key, name: str) -> None:
        failures = 0
        try:
            while True:
                status = self._status(key)
                alert = next((alert for alert in self._alerts(key) if alert.name == name), None)
                notice = None if status is None else self._next(key, name, status)
                if notice is None or (alert is None and name != EVENTS):
                    return
                if status is not None and alert is not None:
                    self._count_lost(key, notice, alert, self._got(key, name, status) or 0)
                uid = self._store.canaries[key].uid
                wait = await self._try(key, name, notice, alert, failures + 1)
                if wait is None:
                    failures = 0
                    self._mark(key, uid, name, notice)
                else:
                    failures += 1
                    await asyncio.sleep(wait.total_seconds())
        finally:
            self._lanes.discard((key, name))

    async def _try(
        self, key: Key, name: str, notice: Notice, alert: Alert | None, attempt: int
    ) -> timedelta | None:
        """Deliver once; returns how long to wait before the next try, None when there is none."""
        said = log.bind(canary=str(key), receiver=name, seq=notice.seq, attempt=attempt)
        try:
            await self._deliver(key, notice, alert)
        except TerminalError as error:
            self._count(alert, delivered=False)
            said.warning("notice refused", error=str(error))
        except CanarydError as error:
            said.info("notice delayed", error=str(error))
            return pause(error, attempt)
        except Exception:  # noqa: BLE001 - one receiver must not stop the others
            said.exception("notice failed inside canaryd")
            return LONGEST_DELAY
        return None

    async def _deliver(self, key: Key, notice: Notice, alert: Alert | None) -> None:
        canary = self._store.canaries.get(key)
        if canary is None:
            return
        uid = canary.uid
        if alert is None:
            async with self._slot(EVENTS):
                await self._events.send(notice, key=key, uid=uid)
        elif RANK[notice.severity] >= RANK[alert.severity]:
            provider = await self._receivers.find(alert.provider)
            async with self._slot(str(alert.provider)):
                await provider.send(notice, key=key, uid=uid)
            self._count(alert, delivered=True)

    def _count(self, alert: Alert | None, *, delivered: bool) -> None:
        self._meter.notified(EVENTS if alert is None else str(alert.provider), delivered=delivered)

    def _slot(self, receiver: str) -> asyncio.Semaphore:
        return self._slots.setdefault(receiver, asyncio.Semaphore(AT_ONCE))

    def _mark(self, key: Key, uid: str, name: str, notice: Notice) -> None:
        box, status = self._box(key), self._status(key)
        if box is None or box.uid != uid or name not in self._receive(key):
            return  # it was made anew meanwhile, and the notice was of the old one, or is not named
        if status is not None and not belongs(notice, status):
            return
        box.delivered[name] = max(notice.seq, status.delivered.get(name, 0) if status else 0)
        if name != EVENTS and box.since is None:
            box.since = self._clock.monotonic()

    def _count_lost(self, key: Key, notice: Notice, alert: Alert, got: int) -> None:
        """Count what stands no more and was not delivered: each once, however often one tries."""
        box = self._box(key)
        if box is None:
            return
        lost = notice.seq - 1 - max(got, box.lost.get(alert.name, 0))
        if lost > 0:
            box.lost[alert.name] = notice.seq - 1
            log.warning("notices lost", canary=str(key), receiver=alert.name, lost=lost)
            for _ in range(lost):
                self._count(alert, delivered=False)


def removed(status: Status | Problem, delivered: Mapping[str, int]) -> bool:
    """Whether more was delivered than the status has ever told of: it was begun anew."""
    return isinstance(status, Status) and max(delivered.values(), default=0) > status.newest


def belongs(notice: Notice, status: Status) -> bool:
    """Whether a notice is one of this status', kept or not: it was not removed and begun anew."""
    kept = next((one for one in status.notices if one.seq == notice.seq), notice)
    return notice.seq <= status.newest and kept == notice


def pause(error: CanarydError, failures: int) -> timedelta:
    """How long to wait before the next try: what the receiver asked for, else longer and longer."""
    if isinstance(error, ThrottledError):
        return error.retry_after
    wait = min(FIRST_DELAY * 2 ** min(failures - 1, 12), LONGEST_DELAY)
    jittered: timedelta = wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return jittered
