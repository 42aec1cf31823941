"""What becomes of a decision whose write the API server keeps waiting."""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from typing_extensions import override

from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.model.errors import OvertakenError
from canaryd.model.names import Key, Weight
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import Phase, Status
from canaryd.model.urgency import Urgency
from canaryd.runtime.owed import Owed
from canaryd.wire import watch
from tests.runtime.failing import answer_late, fail, reasons, released, routed
from tests.runtime.fakes import KEY, HandClock, canary, store
from tests.runtime.release import Play


class Stopped(Turnstile):
    """After a 429: statuses wait, so that news come before each that may be overtaken."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = False

    @asynccontextmanager
    @override
    async def turn(self, urgency: Urgency, of: Key | None = None) -> AsyncIterator[None]:
        if self.stopped and urgency is Urgency.STATE and of is not None:
            raise OvertakenError("news")
        async with super().turn(urgency, of):
            yield


async def test_failed_checks_are_counted_while_news_come_before_statuses_are_written() -> None:
    turnstile = Stopped()
    async with TaskGroup() as tasks:
        play = await released(tasks, turnstile=turnstile, threshold=3)
        assert play.status.canary_weight == 30
        turnstile.stopped = True
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(47)
        turnstile.stopped = False
        play.prometheus.values[SUCCESS_RATE] = 99.9
        await play.until(53)
        assert play.status.rollout is not None
        assert play.status.rollout.failed_checks == 2


async def test_a_canary_is_taken_back_although_that_cannot_be_written_for_long() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        away = fail(play, "/status")
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(35)
        play.prometheus.values[SUCCESS_RATE] = 99.9
        await play.until(60)
        assert play.status.canary_weight == 30  # what stands in the API
        away.set()
        await play.until(70)
        assert (play.status.phase, play.status.canary_weight) == (Phase.IDLE, 0)
        told = reasons(play)
        assert told.count("RolledBack") == 1


async def test_somebody_who_edits_the_canary_meanwhile_does_not_undo_what_was_decided() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        answer_late(play, 11.0)
        play.server.before_the_answer = annotated(play)
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(60)
        assert (play.status.phase, play.status.canary_weight) == (Phase.IDLE, 0)


def annotated(play: Play) -> Callable[[str], None]:
    def annotate(kind: str) -> None:
        if kind == watch.VIRTUALSERVICES:
            note = {"annotations": {"looked-at": str(play.clock.seconds)}}
            play.server.change(watch.CANARIES, "podinfo", metadata=note)

    return annotate


def test_a_status_that_somebody_else_wrote_is_taken_as_it_is() -> None:
    owed, seen = Owed(), store(HandClock())
    seen.apply(watch.CANARIES, canary(version=1))
    known = seen.canaries[KEY]
    assert isinstance(known.status, Status)
    decided = replace(known.status, canary_weight=Weight(10))
    owed.note(KEY, known.uid, known.status, decided)
    assert owed.of(known) is decided
    assert owed.of(replace(known, status=replace(known.status, canary_weight=Weight(7)))) is None
    assert owed.of(known) is None


def test_another_canary_of_the_same_name_owes_nothing() -> None:
    owed, seen = Owed(), store(HandClock())
    seen.apply(watch.CANARIES, canary(version=1))
    known = seen.canaries[KEY]
    assert isinstance(known.status, Status)
    owed.note(KEY, "another", known.status, known.status)
    assert owed.of(known) is None


async def test_nothing_rises_while_what_was_decided_before_cannot_be_written() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, until=16)
        away = fail(play, "/status")
        await play.until(90)
        assert (play.status.canary_weight, routed(play)) == (20, 30)  # one step, as after a crash
        away.set()
        await play.until(200)
        assert play.status.promoted is not None
        assert play.status.promoted.revision == "v2b"


async def test_what_was_never_written_was_never_delivered() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        away = fail(play, "/status")
        await play.until(0.5)
        away.set()
        await play.until(3)
        assert [notice.reason for notice in play.status.notices] == ["TakenOver"]
        assert play.status.delivered == {"events": 0}


async def test_an_own_write_that_was_done_after_all_is_nobody_elses() -> None:
    owed, seen, told = Owed(), store(HandClock()), list[tuple[Status, Status]]()
    seen.apply(watch.CANARIES, canary(version=1))
    known = seen.canaries[KEY]
    assert isinstance(known.status, Status)
    first = replace(known.status, canary_weight=Weight(10))
    second = replace(known.status, canary_weight=Weight(0))
    owed.settled = lambda _, before, after: told.append((before, after))
    owed.note(KEY, known.uid, known.status, first)
    owed.note(KEY, known.uid, known.status, second)
    assert owed.of(replace(known, status=first)) is second
    assert owed.of(replace(known, status=first)) is second
    assert owed.of(replace(known, status=second)) is None
    assert told == [(known.status, first), (first, second)]


async def test_a_spec_that_becomes_invalid_does_not_undo_what_could_not_be_written() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        good = play.server.objects[watch.CANARIES, "podinfo"]["spec"]
        away = fail(play, "/status")
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(35)
        play.prometheus.values[SUCCESS_RATE] = 99.9
        broken = {**good["analysis"], "stepWeight": 700}
        play.server.change(
            watch.CANARIES, "podinfo", metadata={"generation": 2}, spec={"analysis": broken}
        )
        away.set()
        await play.until(50)
        play.server.change(
            watch.CANARIES,
            "podinfo",
            metadata={"generation": 3},
            spec={"analysis": good["analysis"]},
        )
        await play.until(80)
        assert play.status.rejected is not None
        assert (play.status.phase, routed(play)) == (Phase.IDLE, 0)
