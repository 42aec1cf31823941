"""The queue: each key once, one worker a key, failures later and later."""

from __future__ import annotations

import asyncio

from canaryd.model.names import Key
from canaryd.runtime.queue import LONGEST_DELAY, Queue

ONE, TWO = Key("demo", "one"), Key("demo", "two")


async def test_a_key_that_waits_is_not_added_twice() -> None:
    queue = Queue()
    for key in (ONE, TWO, ONE):
        queue.add(key)
    assert [await queue.get(), await queue.get()] == [ONE, TWO]
    assert len(queue) == 0


async def test_a_key_that_is_worked_on_waits_until_that_is_done() -> None:
    queue = Queue()
    queue.add(ONE)
    await queue.get()
    queue.add(ONE)
    async with asyncio.TaskGroup() as tasks:
        next_one = tasks.create_task(queue.get())
        await asyncio.sleep(0)
        assert not next_one.done()
        queue.done(ONE)
    assert next_one.result() == ONE


def test_failures_wait_longer_each_time_up_to_a_bound_and_are_forgiven() -> None:
    queue = Queue()
    delays = [queue.delay(ONE) for _ in range(30)]
    assert delays[0] < delays[4] < delays[8]
    assert max(delays) <= 1.2 * LONGEST_DELAY
    queue.forgive(ONE)
    assert queue.delay(ONE) < delays[4]


async def test_what_was_seen_while_a_key_was_worked_on_does_not_bring_it_back() -> None:
    queue = Queue()
    queue.add(ONE)
    await queue.get()
    queue.add(ONE)
    queue.settle(ONE)
    queue.done(ONE)
    assert len(queue) == 0
    queue.add(ONE)
    assert await queue.get() == ONE, "but the next news does"


async def test_each_news_of_a_key_that_is_worked_on_overtakes_what_it_waits_for() -> None:
    queue, overtaken = Queue(), list[Key]()
    queue.overtake = overtaken.append
    queue.add(ONE)
    assert overtaken == []
    await queue.get()
    queue.add(ONE)  # the answer to its own weight's write
    queue.add(ONE)  # a sample, while its status waits
    assert overtaken == [ONE, ONE]
