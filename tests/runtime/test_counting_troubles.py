"""The counter through outages, restarts, bugs and clocks that jump: each tile once, none lost."""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Tile
from canaryd.runtime.station import MOST_TILES
from tests.runtime.counting import AWAY, COUNT, TEN, World, a_world, at
from tests.runtime.fakes import KEY, HandClock, Metrics, Servers


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


async def test_when_our_clock_is_set_back_counting_goes_on_within_a_minute() -> None:
    async with a_world() as world:
        world.want()
        await world.until(100)
        held = len(world.tiles())
        world.clock.set_back(3600)
        world.metrics.skew = timedelta(hours=1)
        await world.until(200)
        assert len(world.tiles()) == held + 10


@pytest.mark.parametrize("jump", [-3600, -30, 30, 120, 3600])
async def test_where_our_clock_is_set_no_tile_of_a_time_to_come_is_asked_for(jump: float) -> None:
    """The server's clock goes on as it did, and each of its seconds is counted once."""
    async with a_world() as world:
        world.want()
        await world.until(100)
        held = len(world.tiles())
        world.clock.set_back(-jump)
        world.metrics.skew = timedelta(seconds=-jump)
        await world.until(160)
        assert len(world.tiles()) == held + 6
        assert max(tile.end for tile in world.tiles()) <= at(160)
        skew = world.known.counting(KEY).skew
        assert skew is not None
        assert abs(skew.total_seconds() + jump) < 1


class Slow(Metrics):
    """Our clock is set while it tells its time, once: what is told then is of two times."""

    clocks: list[HandClock]
    jump = 0.0

    @override
    async def time(self, sample: TileQuestion) -> ServerTime | Failed:
        told = await super().time(sample)
        while self.clocks:
            self.clocks.pop().set_back(-self.jump)
            self.skew = timedelta(seconds=-self.jump)
        return told


@pytest.mark.parametrize("jump", [-60.0, 60.0])
async def test_a_clock_that_is_set_while_the_server_tells_its_time_is_noticed(jump: float) -> None:
    metrics = Slow()
    metrics.jump, metrics.clocks = jump, []
    async with a_world(metrics) as world:
        world.want()
        await world.until(58)
        metrics.clocks.append(world.clock)
        await world.until(64)
        assert not metrics.clocks
        skew = world.known.counting(KEY).skew
        assert skew is not None
        assert abs(skew.total_seconds() + jump) < 1


async def test_the_past_is_asked_for_again_in_time_though_our_clock_was_set_back() -> None:
    async with a_world() as world:
        world.metrics.trouble = AWAY
        world.want(replace(COUNT, since=None, background=True))
        await world.until(5)
        world.clock.set_back(3600)
        world.metrics.trouble, world.metrics.skew = None, timedelta(hours=1)
        await world.until(60)
        assert world.metrics.looked_back


async def test_what_an_outage_left_behind_is_decided_on_together() -> None:
    async with a_world() as world:
        world.want()
        await world.until(26)
        world.metrics.trouble = AWAY
        await world.until(620)
        before = len(world.queued)
        world.metrics.trouble = None
        await world.until(640)
        assert len(world.tiles()) > 50
        assert 3 <= len(world.queued) - before <= 8


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
