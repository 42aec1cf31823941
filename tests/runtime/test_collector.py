"""The collector: one question for many Canaries, and no answer of an earlier step."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from dataclasses import replace
from datetime import timedelta

from canaryd.model.decision import Observe
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Answered, Snapshot
from canaryd.model.status import Status
from canaryd.runtime.collector import Collector
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.canary import parse_spec
from tests.runtime.fakes import START, HandClock, Metrics, canary, store

MINUTE = timedelta(minutes=1)
WISH = Observe("request-success-rate", None, MINUTE, START + MINUTE, SlotName("v2"))


def a_snapshot(known: Store, name: str = "podinfo") -> Snapshot:
    obj = canary(name=name)
    known.apply(watch.CANARIES, obj)
    spec = parse_spec(bytes(obj.spec), "demo")
    assert not hasattr(spec, "reason")
    return Snapshot(Key("demo", name), "uid", 1, spec, Status(), {})


async def run(clock: HandClock, collector: Collector, until: float) -> None:
    """Let the time pass, second by second; answers arrive between two of them."""
    while clock.seconds < until:
        clock.seconds += 1
        await collector.tick()
        for _ in range(3):
            await asyncio.sleep(0)


async def test_many_canaries_with_one_rhythm_share_one_question() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, metrics=metrics, clock=clock, tasks=tasks)
        for number in range(50):
            collector.want(a_snapshot(known, f"app{number}"), (WISH,))
        await run(clock, collector, 65)
    assert [len(questions) for questions in metrics.asked] == [50]
    assert len(known.samples) == 50


async def test_it_asks_once_per_interval_and_never_before_the_first_instant() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, metrics=metrics, clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (WISH,))
        await run(clock, collector, 250)
    dues = [questions[0].due for questions in metrics.asked]
    assert dues == [START + number * MINUTE for number in (1, 2, 3, 4)]


async def test_an_answer_of_an_earlier_step_is_dropped() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    snap = a_snapshot(known)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, metrics=metrics, clock=clock, tasks=tasks)
        collector.want(snap, (WISH,))
        clock.seconds = 61
        await collector.tick()
        collector.want(snap, (replace(WISH, first_at=START + 3 * MINUTE),))
    assert known.samples == {}


async def test_an_unavailable_server_is_asked_again_soon() -> None:
    clock, metrics = HandClock(), Metrics(Answered.UNAVAILABLE)
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, metrics=metrics, clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (WISH,))
        await run(clock, collector, 85)
    assert len(metrics.asked) == 3


async def test_what_is_forgotten_is_not_asked_for() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    snap = a_snapshot(known)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, metrics=metrics, clock=clock, tasks=tasks)
        collector.want(snap, (WISH,))
        collector.want(snap, ())
        await run(clock, collector, 200)
    assert metrics.asked == []
