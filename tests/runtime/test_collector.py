"""The collector: one question for many Canaries, and no answer of an earlier step."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.decision import Observe
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key, SlotName
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample, Snapshot
from canaryd.model.spec import Bounds, Spec
from canaryd.model.status import Status
from canaryd.runtime.collector import Collector
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.canary import parse_spec
from tests.runtime.fakes import KEY, START, HandClock, Metrics, Servers, canary, store

MINUTE = timedelta(minutes=1)
WISH = Observe("request-success-rate", None, MINUTE, START + MINUTE, SlotName("v2"))


def a_snapshot(known: Store, name: str = "podinfo") -> Snapshot:
    obj = canary(name=name)
    known.apply(watch.CANARIES, obj)
    spec = parse_spec(bytes(obj.spec), "demo")
    assert isinstance(spec, Spec)
    return Snapshot(Key("demo", name), "uid", 1, spec, Status(), {})


async def run(clock: HandClock, collector: Collector, until: float) -> None:
    """Let the time pass, second by second; answers arrive between two of them."""
    while clock.seconds < until:
        clock.seconds += 1
        collector.tick()
        for _ in range(3):
            await asyncio.sleep(0)


async def test_many_canaries_with_one_rhythm_share_one_question() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        for number in range(50):
            collector.want(a_snapshot(known, f"app{number}"), (WISH,))
        await run(clock, collector, 65)
    assert [len(questions) for questions in metrics.asked] == [50]
    assert len(known.samples) == 50


async def test_it_asks_once_per_interval_and_never_before_the_first_instant() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (WISH,))
        await run(clock, collector, 250)
    dues = [questions[0].due for questions in metrics.asked]
    assert dues == [START + number * MINUTE for number in (1, 2, 3, 4)]


async def test_it_is_called_only_when_something_is_due() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    wakes: list[datetime] = []
    async with TaskGroup() as tasks:
        collector = Collector(
            store=known, servers=Servers(metrics), clock=clock, tasks=tasks, wake=wakes.append
        )
        collector.want(a_snapshot(known), (WISH,))
        for minute in (1, 2, 3):
            assert min(wakes) == START + minute * MINUTE
            clock.seconds = 60 * minute
            wakes.clear()
            await run(clock, collector, 60 * minute + 1)
    assert len(metrics.asked) == 3


async def test_an_answer_of_an_earlier_step_is_dropped() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    snap = a_snapshot(known)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(snap, (WISH,))
        clock.seconds = 61
        collector.tick()
        collector.want(snap, (replace(WISH, first_at=START + 3 * MINUTE),))
    assert known.samples == {}


async def test_an_unavailable_server_is_asked_again_soon() -> None:
    clock, metrics = HandClock(), Metrics(Answered.UNAVAILABLE)
    known = store(clock)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (WISH,))
        await run(clock, collector, 85)
    assert len(metrics.asked) == 3


async def test_what_is_forgotten_is_not_asked_for() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    snap = a_snapshot(known)
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(snap, (WISH,))
        collector.want(snap, ())
        await run(clock, collector, 200)
    assert metrics.asked == []


async def test_each_metric_is_asked_of_its_own_server_else_the_canarys_else_the_daemons() -> None:
    clock = HandClock()
    own, canarys = MetricsServer("http://own:9090"), MetricsServer("http://canarys:9090")
    asked = {None: Metrics(), own: Metrics(), canarys: Metrics()}
    known = store(clock)
    here = a_snapshot(known, "here")
    there = a_snapshot(known, "there")
    analysis = replace(there.spec.analysis, server=canarys)
    there = replace(there, spec=replace(there.spec, analysis=analysis))
    servers = Servers(asked[None], {own: asked[own], canarys: asked[canarys]})
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=servers, clock=clock, tasks=tasks)
        collector.want(here, (WISH,))
        collector.want(there, (WISH, replace(WISH, metric="queue", query="1", server=own)))
        await run(clock, collector, 62)
    who = {
        name: [(q.key.name, q.metric) for questions in metrics.asked for q in questions]
        for name, metrics in asked.items()
    }
    assert who == {
        None: [("here", "request-success-rate")],
        canarys: [("there", "request-success-rate")],
        own: [("there", "queue")],
    }


async def test_a_login_that_cannot_be_read_is_said_in_the_sample() -> None:
    clock = HandClock()
    known = store(clock)
    lost = replace(WISH, server=MetricsServer("http://own:9090", Key("demo", "login")))
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (lost,))
        await run(clock, collector, 62)
    sample = known.samples[KEY]["request-success-rate"]
    assert sample.answered is Answered.REFUSED
    assert "Secret demo/login does not exist" in sample.detail


async def test_what_cannot_be_asked_at_all_is_answered_at_once_and_nobody_is_asked() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    refused = replace(WISH, first_at=START, refusal="AnalysisTemplate demo/queue does not exist")
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (refused,))
        collector.tick()
    sample = known.samples[KEY]["request-success-rate"]
    assert (sample.answered, sample.detail) == (Answered.REFUSED, refused.refusal)
    assert metrics.requests == 0


async def test_a_templates_own_variables_are_filled_in_as_strings() -> None:
    clock, metrics = HandClock(), Metrics()
    known = store(clock)
    query = 'queue_depth{queue="{{ variables.queue }}", namespace="{{ namespace }}"}'
    asked = replace(WISH, metric="queue", query=query, variables={"queue": 'or"ders'})
    async with TaskGroup() as tasks:
        collector = Collector(store=known, servers=Servers(metrics), clock=clock, tasks=tasks)
        collector.want(a_snapshot(known), (asked,))
        await run(clock, collector, 62)
    assert metrics.asked[0][0].query == 'queue_depth{queue="or\\x22ders", namespace="demo"}'


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
