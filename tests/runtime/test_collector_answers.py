"""When answers come to a Canary: together, in time, and none to what is no longer asked."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from canaryd.model.spec import Bounds
from canaryd.runtime.collector import Collector
from tests.runtime.asking import MINUTE, WISH, a_snapshot, run
from tests.runtime.fakes import KEY, START, HandClock, Metrics, Servers, store

TWO = (WISH, replace(WISH, metric="request-duration"))


class Slow(Metrics):
    """Answers one metric when it is let go, with the values that are set."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.values = {"request-success-rate": 99.9, "request-duration": 1.0}

    @override
    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        self.asked.append(list(questions))
        if questions[0].metric == "request-duration":
            await self.let_go.wait()
        return {
            (q.key, q.metric): Sample(q.metric, self.answered, q.due, q.window, value)
            for q in questions
            for value in [self.values[q.metric]]
        }


async def turn(clock: HandClock, collector: Collector, at: float) -> None:
    """Be called at that second, and let answers arrive."""
    clock.seconds = at
    collector.tick()
    for _ in range(5):
        await asyncio.sleep(0)


async def test_answers_to_one_instant_wake_the_canary_once() -> None:
    clock, metrics, queued = HandClock(), Slow(), list[Key]()
    metrics.let_go.set()
    known = store(clock, queued)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), TWO)
        queued.clear()
        await turn(clock, collector, 60)
    assert queued == [KEY]
    assert set(known.samples[KEY]) == {"request-success-rate", "request-duration"}


async def test_a_good_answer_waits_half_a_second_for_a_slow_one_and_a_bad_one_not_at_all() -> None:
    clock, metrics, queued, wakes = HandClock(), Slow(), list[Key](), list[datetime]()
    known = store(clock, queued)
    async with TaskGroup() as tasks:
        collector = Collector(
            store=known, servers=Servers(metrics), clock=clock, tasks=tasks, wake=wakes.append
        )
        collector.want(a_snapshot(known), TWO)
        queued.clear()
        await turn(clock, collector, 60)
        assert queued == []
        assert START + timedelta(seconds=60.5) in wakes
        await turn(clock, collector, 60.4)
        assert queued == []
        await turn(clock, collector, 60.5)
        assert queued == [KEY]
        metrics.let_go.set()
        await turn(clock, collector, clock.seconds)
        assert queued == [KEY, KEY], "the slow one comes by itself"
        metrics.let_go.clear()
        metrics.values["request-success-rate"] = 10.0
        queued.clear()
        await turn(clock, collector, 120)
        assert queued == [KEY]
        metrics.let_go.set()


async def test_an_answer_that_waits_is_dropped_when_another_step_begins_meanwhile() -> None:
    clock, metrics, queued = HandClock(), Slow(), list[Key]()
    known = store(clock, queued)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        snap = a_snapshot(known)
        collector.want(snap, TWO)
        await turn(clock, collector, 60)
        later = START + 3 * MINUTE
        collector.want(snap, tuple(replace(wish, first_at=later) for wish in TWO))
        metrics.let_go.set()
        await turn(clock, collector, clock.seconds)
        assert known.samples == {}
        await turn(clock, collector, 180)
        assert set(known.samples[KEY]) == {"request-success-rate", "request-duration"}


async def test_a_clock_that_is_set_back_does_not_keep_an_answer_waiting() -> None:
    clock, metrics = HandClock(), Slow()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), TWO)
        await turn(clock, collector, 60)
        clock.set_back(3600)
        await turn(clock, collector, 61)
        assert set(known.samples[KEY]) == {"request-success-rate"}
        metrics.let_go.set()


async def test_answers_to_what_was_asked_before_an_edit_are_not_given_out() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        snap = a_snapshot(known)
        collector.want(snap, TWO)
        await turn(clock, collector, 60)
    assert set(known.answers(KEY, snap.spec)) == {"request-success-rate", "request-duration"}
    first, second = snap.spec.analysis.metrics
    tighter = replace(first, bounds=Bounds(minimum=99.99))
    asks = replace(snap.spec.analysis, metrics=(tighter, second))
    assert set(known.answers(KEY, replace(snap.spec, analysis=asks))) == {"request-duration"}
    elsewhere = replace(snap.spec.analysis, server=MetricsServer("http://other:9090"))
    assert known.answers(KEY, replace(snap.spec, analysis=elsewhere)) == {}


async def test_a_clock_that_is_set_back_keeps_no_question_waiting_for_more_than_an_interval() -> (
    None
):
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (WISH,))
        await run(clock, collector, 130)
        assert len(metrics.asked) == 2
        clock.set_back(600)
        await run(clock, collector, 400)
    assert len(metrics.asked) == 2 + 4, "once per interval, as before"
    assert known.samples[KEY]["request-success-rate"].asked_at < START


async def test_an_answer_that_was_under_way_when_the_clock_was_set_back_asks_for_nothing() -> None:
    clock, metrics = HandClock(), Slow()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), TWO[1:])
        await turn(clock, collector, 60)
        clock.set_back(600)
        await turn(clock, collector, 61)
        metrics.let_go.set()
        await run(clock, collector, 250)
    assert len(metrics.asked) == 1 + 3


class Forgetful(Metrics):
    """Leaves every question out of its answer."""

    @override
    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        await super().ask(questions)
        return {}


async def test_a_question_that_the_answer_leaves_out_is_said_to_be_and_asked_again() -> None:
    clock, metrics = HandClock(), Forgetful()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (WISH,))
        await run(clock, collector, 85)
    sample = known.samples[KEY]["request-success-rate"]
    assert sample.answered is Answered.UNAVAILABLE
    assert "left this Canary out" in sample.detail
    assert len(metrics.asked) == 3


async def test_what_was_answered_in_an_earlier_time_of_leading_passes_no_step() -> None:
    clock, metrics, known = HandClock(), Metrics(), store(HandClock())
    for _ in ("before", "after the lease was lost and acquired again"):
        async with TaskGroup() as tasks:
            collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
            assert known.samples == {}
            collector.want(a_snapshot(known), TWO)
            await turn(clock, collector, clock.seconds + 60)
            assert set(known.samples[KEY]) == {"request-success-rate", "request-duration"}
