"""The outbox: in order, again after a failure, and what was delivered is known."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from dataclasses import replace
from datetime import timedelta
from itertools import count

import msgspec
from typing_extensions import override

from canaryd.adapters.meters import Meters
from canaryd.model.errors import RefusedError, ThrottledError
from canaryd.model.names import Key, Weight
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Severity
from canaryd.model.status import Status
from canaryd.runtime.outbox import Outbox
from canaryd.wire import watch
from tests.runtime.fakes import KEY, START, HandClock, Meter, Receiver, canary, store


def told(*severities: Severity) -> Status:
    notices = tuple(
        Notice(seq, "StepEntered", f"notice {seq}", severity, START, "Progressing", Weight(seq))
        for seq, severity in enumerate(severities, start=1)
    )
    return Status(notices=notices, delivered={"events": 0, "ops": 0})


async def deliver(
    status: Status,
    ops: Receiver,
    events: Receiver | None = None,
    meter: Meter | None = None,
) -> Outbox:
    clock = HandClock()
    known = store(clock)
    known.apply(watch.CANARIES, canary(status))
    async with TaskGroup() as tasks:
        outbox = Outbox(
            store=known,
            receivers=ops,
            events=events or Receiver(),
            clock=clock,
            meter=meter or Meter(),
            tasks=tasks,
        )
        outbox.offer(KEY)
        outbox.offer(KEY)
    clock.seconds = 31
    return outbox


async def test_every_receiver_gets_every_notice_once_and_in_order() -> None:
    ops, events = Receiver(), Receiver()
    outbox = await deliver(told(Severity.WARN, Severity.ERROR, Severity.WARN), ops, events)
    assert ops.got == events.got == [1, 2, 3]
    assert outbox.delivered(KEY) == {"events": 3, "ops": 3}


async def test_a_receiver_that_is_busy_gets_it_later() -> None:
    ops = Receiver(ThrottledError("busy", retry_after=timedelta(0)))
    await deliver(told(Severity.WARN, Severity.WARN), ops)
    assert ops.got == [1, 2]


async def test_a_notice_that_is_refused_does_not_stop_the_next() -> None:
    ops = Receiver(RefusedError("no such channel"))
    outbox = await deliver(told(Severity.WARN, Severity.WARN), ops)
    assert ops.got == [2]
    assert outbox.delivered(KEY)["ops"] == 2


async def test_less_severe_notices_than_asked_for_are_passed_over() -> None:
    ops, events = Receiver(), Receiver()
    outbox = await deliver(told(Severity.INFO, Severity.WARN), ops, events)
    assert ops.got == [2]
    assert events.got == [1, 2]
    assert outbox.delivered(KEY)["ops"] == 2


async def test_deliveries_are_due_to_be_written_down_after_half_a_minute() -> None:
    outbox = await deliver(told(Severity.WARN), Receiver())
    assert outbox.unwritten() == [KEY]
    outbox.forget(KEY)
    assert outbox.unwritten() == []


async def test_a_receiver_is_shown_before_its_first_notice_so_that_the_first_failure_is_seen() -> (
    None
):
    meter = Meter()
    quiet = Status(delivered={"events": 0, "ops": 0})
    await deliver(quiet, Receiver(), meter=meter)
    assert meter.shown == {"events", "demo/slack"}
    assert meter.notices == []


async def test_notices_are_counted_by_receiver_until_no_alert_names_it() -> None:
    clock, meter = HandClock(), Meter()
    known = store(clock)
    known.apply(watch.CANARIES, canary(told(Severity.WARN, Severity.WARN)))
    receiver = Receiver(RefusedError("no such channel"))
    async with TaskGroup() as tasks:
        outbox = Outbox(
            store=known,
            receivers=receiver,
            events=Receiver(),
            clock=clock,
            meter=meter,
            tasks=tasks,
        )
        outbox.offer(KEY)
    counted = [("demo/slack", False), ("demo/slack", True)]
    assert meter.notices == counted
    await outbox.sweep()
    assert meter.notices == counted
    known.remove(watch.CANARIES, *KEY)
    await outbox.sweep()
    assert meter.notices == []


async def test_what_was_not_told_is_still_counted_while_an_alert_cannot_be_read() -> None:
    clock, meters = HandClock(), Meters()
    known = store(clock)
    known.apply(watch.CANARIES, canary(told(Severity.WARN)))
    async with TaskGroup() as tasks:
        outbox = Outbox(
            store=known,
            receivers=Receiver(RefusedError("no such channel")),
            events=Receiver(),
            clock=clock,
            meter=meters,
            tasks=tasks,
        )
        outbox.offer(KEY)
    broken = canary(told(Severity.WARN), version=2, generation=2)
    broken.spec = msgspec.Raw(b'{"analysis": 7}')
    known.apply(watch.CANARIES, broken)
    assert isinstance(known.canaries[KEY].spec, Problem)
    failed = b'canaryd_notices_total{outcome="failed",provider="demo/slack"} 1.0'
    await outbox.sweep()
    assert failed in meters.render()
    known.apply(watch.CANARIES, canary(told(Severity.WARN), version=3, generation=3))
    await outbox.sweep()
    await outbox.sweep()
    assert failed in meters.render()


async def test_what_could_not_be_kept_until_a_restart_is_counted_once_as_lost() -> None:
    (one,) = told(Severity.WARN).notices
    notices = tuple(replace(one, seq=seq) for seq in (5, 6))
    meter = Meter()
    ops = Receiver(ThrottledError("busy", retry_after=timedelta(0)))
    await deliver(Status(notices=notices, delivered={"events": 6, "ops": 2}), ops, meter=meter)
    assert ops.got == [5, 6]
    assert [delivered for _, delivered in meter.notices] == [False, False, True, True]


async def test_what_is_pushed_out_while_a_receiver_is_away_is_counted_once_as_lost() -> None:
    (one,) = told(Severity.WARN).notices
    stand = {
        2: tuple(replace(one, seq=seq) for seq in (7, 8)),
        4: tuple(replace(one, seq=seq) for seq in (9,)),
    }
    clock, meter, tries = HandClock(), Meter(), count(1)
    known = store(clock)

    class Away(Receiver):
        @override
        async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
            attempt = next(tries)
            if attempt <= 4:
                if attempt in stand:
                    status = Status(notices=stand[attempt], delivered={"events": 9, "ops": 0})
                    known.apply(watch.CANARIES, canary(status, version=1 + attempt))
                raise ThrottledError("away", retry_after=timedelta(0))
            await super().send(notice, key=key, uid=uid)

    ops = Away()
    known.apply(watch.CANARIES, canary(told(Severity.WARN, Severity.WARN)))
    async with TaskGroup() as tasks:
        Outbox(
            store=known, receivers=ops, events=Receiver(), clock=clock, meter=meter, tasks=tasks
        ).offer(KEY)
    assert ops.got == [9]
    assert [delivered for who, delivered in meter.notices if who != "events"] == [
        *[False] * 8,
        True,
    ]


async def test_an_alert_that_is_new_hears_nothing_of_what_was_before_it() -> None:
    ops, events = Receiver(), Receiver()
    status = replace(told(Severity.WARN, Severity.WARN), delivered={"events": 1})
    await deliver(status, ops, events)
    assert (events.got, ops.got) == ([2], [])


async def test_an_alert_that_is_named_again_begins_with_what_comes_and_has_lost_nothing() -> None:
    clock, meter, ops = HandClock(), Meter(), Receiver()
    known = store(clock)

    def stands(version: int, *numbers: int, alerts: bool = True, **delivered: int) -> None:
        (one,) = told(Severity.WARN).notices
        notices = tuple(replace(one, seq=seq) for seq in numbers)
        found = canary(Status(notices=notices, delivered=delivered), version=version)
        spec = msgspec.json.decode(found.spec)
        if not alerts:
            spec["analysis"].pop("alerts")
        found.spec = msgspec.Raw(msgspec.json.encode(spec))
        known.apply(watch.CANARIES, found)
        outbox.offer(KEY)

    async with TaskGroup() as tasks:
        outbox = Outbox(
            store=known, receivers=ops, events=Receiver(), clock=clock, meter=meter, tasks=tasks
        )
        stands(1, 1, 2, ops=0)
        while len(ops.got) < 2:  # noqa: ASYNC110 - a turn of the loop, no time
            await asyncio.sleep(0)
        stands(2, 1, 2, 3, 4, alerts=False)
        stands(3, 2, 8, 9, 10, ops=8)
    assert (ops.got, outbox.delivered(KEY)["ops"]) == ([1, 2, 9, 10], 10)
    assert meter.notices == [("demo/slack", True)] * 4


async def test_when_somebody_removed_the_status_everybody_hears_what_comes_then() -> None:
    clock, ops, events = HandClock(), Receiver(), Receiver()
    known = store(clock)
    (one,) = told(Severity.WARN).notices
    every = {"events": 40, "ops": 40}

    def stands(version: int, *notices: Notice, **delivered: int) -> None:
        known.apply(
            watch.CANARIES, canary(Status(notices=notices, delivered=delivered), version=version)
        )
        outbox.offer(KEY)

    async with TaskGroup() as tasks:
        outbox = Outbox(
            store=known, receivers=ops, events=events, clock=clock, meter=Meter(), tasks=tasks
        )
        stands(1, replace(one, seq=39), replace(one, seq=40), events=38, ops=38)
        while outbox.delivered(KEY) != every:  # noqa: ASYNC110 - a turn of the loop, no time
            await asyncio.sleep(0)
        stands(2)
        assert outbox.delivered(KEY) == {}
        stands(3, one, replace(one, seq=2), events=0, ops=0)
    assert ops.got == events.got == [39, 40, 1, 2]


async def test_a_notice_that_is_under_way_while_the_status_is_removed_hides_no_later_one() -> None:
    clock, known = HandClock(), store(HandClock())
    (old,) = told(Severity.WARN).notices
    new = tuple(replace(old, seq=seq, at=START + timedelta(hours=1)) for seq in (1, 2, 3, 4))

    class Slow(Receiver):
        @override
        async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
            if notice.at == START:
                status = Status(notices=new, delivered={"events": 4, "ops": 0})
                known.apply(watch.CANARIES, canary(status, version=2))
            await super().send(notice, key=key, uid=uid)

    ops = Slow()
    before = Status(notices=(replace(old, seq=3),), delivered={"events": 3, "ops": 2})
    known.apply(watch.CANARIES, canary(before))
    async with TaskGroup() as tasks:
        Outbox(
            store=known, receivers=ops, events=Receiver(), clock=clock, meter=Meter(), tasks=tasks
        ).offer(KEY)
    assert ops.got == [3, 1, 2, 3, 4]
