"""The one loop body: gather, decide, act, commit; nothing else happens to a Canary."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from canaryd.decide.engine import decide
from canaryd.decide.foreseen import stands
from canaryd.decide.lifecycle import missing_workloads
from canaryd.decide.past import written_later
from canaryd.model.decision import Action, Count, Decision, Observe
from canaryd.model.errors import (
    ConflictError,
    OvertakenError,
    TerminalError,
    ThrottledError,
    TransientError,
)
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Problem, Snapshot
from canaryd.model.urgency import Urgency
from canaryd.ports import Clock, Meter, Router, Timers
from canaryd.runtime.carried import Carried
from canaryd.runtime.commit import Commit
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.store import Store
from canaryd.runtime.unusable import Unusable

log = structlog.get_logger()


LATE = 1.0
"""Seconds from a decision to its weight beyond which the decision is old."""
FALLS_AGAIN = timedelta(seconds=1)
"""A fall that failed waits no longer than this for a status that is to tell of it."""


class Observing(Protocol):
    """What the collector is told."""

    def want(self, snap: Snapshot, observe: tuple[Observe, ...]) -> None:
        """Keep asking for exactly these metrics of this Canary."""
        ...

    def forget(self, key: Key) -> None:
        """Ask for nothing more of this Canary."""
        ...


class Counting(Protocol):
    """What the counter is told."""

    def want(self, snap: Snapshot, count: Count | None) -> None:
        """Keep asking for exactly this of this Canary."""
        ...

    def forget(self, key: Key) -> None:
        """Ask for nothing more of this Canary."""
        ...


class Rising(Protocol):
    """What gathers rises."""

    def may(self, key: Key) -> bool:
        """Whether it may rise now; if not, it is queued again when it may."""
        ...

    def drop(self, key: Key) -> None:
        """It is not to rise any more."""
        ...

    def unsent(self, key: Key) -> None:
        """Its rise had its turn and was not sent."""
        ...

    def under_way(self) -> AbstractContextManager[None]:
        """Enclose the write of a rise."""
        ...


def rises(decision: Decision) -> bool:
    """Whether it sends more requests to a canary, and nothing else: that may wait, or be undone."""
    return bool(decision.actions) and all(action.rises for action in decision.actions)


class Reconcile:
    """Brings one Canary one decision further."""

    def __init__(
        self,
        *,
        store: Store,
        gather: Gatherer,
        router: Router,
        commit: Commit,
        unusable: Unusable,
        collector: Observing,
        counter: Counting,
        rises: Rising,
        timers: Timers,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._store = store
        self._gather = gather
        self._router = router
        self._commit = commit
        self._unusable = unusable
        self._collector = collector
        self._counter = counter
        self._rises = rises
        self._timers = timers
        self._clock = clock
        self._meter = meter

    async def __call__(self, key: Key, *, again: bool = True) -> Carried:
        """Decide and carry it out, anew if that took long; raises what the writes raise."""
        snapshot = self._gather(key)
        if snapshot is None or isinstance(snapshot, Problem):
            await self._leave(key, snapshot)
            return Carried.OUT
        now = self._clock.now()
        if missing := missing_workloads(snapshot):
            snapshot = replace(snapshot, problems=(*snapshot.problems, *missing))
        decision = decide(snapshot, now)
        if snapshot.stored is not None and rises(decision):
            # Nothing rises on what nobody can read yet, and a crash would forget.
            owed = Decision(status=snapshot.status)
            self._log(key, await self._commit(snapshot, owed, now, snapshot.problems))
            return await self(key)
        if not self._may(key, decision):
            return Carried.NOT_YET  # decided anew when its turn has come, on what is known then
        if await self._act(snapshot, decision, now) > LATE:
            # The weight is live from now on, not since it was decided.
            if again and rises(decision):
                return await self(key, again=False)  # once: a slow API server still gets a status
            status = written_later(decision.status, now, self._clock.now())
            decision = replace(decision, status=status)
        news = await self._commit(snapshot, decision, now, snapshot.problems)
        reached = replace(snapshot, status=decision.status)
        self._collector.want(reached, decision.observe)
        self._counter.want(reached, decision.count)
        self._timers.set(key, decision.wake_at)
        self._meter.decided(decision.status.phase)
        self._meter.canary(key, decision.status)
        self._log(key, news)
        await self._answer(snapshot, decision)
        return Carried.STANDS if self._stands(snapshot, decision) else Carried.OUT

    async def _answer(self, snap: Snapshot, decision: Decision) -> None:
        """Tell those who asked; all was allowed when that is done."""
        try:
            await self._commit.answer(snap.key, decision)
        except TerminalError as error:
            self._store.deny(snap.key, str(error))
            raise
        if snap.denied is not None:
            self._store.deny(snap.key, None)

    async def _leave(self, key: Key, problem: Problem | None) -> None:
        """Do nothing more for a Canary that is gone, or that cannot be read: then say so."""
        self._collector.forget(key)
        self._counter.forget(key)
        self._timers.set(key, None)
        self._rises.drop(key)
        if problem is None:
            self._commit.forget(key)
            self._unusable.forget(key)
            self._meter.forget(key)
        else:
            await self._unusable(key, problem)

    def _stands(self, before: Snapshot, decision: Decision) -> bool:
        """Whether own writes came back as they were decided, and nothing else with them."""
        canary = self._store.canaries.get(before.key)
        unwritten = canary is None or canary.resource_version == before.resource_version
        if unwritten and not decision.actions:
            return False  # what came, if anything did, is somebody else's
        after = self._gather(before.key)
        return isinstance(after, Snapshot) and stands(before, decision, after)

    def _log(self, key: Key, news: Iterable[Notice]) -> None:
        for notice in news:
            log.info(
                "transition",
                canary=str(key),
                reason=notice.reason,
                sentence=notice.sentence,
                weight=notice.weight,
                revision=notice.revision,
            )

    def _may(self, key: Key, decision: Decision) -> bool:
        """Whether to carry it out now; rises go out together."""
        if rises(decision):
            return self._rises.may(key)
        self._rises.drop(key)
        return True

    async def _act(self, snap: Snapshot, decision: Decision, now: datetime) -> float:
        """Carry out the actions; returns how many seconds that took."""
        begun = self._clock.monotonic()
        try:
            for action in decision.actions:
                await self._perform(snap, action)
        except OvertakenError:
            self._rises.unsent(snap.key)
            raise
        except TransientError as error:
            await self._fell_short(snap, decision, error, now)
            raise
        except TerminalError as error:
            await self._say_denied(snap, decision, str(error), now)
            raise
        return self._clock.monotonic() - begun

    async def _perform(self, snap: Snapshot, action: Action) -> None:
        """Carry out one action: one write of one object, conditional on what was decided upon."""
        slot = snap.spec.slot(action.slot)
        if snap.routing is None:
            return  # nothing is decided about a route that cannot be read
        urgency = Urgency.RISE if action.rises else Urgency.FALL
        with self._rises.under_way() if action.rises else nullcontext():
            await self._router.set_weight(
                self._store,
                snap.key,
                snap.spec,
                slot,
                action.weight,
                labels=snap.routing.labels,
                urgency=urgency,
            )

    async def _fell_short(
        self, snap: Snapshot, decision: Decision, error: TransientError, now: datetime
    ) -> None:
        """Remember the verdict of a fall that failed; from the second time on people see it."""
        verdict = decision.instead
        if verdict is None:
            return
        if snap.stored is None or isinstance(error, ConflictError):
            self._commit.owe(snap, verdict, now)
            return
        # Statuses wait out what a 429 asks for; falls do not, and overtake them when this rings.
        self._timers.set(snap.key, self._clock.now() + FALLS_AGAIN)
        try:
            await self._say(snap, verdict, now)
        except ThrottledError as refused:
            log.info("verdict not written yet", canary=str(snap.key), error=str(refused))

    async def _say_denied(
        self, snap: Snapshot, decision: Decision, message: str, now: datetime
    ) -> None:
        """A write was denied: no traffic moves, and its owner must know why; a verdict stands."""
        self._store.deny(snap.key, message)
        denied = replace(snap, denied=message)
        await self._say(denied, decision.instead or Decision(status=snap.status), now)

    async def _say(self, snap: Snapshot, decision: Decision, now: datetime) -> None:
        """Write down a decision of which nothing was carried out."""
        self._log(snap.key, await self._commit(snap, decision, now, snap.problems))
        self._meter.canary(snap.key, decision.status)
