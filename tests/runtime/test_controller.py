"""Keys that wait are decided side by side, and no answer that is long in coming is in the way."""

from __future__ import annotations

import asyncio
from asyncio import Event, TaskGroup
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from canaryd.model.errors import (
    ConflictError,
    OvertakenError,
    ThrottledError,
    UnreachableError,
)
from canaryd.model.names import Key
from canaryd.runtime.carried import Carried
from canaryd.runtime.controller import Controller
from canaryd.runtime.queue import FIRST_DELAY, Queue
from tests.runtime.fakes import START, HandClock, Meter, store


class Alarms:
    """Remembers when each key is to be decided again."""

    def __init__(self) -> None:
        self.at: dict[Key, datetime | None] = {}

    def set(self, key: Key, at: datetime | None) -> None:
        self.at[key] = at


@asynccontextmanager
async def controlled(
    queue: Queue,
    alarms: Alarms,
    reconcile: Callable[[Key], Awaitable[Carried]],
    *,
    ending: bool = False,
) -> AsyncIterator[None]:
    clock = HandClock()
    controller = Controller(
        queue=queue,
        store=store(clock),
        reconcile=reconcile,
        timers=alarms,
        clock=clock,
        meter=Meter(),
        ending=lambda: ending,
    )
    async with TaskGroup() as tasks:
        running = tasks.create_task(controller.run())
        yield
        running.cancel()


def named(number: int) -> list[Key]:
    return [Key("demo", f"c{n}") for n in range(number)]


async def settle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


async def test_a_canary_is_decided_while_a_hundred_others_wait_for_the_api_server() -> None:
    queue, answered, decided = Queue(), Event(), list[Key]()

    async def reconcile(key: Key) -> Carried:
        decided.append(key)
        await answered.wait()
        return Carried.OUT

    async with controlled(queue, Alarms(), reconcile):
        for key in named(101):
            queue.add(key)
        await settle()
        assert decided == named(101)
        answered.set()


async def test_a_canary_with_news_is_decided_again_only_when_its_own_write_is_done() -> None:
    queue, answered, under_way, decided = Queue(), Event(), Counter[Key](), Counter[Key]()
    [key] = named(1)

    async def reconcile(key: Key) -> Carried:
        under_way[key] += 1
        assert under_way[key] == 1
        decided[key] += 1
        await answered.wait()
        under_way[key] -= 1
        return Carried.OUT

    async with controlled(queue, Alarms(), reconcile):
        for _ in range(3):
            queue.add(key)
            await settle()
        assert decided[key] == 1
        answered.set()
        await settle()
        assert decided[key] == 2


async def test_between_two_decisions_answers_and_watches_have_their_turn() -> None:
    queue, heard = Queue(), list[int]()
    decided: list[Key] = []

    async def reconcile(key: Key) -> Carried:
        decided.append(key)
        return Carried.OUT

    async def watch() -> None:
        while True:
            heard.append(len(decided))
            await asyncio.sleep(0)

    async with controlled(queue, Alarms(), reconcile), TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        for key in named(20):
            queue.add(key)
        await settle()
        watching.cancel()
    assert set(range(20)) <= set(heard)


async def test_each_failure_has_its_pause_and_stops_nobody_else() -> None:
    queue, alarms = Queue(), Alarms()
    throttled, conflict, gone, odd, well = named(5)
    errors: dict[Key, Exception] = {
        throttled: ThrottledError("too many", retry_after=timedelta(seconds=7)),
        conflict: ConflictError("somebody was first"),
        gone: UnreachableError("nobody there"),
        odd: ValueError("a fault of ours"),
    }

    async def reconcile(key: Key) -> Carried:
        if key in errors:
            raise errors[key]
        alarms.set(key, None)
        return Carried.OUT

    async with controlled(queue, alarms, reconcile):
        for key in named(5):
            queue.add(key)
        await settle()
    assert alarms.at[throttled] == START + timedelta(seconds=7)
    for key in (conflict, gone, odd):
        at = alarms.at[key]
        assert at is not None
        assert START < at < START + timedelta(seconds=1)
    assert alarms.at[well] is None


async def test_a_canary_that_has_seen_its_own_write_is_not_decided_again() -> None:
    queue, decided = Queue(), Counter[Key]()
    own, other = named(2)

    async def reconcile(key: Key) -> Carried:
        decided[key] += 1
        if decided[key] == 1:
            queue.add(key)  # as the answer to a write does
        return Carried.STANDS if key == own else Carried.OUT

    async with controlled(queue, Alarms(), reconcile):
        for key in (own, other):
            queue.add(key)
        await settle()
    assert decided == {own: 1, other: 2}


async def test_a_failure_counts_until_something_was_carried_out_not_until_a_turn_came() -> None:
    queue, alarms = Queue(), Alarms()
    [key] = named(1)
    tries = 0

    async def reconcile(_: Key) -> Carried:
        nonlocal tries
        tries += 1
        if tries % 2 == 0:
            return Carried.NOT_YET
        raise UnreachableError("nobody there")

    async with controlled(queue, alarms, reconcile):
        for _ in range(9):
            queue.add(key)
            await settle()
    at = alarms.at[key]
    assert at is not None
    assert at - START >= 0.8 * FIRST_DELAY * 2**4


async def test_what_is_old_is_given_up_and_decided_anew_at_once() -> None:
    queue, alarms, decided = Queue(), Alarms(), Counter[Key]()
    [key] = named(1)
    overtaken = Event()
    queue.overtake = lambda _: overtaken.set()

    async def reconcile(key: Key) -> Carried:
        decided[key] += 1
        if decided[key] == 1:
            await overtaken.wait()
            raise OvertakenError("there is news")
        return Carried.OUT

    async with controlled(queue, alarms, reconcile):
        queue.add(key)
        await settle()
        assert decided[key] == 1
        queue.add(key)
        await settle()
    assert decided[key] == 2
    assert alarms.at == {}


async def test_another_leader_of_the_same_process_decides_all_whatever_the_last_one_was_doing() -> (
    None
):
    queue, decided, never = Queue(), list[Key](), Event()

    async def hangs(_: Key) -> Carried:
        await never.wait()
        return Carried.OUT

    async def reconcile(key: Key) -> Carried:
        decided.append(key)
        return Carried.OUT

    everyone = named(30)
    async with controlled(queue, Alarms(), hangs):
        for key in everyone:
            queue.add(key)
        for _ in range(10):
            await asyncio.sleep(0)
    async with controlled(queue, Alarms(), reconcile):
        for key in everyone:
            queue.add(key)
        await settle()
    assert set(decided) == set(everyone)


def falling(fell: Event, done: list[str]) -> Callable[[Key], Awaitable[Carried]]:
    """Takes traffic back, and tells of it when that is answered."""

    async def reconcile(key: Key) -> Carried:
        done.append(f"{key.name} fell")
        await fell.wait()
        done.append(f"{key.name} told")
        return Carried.OUT

    return reconcile


async def test_told_to_end_it_writes_the_verdict_of_a_fall_and_begins_nothing() -> None:
    queue, fell, done = Queue(), Event(), list[str]()
    async with controlled(queue, Alarms(), falling(fell, done), ending=True):
        queue.add(Key("demo", "bad"))
        await settle()
        asyncio.get_running_loop().call_soon(queue.add, Key("demo", "late"))
        asyncio.get_running_loop().call_soon(fell.set)
    assert done == ["bad fell", "bad told"]


async def test_whoever_has_lost_the_lease_writes_nothing_more() -> None:
    queue, fell, done = Queue(), Event(), list[str]()
    async with controlled(queue, Alarms(), falling(fell, done)):
        queue.add(Key("demo", "bad"))
        await settle()
    assert done == ["bad fell"]
