"""The collector: one question for many Canaries, and no answer of an earlier step."""

from __future__ import annotations

from asyncio import TaskGroup
from dataclasses import replace
from datetime import datetime

from canaryd.model.answered import Answered
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.runtime.collector import Collector
from tests.runtime.asking import MINUTE, WISH, a_snapshot, run
from tests.runtime.fakes import KEY, START, HandClock, Metrics, Servers, store


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
