"""The counter: which tiles are asked for, in order and each once, and which answers are told."""

from __future__ import annotations

from asyncio import TaskGroup
from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.model.decision import Count
from canaryd.model.gates import MetricsServer, Reporter
from canaryd.model.names import Revision
from canaryd.wire import watch
from tests.runtime.counting import COUNT, SCRAPE, TEN, World, a_world, at
from tests.runtime.fakes import KEY, Metrics, Servers, canary


async def test_tiles_come_in_order_when_they_are_one_scrape_old() -> None:
    async with a_world() as world:
        world.want()
        await world.until(24)
        assert world.starts() == []
        await world.until(25)
        assert world.starts() == [0]
        await world.until(56)
        assert world.starts() == [0, 10, 20, 30]
        assert world.queued[-1] == KEY


async def test_the_metrics_servers_clock_counts_and_not_ours() -> None:
    async with a_world(Metrics(skew=timedelta(seconds=-7))) as world:
        world.want()
        await world.until(31)
        assert world.starts() == []
        await world.until(32)
        assert world.starts() == [0]
        assert world.tiles()[0].skew == timedelta(seconds=-7)


async def test_behind_remote_write_tiles_are_asked_for_later() -> None:
    far = MetricsServer("http://far:9090", delay=timedelta(seconds=30))
    metrics = Metrics()
    async with TaskGroup() as tasks:
        world = World(tasks, metrics, Servers(None, {far: metrics}))
        world.want(replace(COUNT, server=far))
        await world.until(54)
        assert world.starts() == []
        await world.until(55)
        assert world.starts() == [0]


async def test_all_canaries_of_one_server_share_one_call_and_one_time() -> None:
    async with a_world() as world:
        for number in range(40):
            world.want(name=f"app{number}")
        await world.until(25)
        assert [len(questions) for questions in world.metrics.tiled] == [40]
        seen = {question.key.name for question in world.metrics.tiled[0]}
        assert len(seen) == 40
        await world.until(35)
        assert [len(questions) for questions in world.metrics.tiled] == [40, 40]


async def test_the_time_is_asked_about_once_a_minute() -> None:
    async with a_world() as world:
        world.want()
        await world.until(300)
        assert 5 <= len(world.metrics.timed) <= 6


async def test_a_scrape_interval_that_is_not_known_yet_is_asked_for_again_and_then_kept_to() -> (
    None
):
    async with a_world(Metrics(scrape=None)) as world:
        world.want()
        await world.until(25)
        assert world.starts() == [0]
        assert world.known.counting(KEY).scrape is None
        world.metrics.scrape = timedelta(seconds=60)
        await world.until(90)
        assert world.known.counting(KEY).scrape == timedelta(seconds=60)
        assert max(world.starts()) == 30
        await world.until(109)
        assert max(world.starts()) == 30
        await world.until(110)
        assert max(world.starts()) == 40
        assert world.tiles()[-1].scrape == timedelta(seconds=60)


async def test_scrapes_that_are_measured_unevenly_keep_no_canary_from_the_shared_call() -> None:
    async with a_world() as world:
        for name, measured in (("one", 15.003), ("two", 14.996), ("three", 15.0)):
            world.metrics.scrape = timedelta(seconds=measured)
            world.want(name=name)
            await world.until(world.clock.seconds + 1)
        await world.until(25)
        assert [len(questions) for questions in world.metrics.tiled] == [3]


async def test_before_any_traffic_moves_only_the_time_is_asked_for() -> None:
    async with a_world() as world:
        world.want(replace(COUNT, since=None))
        await world.until(100)
        assert world.metrics.tiled == []
        known = world.known.counting(KEY)
        assert (known.skew, known.scrape, known.silence) == (timedelta(), SCRAPE, None)


async def test_tiles_that_were_taken_in_are_forgotten_and_never_come_again() -> None:
    async with a_world() as world:
        world.want()
        await world.until(56)
        world.want(replace(COUNT, since=at(30)))
        assert world.starts() == [30]
        await world.until(76)
        assert world.starts() == [30, 40, 50]
        ends = [question.end for questions in world.metrics.tiled for question in questions]
        assert len(ends) == len(set(ends)) == 6


@pytest.mark.parametrize(
    "other",
    [
        replace(COUNT, revision=Revision("r3")),
        replace(COUNT, edges=(100.0,)),
        replace(COUNT, reporter=Reporter.SOURCE),
        replace(COUNT, since=at(-10)),
        replace(COUNT, since=at(5)),
    ],
    ids=["revision", "edges", "reporter", "since before", "since between"],
)
async def test_no_answer_to_an_earlier_question_is_ever_told(other: Count) -> None:
    async with a_world() as world:
        world.want()
        await world.until(36)
        assert world.starts() == [0, 10]
        world.metrics.gate.clear()
        await world.until(46)
        world.want(other)
        assert world.starts() == []
        world.metrics.gate.set()
        await world.tick()
        assert other.since is not None
        assert world.tiles()[0].start == other.since
        assert {tile.rows[0].pod for tile in world.tiles()} == {other.revision}
        assert {tile.reporter for tile in world.tiles()} == {other.reporter}
        ends = [tile.end for tile in world.tiles()]
        assert ends == [other.since + (number + 1) * TEN for number in range(len(ends))]


async def test_what_is_wanted_no_longer_is_not_asked_for_and_forgotten() -> None:
    async with a_world() as world:
        world.want()
        await world.until(26)
        world.want(None)
        asked = world.metrics.requests
        await world.until(1000)
        assert world.metrics.requests == asked
        assert world.known.counting(KEY).tiles == ()
        assert world.known.counting(KEY).skew is None


async def test_of_a_canary_that_is_gone_nothing_is_kept() -> None:
    async with a_world() as world:
        world.want()
        await world.until(24)
        world.metrics.gate.clear()
        await world.until(26)
        world.known.remove(watch.CANARIES, *KEY)
        world.metrics.gate.set()
        await world.tick()
        assert world.known.counting(KEY).tiles == ()


async def test_nothing_is_asked_when_nothing_is_wanted() -> None:
    async with a_world() as world:
        world.known.apply(watch.CANARIES, canary())
        await world.until(600)
        assert world.metrics.requests == 0


async def test_another_server_is_asked_from_the_beginning() -> None:
    other = MetricsServer("http://other:9090")
    ours, theirs = Metrics(), Metrics(skew=timedelta(seconds=3))
    async with TaskGroup() as tasks:
        world = World(tasks, ours, Servers(ours, {other: theirs}))
        world.want()
        await world.until(36)
        world.want(replace(COUNT, server=other))
        asked = ours.requests
        await world.until(60)
        assert ours.requests == asked
        assert {tile.skew for tile in world.tiles()} == {timedelta(seconds=3)}
        assert world.starts()[0] == 0
