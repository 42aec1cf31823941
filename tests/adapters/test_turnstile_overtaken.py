"""What a write that waits has in hand, when news of its Canary overtakes it."""

from __future__ import annotations

import gc
from asyncio import TaskGroup, sleep
from weakref import WeakSet

from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.model.errors import OvertakenError
from canaryd.model.names import Key
from canaryd.model.urgency import Urgency
from tests.adapters.hurried import hurry


class Patch:
    """What a write that waits has in hand."""


def test_a_write_that_was_overtaken_keeps_nothing_of_what_it_was_made_of() -> None:
    """Not even while others wait before it, and without the garbage collector's help."""

    async def kept() -> int:
        turnstile, patches = Turnstile(at_once=0), WeakSet[Patch]()

        async def write(n: int) -> None:
            patch = Patch()
            patches.add(patch)
            try:
                async with turnstile.turn(Urgency.STATE, Key("demo", f"c{n}")):
                    pass
            except OvertakenError:
                return

        async with TaskGroup() as tasks:
            blocked = tasks.create_task(write(0))
            for n in range(1, 10):
                tasks.create_task(write(n))
            await sleep(0)
            for n in range(1, 10):
                turnstile.overtake(Key("demo", f"c{n}"))
            await sleep(0.1)
            left = len(patches)
            blocked.cancel()
        return left - 1

    gc.disable()
    try:
        assert hurry(kept()) == 0
    finally:
        gc.enable()
