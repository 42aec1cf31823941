"""The counter: tiles in order and each once, through outages, restarts and other questions."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.decision import Count
from canaryd.model.gates import GRPC_GOOD, MetricsServer, Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Tile
from canaryd.runtime.counting import Counter
from canaryd.runtime.station import MOST_TILES
from canaryd.runtime.store import Store
from canaryd.wire import watch
from tests.runtime.fakes import KEY, START, HandClock, Metrics, Servers, canary, store
from tests.runtime.test_collector import a_snapshot

TEN = timedelta(seconds=10)
SCRAPE = timedelta(seconds=15)
AWAY = Failed(Answered.UNAVAILABLE, "it gave no answer: connection refused")
COUNT = Count(
    canary="podinfo-v2",
    primary="podinfo-v1",
    revision=Revision("r2"),
    every=TEN,
    since=START,
    edges=(),
    warm_up=timedelta(seconds=30),
    reporter=Reporter.DESTINATION,
    background=False,
    served_since=START - timedelta(days=1),
    grpc_good=GRPC_GOOD,
)


class World:
    """A store, a metrics server and a counter, with a clock moved by hand."""

    def __init__(self, tasks: TaskGroup, metrics: Metrics, servers: Servers | None = None) -> None:
        self.clock, self.metrics = HandClock(), metrics
        self.queued: list[Key] = []
        self.known: Store = store(self.clock, self.queued)
        self.tasks, self.servers = tasks, servers or Servers(metrics)
        self.counter = self.anew()

    def anew(self) -> Counter:
        """Lead anew: what the store knows from watches stays, the counter starts from nothing."""
        self.counter = Counter(
            store=self.known, servers=self.servers, clock=self.clock, tasks=self.tasks
        )
        return self.counter

    def want(self, count: Count | None = COUNT, name: str = "podinfo") -> None:
        self.counter.want(a_snapshot(self.known, name), count)

    async def until(self, seconds: float) -> None:
        """Let the time pass, second by second; answers arrive between two of them."""
        while self.clock.seconds < seconds:
            self.clock.seconds += 1
            await self.tick()

    async def tick(self) -> None:
        await self.counter.tick()
        for _ in range(50):
            await asyncio.sleep(0)

    def tiles(self, name: str = "podinfo") -> tuple[Tile, ...]:
        return self.known.counting(Key("demo", name)).tiles

    def starts(self, name: str = "podinfo") -> list[float]:
        return [(tile.start - START).total_seconds() for tile in self.tiles(name)]


@asynccontextmanager
async def a_world(metrics: Metrics | None = None) -> AsyncIterator[World]:
    async with TaskGroup() as tasks:
        yield World(tasks, metrics or Metrics())


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


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


async def test_after_an_outage_the_missing_tiles_come_with_their_own_bounds_oldest_first() -> None:
    async with a_world() as world:
        world.want()
        await world.until(26)
        world.metrics.trouble = AWAY
        await world.until(120)
        assert world.starts() == [0]
        world.metrics.trouble = None
        await world.until(140)
        assert world.starts() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]
        assert all(tile.end - tile.start == TEN for tile in world.tiles())
        assert world.metrics.most_under_way == 1


async def test_silence_says_why_and_since_when_and_an_answer_ends_it() -> None:
    async with a_world() as world:
        world.want()
        await world.until(26)
        world.metrics.trouble = AWAY
        await world.until(60)
        world.metrics.trouble = replace(AWAY, detail="it answered 503")
        await world.until(75)
        silence = world.known.counting(KEY).silence
        assert silence is not None
        assert (silence.answered, silence.detail) == (Answered.UNAVAILABLE, "it answered 503")
        assert silence.since == at(35)
        world.metrics.trouble = None
        await world.until(90)
        assert world.known.counting(KEY).silence is None


async def test_an_outage_enqueues_a_canary_once_and_not_with_every_failure() -> None:
    async with a_world() as world:
        world.want()
        await world.until(26)
        world.metrics.trouble = AWAY
        world.queued.clear()
        await world.until(120)
        assert len(world.queued) == 1


async def test_a_failed_question_is_asked_again_each_ten_seconds_and_not_in_a_flood() -> None:
    async with a_world() as world:
        world.want()
        await world.until(26)
        world.metrics.trouble = AWAY
        before = len(world.metrics.tiled)
        await world.until(126)
        assert 9 <= len(world.metrics.tiled) - before <= 10


async def test_a_server_that_never_answered_is_silence_for_all_that_ask_it() -> None:
    metrics = Metrics()
    metrics.trouble = AWAY
    async with a_world(metrics) as world:
        world.want(replace(COUNT, since=None))
        world.want(name="other")
        await world.until(30)
        for name in ("podinfo", "other"):
            silence = world.known.counting(Key("demo", name)).silence
            assert silence is not None
            assert silence.since == at(1)
        assert metrics.tiled == []
        assert len(metrics.timed) == 3


async def test_a_server_whose_login_cannot_be_read_is_silence_with_the_words() -> None:
    async with TaskGroup() as tasks:
        world = World(tasks, Metrics(), Servers())
        world.want()
        await world.until(2)
        silence = world.known.counting(KEY).silence
        assert silence is not None
        assert silence.answered is Answered.REFUSED
        assert "Secret demo/login does not exist" in silence.detail


async def test_while_one_call_is_under_way_no_other_is_sent() -> None:
    async with a_world() as world:
        world.want()
        await world.until(24)
        world.metrics.gate.clear()
        await world.until(50)
        world.want(name="other")
        await world.until(70)
        assert len(world.metrics.tiled) == 1
        world.metrics.gate.set()
        await world.tick()
        assert world.starts()[:2] == [0, 10]
        assert world.metrics.most_under_way == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(COUNT, revision=Revision("r3")),
        replace(COUNT, edges=(100.0,)),
        replace(COUNT, since=at(-10)),
        replace(COUNT, since=at(5)),
    ],
    ids=["revision", "edges", "since before", "since between"],
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
        ends = [tile.end for tile in world.tiles()]
        assert ends == [other.since + (number + 1) * TEN for number in range(len(ends))]


async def test_a_restart_asks_for_the_same_tiles_again_with_equal_bounds() -> None:
    async with a_world() as world:
        world.want()
        await world.until(56)
        before = world.tiles()
        world.anew()
        assert world.tiles() == ()
        world.want(replace(COUNT, since=at(10)))
        await world.until(58)
        assert world.tiles() == before[1:]


async def test_so_many_tiles_wait_for_decisions_and_no_more() -> None:
    async with a_world() as world:
        world.clock.seconds = 100_000
        world.want()
        for _ in range(100):
            await world.tick()
        assert len(world.tiles()) == MOST_TILES
        world.want(replace(COUNT, since=at(7000)))
        for _ in range(100):
            await world.tick()
        assert len(world.tiles()) == MOST_TILES
        assert world.starts()[0] == 7000


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


async def test_when_our_clock_is_set_back_counting_goes_on_within_a_minute() -> None:
    async with a_world() as world:
        world.want()
        await world.until(100)
        held = len(world.tiles())
        world.clock.set_back(3600)
        world.metrics.skew = timedelta(hours=1)
        await world.until(200)
        assert len(world.tiles()) == held + 10


class Broken(Metrics):
    """Raises, which no metrics server may; only once."""

    broken = True

    @override
    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> Mapping[Key, Tile | Failed]:
        if self.broken:
            self.broken = False
            raise ValueError("a bug")
        return await super().tiles(questions, time=time)


async def test_a_bug_costs_one_tile_some_time_and_ends_nothing() -> None:
    async with a_world(Broken()) as world:
        world.want()
        await world.until(60)
        assert world.starts() == [0, 10, 20, 30]
