"""Who waits for what when the API server refuses one write after the other; the clock jumps."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup, sleep
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count

import pytest

from canaryd.adapters.kube.turnstile import AT_ONCE, REMEMBERED, Turnstile
from canaryd.model.errors import ThrottledError
from canaryd.model.names import Key
from canaryd.model.urgency import Urgency
from tests.adapters.hurried import hurry

FALL, RISE, STATE = Urgency.FALL, Urgency.RISE, Urgency.STATE
ANSWER = 0.005
"""Seconds that the API server takes for anything."""
RATE = 400
"""Writes a second that the turnstile lets through."""


def seconds() -> float:
    """What the loop's clock says."""
    return asyncio.get_running_loop().time()


async def written(turnstile: Turnstile, urgency: Urgency, of: Key | None = None) -> None:
    async with turnstile.turn(urgency, of):
        await sleep(ANSWER)


async def refused(
    turnstile: Turnstile, urgency: Urgency, of: Key, pause: float, *, answer: float = ANSWER
) -> float:
    """A write that is refused; returns after how many seconds it is to be tried again."""
    refusal = ThrottledError("not now", retry_after=timedelta(seconds=pause))
    try:
        async with turnstile.turn(urgency, of):
            await sleep(answer)
            raise refusal
    except ThrottledError as error:
        return error.retry_after.total_seconds()


async def refused_for_ever(turnstile: Turnstile, number: int, pause: float) -> None:
    """The fall of one Canary, tried again whenever it may be."""
    again = 0.0
    while True:
        await sleep(again)
        again = await refused(turnstile, FALL, Key("refused", f"c{number}"), pause)


async def while_refused(
    turnstile: Turnstile, falls: int, pause: float, then: Callable[[], Awaitable[None]]
) -> None:
    """Do it while so many falls are refused each time."""
    async with TaskGroup() as tasks:
        bad = [tasks.create_task(refused_for_ever(turnstile, n, pause)) for n in range(falls)]
        await then()
        for task in bad:
            task.cancel()


@pytest.mark.parametrize("pause", [1, 2, 30])
@pytest.mark.parametrize("falls", [1, 50])
def test_falls_that_are_refused_for_ever_leave_the_rest_nearly_all_writes(
    falls: int, pause: float
) -> None:
    async def statuses() -> int:
        turnstile, done, ends = Turnstile(), count(), 20.0

        async def one() -> None:
            while seconds() < ends:
                await written(turnstile, STATE)
                next(done)

        async def all_of_them() -> None:
            async with TaskGroup() as tasks:
                for _ in range(300):
                    tasks.create_task(one())

        await while_refused(turnstile, falls, pause, all_of_them)
        return next(done)

    assert hurry(statuses()) > 0.9 * 20 * RATE


def test_an_overloaded_api_server_is_asked_for_statuses_by_a_few_at_a_time() -> None:
    async def asked() -> int:
        turnstile, asked = Turnstile(), count()

        async def one(n: int) -> None:
            while True:
                next(asked)
                await sleep(await refused(turnstile, STATE, Key("demo", f"c{n}"), 1))

        async def ten_seconds() -> None:
            async with TaskGroup() as tasks:
                statuses = [tasks.create_task(one(n)) for n in range(300)]
                await sleep(10)
                for task in statuses:
                    task.cancel()

        await while_refused(turnstile, 50, 1, ten_seconds)
        return next(asked) - 300  # so many wait

    assert hurry(asked()) <= 11 * AT_ONCE


@pytest.mark.parametrize("pause", [1, 30])
def test_a_fall_goes_before_those_that_were_refused_however_many_they_are(pause: float) -> None:
    async def longest() -> float:
        turnstile, waits = Turnstile(), list[float]()

        async def others() -> None:
            await sleep(400 / 40 + 1)  # each has been refused once, so many at a time
            for n in range(30):
                await sleep(0.37)
                begun = seconds()
                await written(turnstile, FALL, Key("demo", f"c{n}"))
                waits.append(seconds() - begun)

        await while_refused(turnstile, 400, pause, others)
        return max(waits)

    assert hurry(longest()) < 5 * ANSWER


@pytest.mark.parametrize("refusing", [STATE, FALL])
@pytest.mark.parametrize("gap", [0.01, 0.1, 0.3, 0.9])
def test_refusals_that_come_one_after_the_other_keep_a_fall_up_for_a_second_in_all(
    refusing: Urgency, gap: float
) -> None:
    async def wait() -> float:
        turnstile = Turnstile()
        async with TaskGroup() as tasks:
            for n in range(AT_ONCE):
                of = Key("demo", f"c{n}")
                tasks.create_task(refused(turnstile, refusing, of, 1, answer=0.1 + gap * n))
            await sleep(0.15)
            begun = seconds()
            await written(turnstile, FALL, Key("demo", "bad"))
            return seconds() - begun - ANSWER

    assert hurry(wait()) <= 1


@pytest.mark.parametrize("slow", [0.01, 0.5, 2.0])
def test_while_an_overloaded_api_server_refuses_every_status_no_fall_waits_for_over_a_second(
    slow: float,
) -> None:
    async def waits() -> list[float]:
        turnstile, waited = Turnstile(), list[float]()

        async def status(n: int) -> None:
            while True:
                answer = slow * (n % 16) / 8
                await sleep(await refused(turnstile, STATE, Key("demo", f"s{n}"), 1, answer=answer))

        async with TaskGroup() as tasks:
            statuses = [tasks.create_task(status(n)) for n in range(300)]
            for n in range(100):
                await sleep(0.37)
                begun = seconds()
                await written(turnstile, FALL, Key("demo", f"c{n}"))
                waited.append(seconds() - begun - ANSWER)
            for task in statuses:
                task.cancel()
        return waited

    assert max(hurry(waits())) <= 1


async def order(turnstile: Turnstile, *writes: tuple[str, Urgency, Key]) -> list[str]:
    """They come one after the other while nobody may go in; in which order they go then."""
    begun: list[str] = []

    async def one(name: str, urgency: Urgency, of: Key) -> None:
        async with turnstile.turn(urgency, of):
            begun.append(name)

    await refused(turnstile, STATE, Key("demo", "stranger"), 1)
    async with TaskGroup() as tasks:
        for write in writes:
            tasks.create_task(one(*write))
            await sleep(0)
    return begun


def test_a_fall_that_was_refused_goes_before_all_that_is_no_fall() -> None:
    async def orders() -> list[str]:
        turnstile, old, new = Turnstile(), Key("demo", "old"), Key("demo", "new")
        await refused(turnstile, FALL, old, 1)
        return await order(
            turnstile, ("status", STATE, new), ("again", FALL, old), ("fresh", FALL, new)
        )

    assert hurry(orders()) == ["fresh", "again", "status"]


@pytest.mark.parametrize("moved", [FALL, RISE])
def test_a_canary_whose_traffic_has_moved_since_falls_like_any_other(moved: Urgency) -> None:
    async def orders() -> list[str]:
        turnstile, old, new = Turnstile(), Key("demo", "old"), Key("demo", "new")
        await refused(turnstile, FALL, old, 1)
        await written(turnstile, moved, old)
        return await order(turnstile, ("first", FALL, old), ("second", FALL, new))

    assert hurry(orders()) == ["first", "second"]


def test_a_verdict_that_was_written_meanwhile_does_not_make_a_refused_fall_a_fresh_one() -> None:
    async def orders() -> list[str]:
        turnstile, old, new = Turnstile(), Key("demo", "old"), Key("demo", "new")
        await refused(turnstile, FALL, old, 1)
        await written(turnstile, STATE, old)
        return await order(turnstile, ("again", FALL, old), ("fresh", FALL, new))

    assert hurry(orders()) == ["fresh", "again"]


def test_who_was_refused_is_not_remembered_for_ever() -> None:
    async def orders() -> list[str]:
        turnstile, old, new = Turnstile(), Key("demo", "old"), Key("demo", "new")
        await refused(turnstile, FALL, old, 0)
        for n in range(REMEMBERED):
            await refused(turnstile, FALL, Key("gone", f"c{n}"), 0)
        return await order(turnstile, ("first", FALL, old), ("second", FALL, new))

    assert hurry(orders()) == ["first", "second"]
