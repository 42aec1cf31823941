"""Write down what was decided: one status patch when it says something new, then tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from canaryd.decide.outcome import next_status, worth_writing
from canaryd.model.decision import Decision
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Problem, Snapshot
from canaryd.model.status import Status
from canaryd.ports import Answers, Clock, History, Writer
from canaryd.runtime.owed import Owed
from canaryd.wire.parts import differing, status_patch
from canaryd.wire.watch import CANARIES


class Telling(Protocol):
    """What the outbox knows of deliveries."""

    def delivered(self, key: Key) -> Mapping[str, int]:
        """The last notice that each receiver has got."""
        ...

    def overdue(self, key: Key) -> bool:
        """Whether deliveries have waited too long to be written down."""
        ...

    def offer(self, key: Key) -> None:
        """The Canary's status was written and may have new notices."""
        ...

    def forget(self, key: Key) -> None:
        """The Canary is gone."""
        ...


class Commit:
    """The last stage of a reconcile."""

    def __init__(
        self,
        *,
        writer: Writer,
        answers: Answers,
        history: History,
        outbox: Telling,
        owed: Owed,
        clock: Clock,
    ) -> None:
        self._writer = writer
        self._answers = answers
        self._history = history
        self._outbox = outbox
        self._owed = owed
        owed.settled = self._tell
        self._clock = clock

    async def __call__(
        self, snap: Snapshot, decision: Decision, now: datetime, problems: tuple[Problem, ...]
    ) -> tuple[Notice, ...]:
        """Write the status if it says something new; returns the new notices."""
        before, after = self._before_and_after(snap, decision, now, problems)
        owed = snap.stored is not None
        if owed or _is_news(snap, before, after, now) or self._outbox.overdue(snap.key):
            await self._write(snap, before, after)
            return self._tell(snap.key, before, after)
        return ()

    def owe(self, snap: Snapshot, decision: Decision, now: datetime) -> None:
        """Go on from here: it is written with whatever is written next."""
        before, after = self._before_and_after(snap, decision, now, snap.problems)
        if _is_news(snap, before, after, now):
            self._owed.note(snap.key, snap.uid, before, after, sent=False)

    def _before_and_after(
        self, snap: Snapshot, decision: Decision, now: datetime, problems: tuple[Problem, ...]
    ) -> tuple[Status, Status]:
        """The status as it is written now, and the one after this decision."""
        told = {**snap.status.delivered, **self._outbox.delivered(snap.key)}
        after = next_status(snap, decision, now, problems=problems, delivered=told)
        return snap.stored or snap.status, after

    def _tell(self, key: Key, before: Status, after: Status) -> tuple[Notice, ...]:
        """It is written: keep it, and have its news delivered."""
        news = tuple(notice for notice in after.notices if notice.seq > before.newest)
        self._history.record(key, before, after, news)
        self._outbox.offer(key)
        return news

    async def answer(self, key: Key, decision: Decision) -> None:
        """Tell those who asked; their effect stands in the status by now."""
        for answer in decision.answers:
            await self._answers.answer(key, answer)

    def forget(self, key: Key) -> None:
        """The Canary is gone: nothing is told of it any more."""
        self._outbox.forget(key)
        self._owed.drop(key)

    async def _write(self, snap: Snapshot, before: Status, after: Status) -> None:
        if differing(before, after):
            self._owed.note(snap.key, snap.uid, before, after)
            await self._writer.patch_status(
                CANARIES,
                snap.key,
                lambda: status_patch(before, after, snap.written.text()),
                resource_version=snap.resource_version,
                of=snap.key,
            )
        self._owed.drop(snap.key)


def _is_news(snap: Snapshot, before: Status, after: Status, now: datetime) -> bool:
    """Whether the status after says what nobody can read in the one before."""
    every = snap.waits.evidence_write.total_seconds()
    return worth_writing(before, after, now, evidence_every=every)
