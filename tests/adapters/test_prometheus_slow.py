"""Users' queries that are too slow: what is said of them, and that they keep no other away."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from canaryd.adapters.prometheus.pace import MOST, Pace
from canaryd.adapters.prometheus.threads import BusyError, Share, Threads, Turn
from canaryd.adapters.prometheus.turns import Turns
from canaryd.model.answered import Answered
from tests.adapters.asking import asking, built_in, question, side
from tests.adapters.fakes import HandClock
from tests.adapters.misbehaving import Misbehaving, hang, misbehaving, vector
from tests.adapters.slow import giving_up

SLOW = [question(f"slow{number}", query=f"slow{number}") for number in range(8)]
GOOD = question("good", query="good")


async def test_a_good_query_behind_slow_ones_is_answered_the_next_time() -> None:
    async with misbehaving() as server, asking(server, deadline=2, threads=2) as metrics:
        server.then(giving_up(server, lambda query: "slow" in query, after=1.4))
        first = await metrics.ask([*SLOW, GOOD])
        told = first[GOOD.key, GOOD.metric]
        assert "not asked: other queries of this server took all its threads for 4 s" in told.detail
        asked = times(server)
        assert set(asked.values()) == {1}
        assert len(asked) >= 4
        second = await metrics.ask([*SLOW, GOOD])
        assert second[GOOD.key, GOOD.metric].value == 1
        assert set(times(server).values()) == {1}, "none that was given up is asked again"
        resting = [second[one.key, one.metric] for one in SLOW if one.query in asked]
        assert {each.answered for each in resting} == {Answered.UNAVAILABLE}
        assert all("not asked again yet: it took longer than 1." in each.detail for each in resting)
        (again,) = (await metrics.ask([GOOD])).values()
        assert again.value == 1, "the server is not taken for one that does not answer"


async def test_a_query_that_was_answered_before_gets_the_next_thread_whatever_others_do() -> None:
    async with misbehaving() as server, asking(server, deadline=1, threads=2) as metrics:
        server.then(giving_up(server, lambda query: "slow" in query, after=0.7))
        await metrics.ask([GOOD])
        samples = await metrics.ask([*SLOW, GOOD])
        assert samples[GOOD.key, GOOD.metric].value == 1
        asked = [heard.form["query"] for heard in server.heard]
    assert asked.index("good", 1) <= 4, "two began before it, and two threads are free at a time"


def times(server: Misbehaving) -> Counter[str]:
    """How often each query came."""
    return Counter(heard.form["query"] for heard in server.heard)


async def test_nobody_is_said_to_have_no_answer_who_only_waited_for_a_thread() -> None:
    async with misbehaving(hang) as server, asking(server, deadline=0.5, threads=1) as metrics:
        samples = await metrics.ask([question(f"app{n}", query=f"q{n}") for n in range(8)])
    told = [sample.detail for sample in samples.values()]
    assert any("other queries of this server took all its threads for 1 s" in each for each in told)
    assert not any("no answer within" in each for each in told)
    assert sum("no whole answer within 0.5 s" in each for each in told) <= 3


async def test_a_slow_query_does_not_open_the_breaker_for_canaryds_own() -> None:
    async with misbehaving() as server, asking(server, deadline=1, threads=1) as metrics:
        server.then(giving_up(server, lambda query: "slow" in query, after=0.6))
        for slow in SLOW[:4]:
            await metrics.ask([slow])
        server.then(vector((side("podinfo"), "99")))
        (sample,) = (await metrics.ask([built_in()])).values()
    assert sample.value == 99


def test_a_slow_query_rests_longer_each_time_and_is_forgiven_when_it_is_answered() -> None:
    clock = HandClock()
    pace = Pace(clock=clock, usual=5)
    for rest in (60, 120, 240, 480, 480):
        assert pace.resting("q") == ""
        pace.gave_up("q", 9.04, began=clock.monotonic(), rests=True)
        words = pace.resting("q")
        assert words.startswith("not asked again yet: it took longer than 9 s the last time, at ")
        assert words.endswith(f"rests for {rest} s")
        clock.advance(timedelta(seconds=rest - 1))
        assert pace.resting("q")
        clock.advance(timedelta(seconds=1))
    assert pace.is_slow("q")
    pace.answered("q", 0.1)
    assert (pace.is_slow("q"), pace.resting("q"), pace.expected("q")) == (False, "", 0)
    pace.gave_up("q", 9, began=clock.monotonic(), rests=True)
    assert pace.resting("q").endswith("rests for 60 s")


def test_a_query_whose_server_may_be_dead_does_not_rest_but_goes_behind_others() -> None:
    clock = HandClock()
    pace = Pace(clock=clock, usual=5)
    pace.gave_up("q", 10, began=clock.monotonic(), rests=False)
    assert (pace.resting("q"), pace.is_slow("q"), pace.expected("q")) == ("", True, 10)


def test_a_query_that_was_answered_to_another_canary_meanwhile_is_not_slow() -> None:
    clock = HandClock()
    pace = Pace(clock=clock, usual=5)
    began = clock.monotonic()
    clock.advance(timedelta(seconds=1))
    pace.answered("q", 1.5)
    pace.gave_up("q", 10, began=began, rests=True)
    assert (pace.resting("q"), pace.is_slow("q"), pace.expected("q")) == ("", False, 1.5)


def test_only_so_many_queries_are_remembered() -> None:
    clock = HandClock()
    pace = Pace(clock=clock, usual=5)
    for number in range(MOST + 1):
        pace.gave_up(f"q{number}", 9, began=clock.monotonic(), rests=True)
    assert (pace.resting("q0"), bool(pace.resting("q1"))) == ("", True)


async def test_who_will_be_done_soonest_goes_first_and_who_gave_up_is_passed_over() -> None:
    turns, went = Turns(1), list[str]()

    async def go(name: str, expected: float) -> None:
        await turns.acquire(expected)
        went.append(name)
        turns.release()

    await turns.acquire(0)
    async with asyncio.TaskGroup() as tasks:
        for name, expected in (("slow", 9), ("new", 5), ("good", 0), ("newer", 5)):
            tasks.create_task(go(name, expected))
        gone = tasks.create_task(go("gone", 0))
        await asyncio.sleep(0)
        gone.cancel()
        turns.release()
        late = tasks.create_task(go("late", 0))
        await asyncio.sleep(0)
        late.cancel()
    assert went[:4] == ["good", "new", "newer", "slow"]
    await turns.acquire(0)  # no room was lost


async def test_a_swift_query_goes_before_new_and_slow_ones() -> None:
    threads, order = Threads(1), list[str]()
    share, let_go, loop = Share(threads, 1), asyncio.Event(), asyncio.get_running_loop()

    def hold() -> None:
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(share.run(hold, within=60))
            await asyncio.sleep(0)
            for name, turn in (("new", Turn(5)), ("slow", Turn(10, slow=True)), ("swift", Turn())):
                work = partial(order.append, name)
                tasks.create_task(share.run(work, within=60, turn=turn))
            for _ in range(3):
                await asyncio.sleep(0)
            let_go.set()
    finally:
        await threads.close()
    assert order == ["swift", "new", "slow"]


@pytest.mark.parametrize(
    ("slow", "said"),
    [(False, "other queries of this server took all its threads"), (True, "one at a time")],
)
async def test_who_gets_no_thread_is_told_who_has_it(slow: bool, said: str) -> None:
    threads, let_go = Threads(2), asyncio.Event()
    share, loop = Share(threads, 1 if not slow else 2), asyncio.get_running_loop()

    def hold() -> None:
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(share.run(hold, within=60, turn=Turn(slow=slow)))
            await asyncio.sleep(0)
            with pytest.raises(BusyError, match=said):
                await share.run(lambda: None, within=0.01, turn=Turn(slow=slow))
            let_go.set()
        await share.run(lambda: None, within=60, turn=Turn(slow=slow))  # no room was lost
    finally:
        await threads.close()
