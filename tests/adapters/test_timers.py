"""Keys come back when they are due, once, whatever happened to their deadlines in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeVarTuple, Unpack, override

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.timers.alarm import Alarm
from canaryd.adapters.timers.heap import HeapTimers
from canaryd.adapters.timers.rounds import Rounds
from canaryd.model.names import Key
from tests.adapters.fakes import KEY, NOON, HandClock

_Ts = TypeVarTuple("_Ts")
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
async def started() -> AsyncIterator[tuple[HeapTimers, asyncio.Queue[Key]]]:
    due: asyncio.Queue[Key] = asyncio.Queue()
    timers = HeapTimers(clock=SystemClock(), due=due.put_nowait, grain=QUICK)
    timers.start()
    try:
        yield timers, due
    finally:
        timers.stop()


async def test_keys_are_handed_on_as_they_become_due() -> None:
    async with started() as (timers, due), asyncio.timeout(20):
        for number in range(100):
            at = SystemClock().now() + number * timedelta(milliseconds=1)
            timers.set(Key("demo", str(number)), at)
        found = [await due.get() for _ in range(100)]
    assert [key.name for key in found] == [str(number) for number in range(100)]


async def test_a_deadline_before_all_others_is_not_slept_through() -> None:
    async with started() as (timers, due), asyncio.timeout(20):
        timers.set(Key("demo", "far"), SystemClock().now() + timedelta(hours=1))
        timers.set(KEY, SystemClock().now() + QUICK)
        assert await due.get() == KEY


async def test_deadlines_set_before_the_start_count() -> None:
    due: asyncio.Queue[Key] = asyncio.Queue()
    timers = HeapTimers(clock=SystemClock(), due=due.put_nowait)
    timers.set(KEY, SystemClock().now())
    timers.start()
    async with asyncio.timeout(20):
        assert await due.get() == KEY
    timers.stop()


class Loop(asyncio.SelectorEventLoop):
    """Counts how often it is told to wake up later."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    @override
    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.waits.append(delay)
        return super().call_later(delay, callback, *args, context=context)


def test_a_daemon_with_nothing_to_do_does_not_wake_up() -> None:
    async def idle(loop: Loop) -> None:
        timers = HeapTimers(clock=SystemClock(), due=print)
        alarm = Alarm(clock=SystemClock(), grain=QUICK)
        timers.start()
        alarm.start(print)
        timers.set(KEY, SystemClock().now() + timedelta(hours=1))
        timers.set(KEY, SystemClock().now() + timedelta(hours=2))
        await asyncio.sleep(0)
        assert len(loop.waits) == 1
        assert loop.waits[0] > 3599
        timers.stop()
        alarm.stop()

    loop = Loop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(idle(loop))


async def test_a_crowd_of_deadlines_is_a_few_rings() -> None:
    rings = 0

    def ring() -> None:
        nonlocal rings
        rings += 1

    clock = HandClock()
    alarm = Alarm(clock=clock, grain=SECOND)
    alarm.start(ring)
    for _ in range(1000):
        alarm.by(clock.monotonic())
        await asyncio.sleep(0)
    alarm.stop()
    assert rings == 1


async def test_work_that_failed_is_called_again() -> None:
    rang: asyncio.Queue[int] = asyncio.Queue()
    luck = iter([False, True])
    clock = HandClock()

    def ring() -> None:
        rang.put_nowait(1)
        if not next(luck):
            clock.advance(2 * SECOND)
            raise ValueError("no luck")

    alarm = Alarm(clock=clock, grain=QUICK)
    alarm.start(ring)
    alarm.at(clock.now() - SECOND)
    async with asyncio.timeout(20):
        await rang.get()
        await rang.get()
    alarm.stop()


async def test_an_alarm_goes_by_the_clock_that_never_jumps() -> None:
    rang = asyncio.Event()
    clock = JumpingClock()
    alarm = Alarm(clock=clock, grain=QUICK)
    alarm.start(rang.set)
    alarm.at(clock.now() + QUICK)
    clock.jump = -timedelta(hours=1)
    async with asyncio.timeout(20):
        await rang.wait()
    alarm.stop()


class JumpingClock(SystemClock):
    """A wall clock that is set while canaryd runs."""

    def __init__(self) -> None:
        self.jump = timedelta()

    @override
    def now(self) -> datetime:
        return super().now() + self.jump


@asynccontextmanager
async def rounds(clock: SystemClock | None = None) -> AsyncIterator[Rounds]:
    made = Rounds(clock=clock or SystemClock(), look=QUICK)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        await asyncio.sleep(0)


async def test_rounds_go_on_after_the_wall_clock_was_set_back() -> None:
    turned = asyncio.Event()

    async def work() -> None:
        turned.set()

    clock = JumpingClock()
    async with rounds(clock) as made, asyncio.timeout(20):
        made.every("work", timedelta(hours=1), work)
        clock.jump = -timedelta(hours=1)
        await turned.wait()


async def test_a_round_comes_again_after_it_failed() -> None:
    turns: asyncio.Queue[int] = asyncio.Queue()
    luck = iter([False, True, True])

    async def work() -> None:
        turns.put_nowait(1)
        if not next(luck, True):
            raise ValueError("no luck")

    async with rounds() as made, asyncio.timeout(20):
        made.every("work", QUICK, work)
        for _ in range(3):
            await turns.get()


async def test_a_slow_round_runs_once_at_a_time_and_holds_up_no_key() -> None:
    entered = 0

    async def work() -> None:
        nonlocal entered
        entered += 1
        await asyncio.Event().wait()

    async with started() as (timers, due), rounds() as made, asyncio.timeout(20):
        made.every("work", QUICK, work)
        for _ in range(20):
            timers.set(KEY, SystemClock().now() + QUICK)
            await due.get()
    assert entered == 1
