"""Keys come back when they are due, once, whatever happened to their deadlines in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.timers import HeapTimers
from canaryd.model.names import Key
from tests.adapters.fakes import KEY, NOON, HandClock

SECOND = timedelta(seconds=1)
QUICK = timedelta(milliseconds=5)


def by_hand() -> tuple[HandClock, HeapTimers, list[Key]]:
    clock = HandClock()
    due: list[Key] = []
    return clock, HeapTimers(clock=clock, due=due.append), due


def test_a_key_comes_back_once_when_it_is_due() -> None:
    clock, timers, due = by_hand()
    timers.set(KEY, NOON + SECOND)
    timers.turn()
    assert due == []
    clock.advance(SECOND)
    timers.turn()
    timers.turn()
    assert due == [KEY]


def test_a_new_deadline_replaces_the_last_and_none_removes_it() -> None:
    clock, timers, due = by_hand()
    timers.set(KEY, NOON + SECOND)
    timers.set(KEY, NOON + 3 * SECOND)
    clock.advance(2 * SECOND)
    timers.turn()
    assert due == []
    timers.set(KEY, None)
    clock.advance(9 * SECOND)
    timers.turn()
    assert due == []


def test_a_deadline_that_passed_already_is_due_at_once() -> None:
    _, timers, due = by_hand()
    timers.set(KEY, NOON - 9 * SECOND)
    timers.turn()
    assert due == [KEY]


def test_replaced_deadlines_do_not_pile_up() -> None:
    _, timers, _ = by_hand()
    for second in range(10_000):
        timers.set(KEY, NOON + second * SECOND)
    assert len(timers._heap) < 100


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.none() | st.integers(-3, 30), st.integers(0, 4)),
        max_size=60,
    )
)
def test_keys_come_back_as_a_plain_table_of_deadlines_says(
    moves: list[tuple[int, int | None, int]],
) -> None:
    clock, timers, due = by_hand()
    table: dict[Key, float] = {}
    for number, wait, passes in moves:
        key = Key("demo", str(number))
        if wait is None:
            timers.set(key, None)
            table.pop(key, None)
        else:
            timers.set(key, clock.now() + wait * SECOND)
            table[key] = clock.monotonic() + wait
        clock.advance(passes * SECOND)
        wanted = sorted((at, key) for key, at in table.items() if at <= clock.monotonic())
        timers.turn()
        assert due == [key for _, key in wanted]
        due.clear()
        table = {key: at for key, at in table.items() if at > clock.monotonic()}


@asynccontextmanager
async def pumped() -> AsyncIterator[tuple[HeapTimers, asyncio.Queue[Key]]]:
    due: asyncio.Queue[Key] = asyncio.Queue()
    timers = HeapTimers(clock=SystemClock(), due=due.put_nowait, pump_every=QUICK)
    timers.start()
    try:
        yield timers, due
    finally:
        timers.stop()
        await asyncio.sleep(0)


async def test_the_pump_hands_on_what_is_due_on_the_loop() -> None:
    async with pumped() as (timers, due), asyncio.timeout(20):
        for number in range(100):
            at = SystemClock().now() + number * timedelta(milliseconds=1)
            timers.set(Key("demo", str(number)), at)
        found = [await due.get() for _ in range(100)]
    assert [key.name for key in found] == [str(number) for number in range(100)]


async def test_the_pump_goes_on_after_the_wall_clock_was_set_back() -> None:
    async with pumped() as (timers, due), asyncio.timeout(20):
        # What a wall clock set back by an hour looks like to apscheduler.
        for job in timers._scheduler.get_jobs():
            job.modify(next_run_time=SystemClock().now() + timedelta(hours=1))
        timers.set(KEY, SystemClock().now())
        assert await due.get() == KEY


async def test_a_housekeeping_job_runs_again_after_it_failed() -> None:
    turns: asyncio.Queue[int] = asyncio.Queue()
    luck = iter([False, True, True])

    async def work() -> None:
        turns.put_nowait(1)
        if not next(luck, True):
            raise ValueError("no luck")

    async with pumped() as (timers, _), asyncio.timeout(20):
        timers.every("work", QUICK, work)
        for _ in range(3):
            await turns.get()


async def test_a_slow_housekeeping_job_runs_once_at_a_time_and_holds_up_no_key() -> None:
    entered = 0

    async def work() -> None:
        nonlocal entered
        entered += 1
        await asyncio.Event().wait()

    async with pumped() as (timers, due), asyncio.timeout(20):
        timers.every("work", QUICK, work)
        for _ in range(20):
            timers.set(KEY, SystemClock().now() + QUICK)
            await due.get()
    assert entered == 1
