"""Who is let through to the API server, in which order and how many."""

from __future__ import annotations

import asyncio
from asyncio import Event, Task, TaskGroup
from datetime import timedelta

import pytest

from canaryd.adapters.kube.turnstile import EACH, SPARE, Turnstile
from canaryd.model.errors import OvertakenError, ThrottledError
from canaryd.model.names import Key
from canaryd.model.urgency import Urgency

FALL, RISE, STATE, NEWS = Urgency.FALL, Urgency.RISE, Urgency.STATE, Urgency.NEWS


class Traffic:
    """Writes that hold their turn until they are told to end."""

    def __init__(self, turnstile: Turnstile, tasks: TaskGroup) -> None:
        self._turnstile = turnstile
        self._tasks = tasks
        self._ends: dict[str, Event] = {}
        self._writes: dict[str, Task[None]] = {}
        self._news = Event()
        self.began: list[str] = []

    def send(self, name: str, urgency: Urgency, of: Key | None = None) -> None:
        self._ends[name] = Event()
        self._writes[name] = self._tasks.create_task(self._write(name, urgency, of))

    def call_off(self, name: str) -> None:
        self._writes[name].cancel()

    async def until(self, begun: int) -> None:
        """Wait until so many have begun."""
        while len(self.began) < begun:
            self._news.clear()
            await self._news.wait()

    async def _write(self, name: str, urgency: Urgency, of: Key | None) -> None:
        async with self._turnstile.turn(urgency, of):
            self.began.append(name)
            self._news.set()
            await self._ends[name].wait()

    def end(self, name: str) -> None:
        self._ends[name].set()

    async def drain(self) -> None:
        """End whatever is under way, one after the other, until nobody is left."""
        ended: set[str] = set()
        while left := [name for name in self.began if name not in ended]:
            ended.add(left[0])
            self.end(left[0])
            await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_more_urgent_overtakes_what_waits_and_equals_keep_their_order() -> None:
    async with TaskGroup() as tasks:
        traffic = Traffic(Turnstile(at_once=1), tasks)
        traffic.send("first", NEWS)
        await settle()
        for name, urgency in [("e1", NEWS), ("s1", STATE), ("s2", STATE), ("r1", RISE)]:
            traffic.send(name, urgency)
        await settle()
        assert traffic.began == ["first"]
        await traffic.drain()
    assert traffic.began == ["first", "r1", "s1", "s2", "e1"]


async def test_a_fall_does_not_wait_for_any_answer_to_something_else() -> None:
    async with TaskGroup() as tasks:
        traffic = Traffic(Turnstile(at_once=2), tasks)
        for name in ("s1", "s2", "s3"):
            traffic.send(name, STATE)
        for n in range(SPARE):
            traffic.send(f"fall{n}", FALL)
        await settle()
        assert traffic.began == ["s1", "s2", *(f"fall{n}" for n in range(SPARE))]
        await traffic.drain()
    assert traffic.began[-1] == "s3"


async def test_news_are_told_while_statuses_never_end() -> None:
    async with TaskGroup() as tasks:
        traffic = Traffic(Turnstile(at_once=1), tasks)
        traffic.send("s", STATE)
        traffic.send("news", NEWS)
        for n in range(3 * EACH):
            traffic.send(f"s{n}", STATE)
        await settle()
        await traffic.drain()
    assert traffic.began.index("news") <= EACH


async def test_after_a_429_nobody_asks_until_the_pause_is_over_and_falls_are_first() -> None:
    turnstile = Turnstile()
    refused = ThrottledError("too many requests", retry_after=timedelta(seconds=0.05))
    with pytest.raises(ThrottledError):
        async with turnstile.turn(STATE):
            raise refused
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        traffic.send("status", STATE)
        traffic.send("rise", RISE)
        traffic.send("fall", FALL)
        await settle()
        assert traffic.began == []
        assert turnstile.waiting() == 3
        await traffic.until(3)
        await traffic.drain()
    assert traffic.began == ["fall", "rise", "status"]
    assert turnstile.waiting() == 0


async def test_a_crowd_begins_no_more_writes_than_the_rate_allows_and_falls_go_beside_it() -> None:
    turnstile = Turnstile(per_second=20)
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        for n in range(25):
            traffic.send(f"s{n}", STATE)
        await settle()
        assert len(traffic.began) <= 22  # a second's worth, and what its making took
        traffic.send("fall", FALL)
        await settle()
        assert "fall" in traffic.began
        await traffic.until(26)
        await traffic.drain()


async def test_a_write_that_is_called_off_while_it_waits_blocks_nobody() -> None:
    async with TaskGroup() as tasks:
        traffic = Traffic(Turnstile(at_once=1), tasks)
        traffic.send("first", STATE)
        await settle()
        traffic.send("gone", STATE)
        traffic.send("last", STATE)
        await settle()
        traffic.call_off("gone")
        await settle()
        await traffic.drain()
    assert traffic.began == ["first", "last"]


async def test_a_write_that_is_called_off_as_its_turn_comes_gives_the_turn_back() -> None:
    async with TaskGroup() as tasks:
        traffic = Traffic(Turnstile(at_once=1), tasks)
        traffic.send("first", STATE)
        await settle()
        traffic.send("gone", STATE)
        traffic.send("last", STATE)
        await settle()
        traffic.end("first")
        await asyncio.sleep(0)  # the first one ends and lets the next in …
        traffic.call_off("gone")  # … which does not know it yet
        await settle()
        await traffic.drain()
    assert traffic.began[-1] == "last"


async def test_what_waits_while_its_canary_has_news_is_not_sent_and_keeps_its_place() -> None:
    key, turnstile = Key("demo", "podinfo"), Turnstile(at_once=1)
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        traffic.send("first", STATE)
        await settle()
        old = tasks.create_task(overtaken(turnstile, key))
        await settle()
        traffic.send("later", STATE)
        await settle()
        turnstile.overtake(key)
        assert await old
        traffic.send("anew", STATE, key)
        await settle()
        await traffic.drain()
    assert traffic.began == ["first", "anew", "later"]


async def overtaken(turnstile: Turnstile, key: Key, urgency: Urgency = STATE) -> bool:
    try:
        async with turnstile.turn(urgency, key):
            return False
    except OvertakenError:
        return True


async def test_news_of_a_canary_stop_neither_its_fall_nor_what_is_under_way() -> None:
    key, turnstile = Key("demo", "podinfo"), Turnstile(at_once=1)
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        traffic.send("under way", STATE, key)
        await settle()
        turnstile.overtake(key)
        for n in range(SPARE):
            traffic.send(f"fall{n}", FALL, key)
        traffic.send("last fall", FALL, key)
        await settle()
        turnstile.overtake(key)
        await traffic.drain()
    assert traffic.began[0] == "under way"
    assert traffic.began[-1] == "last fall"


async def test_falls_go_on_a_second_after_a_429_however_long_it_asked_for() -> None:
    turnstile = Turnstile()
    refusal = ThrottledError("not now", retry_after=timedelta(minutes=5))
    with pytest.raises(ThrottledError):
        async with turnstile.turn(STATE):
            raise refusal
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        traffic.send("status", STATE)
        traffic.send("fall", FALL)
        await traffic.until(1)
        assert traffic.began == ["fall"]
        assert turnstile.waiting() == 1
        traffic.call_off("status")
        traffic.end("fall")


async def refuse(turnstile: Turnstile, seconds: float, of: Key | None = None) -> timedelta:
    """A fall that has its turn and is refused; returns after how long it is to be tried again."""
    with pytest.raises(ThrottledError) as raised:
        async with turnstile.turn(FALL, of):
            raise ThrottledError("not now", retry_after=timedelta(seconds=seconds))
    return raised.value.retry_after


async def test_a_fall_that_was_refused_itself_is_tried_again_after_a_second_at_most() -> None:
    assert await refuse(Turnstile(), 30) == timedelta(seconds=1)
    assert await refuse(Turnstile(), 0.5) == timedelta(seconds=0.5)


async def test_a_status_that_is_refused_is_tried_again_when_the_api_server_says() -> None:
    refusal = ThrottledError("not now", retry_after=timedelta(seconds=30))
    with pytest.raises(ThrottledError) as raised:
        async with Turnstile().turn(STATE):
            raise refusal
    assert raised.value is refusal


async def overtaken_at_the_head(
    turnstile: Turnstile, traffic: Traffic, urgency: Urgency, key: Key, tasks: TaskGroup
) -> None:
    """A write of this Canary is overtaken while it waits before a later one."""
    traffic.send("first", STATE)
    await settle()
    old = tasks.create_task(overtaken(turnstile, key, urgency))
    await settle()
    traffic.send("later", urgency)
    await settle()
    turnstile.overtake(key)
    assert await old


async def test_a_canary_that_fell_has_no_old_place_to_rise_again_at() -> None:
    key, turnstile = Key("demo", "podinfo"), Turnstile(at_once=1)
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        await overtaken_at_the_head(turnstile, traffic, RISE, key, tasks)
        traffic.send("fall", FALL, key)
        await settle()
        traffic.send("rise", RISE, key)
        await settle()
        await traffic.drain()
    assert traffic.began == ["first", "fall", "later", "rise"]


async def test_a_status_keeps_its_place_however_often_its_canarys_fall_is_tried_meanwhile() -> None:
    key, turnstile = Key("demo", "podinfo"), Turnstile(at_once=1)
    async with TaskGroup() as tasks:
        traffic = Traffic(turnstile, tasks)
        await overtaken_at_the_head(turnstile, traffic, STATE, key, tasks)
        for _ in range(3):
            await refuse(turnstile, 0, key)
            old = tasks.create_task(overtaken(turnstile, key))
            await settle()
            turnstile.overtake(key)
            assert await old
        traffic.send("verdict", STATE, key)
        await settle()
        await traffic.drain()
    assert traffic.began == ["first", "verdict", "later"]
