"""The whole loop on fakes: what a decision wants counted is counted, and comes back to it."""

from __future__ import annotations

from asyncio import TaskGroup
from datetime import timedelta

import msgspec

from canaryd.model.names import Key
from canaryd.model.status import Phase
from canaryd.runtime.rises import JOINING
from canaryd.wire import watch
from tests.runtime.fakes import (
    KEY,
    START,
)
from tests.runtime.reconciling import World


async def test_in_a_rollout_tiles_come_and_are_taken_in_and_forgotten_when_that_is_written() -> (
    None
):
    async with TaskGroup() as tasks:
        world = World(tasks)
        await world.until(5)
        assert world.status().phase is Phase.IDLE
        assert world.metrics.requests == 0
        world.deploy("v2", "podinfo:2", "v2b", version=2)
        await world.until(100)
        assert world.status().phase is Phase.PROGRESSING
        assert world.router.canary == 10
        evidence = world.status().evidence
        assert evidence is not None
        held = world.known.counting(KEY).tiles
        assert held[0].start == evidence.counted_until
        assert evidence.window == timedelta(seconds=15), "a scrape is the shortest that there is"
        assert held[-1].end - held[0].start == len(held) * evidence.window
        ends = [question.end for asked in world.metrics.tiled for question in asked]
        assert len(ends) == len(set(ends)) >= 3
        assert {question.revision for asked in world.metrics.tiled for question in asked} == {"v2b"}


async def test_a_canary_that_is_deleted_is_asked_about_no_more() -> None:
    async with TaskGroup() as tasks:
        world = World(tasks)
        await world.until(5)
        world.deploy("v2", "podinfo:2", "v2b", version=2)
        await world.until(60)
        assert world.metrics.tiled
        world.known.remove(watch.CANARIES, *KEY)
        await world.settle()
        asked = world.metrics.requests
        await world.until(200)
        assert world.metrics.requests == asked


def request(verb: str, revision: str) -> watch.RequestObject:
    """A person's wish, as the watch delivers it."""
    meta = watch.Meta(
        name=verb, namespace=KEY.namespace, uid=verb, resource_version="1", creation_timestamp=START
    )
    spec = {"canary": KEY.name, "verb": verb, "revision": revision, "by": "ann"}
    return watch.RequestObject(metadata=meta, spec=msgspec.Raw(msgspec.json.encode(spec)))


async def test_a_rise_waits_until_others_are_done_and_is_decided_anew_then() -> None:
    async with TaskGroup() as tasks:
        world = World(tasks)
        await world.until(5)
        assert world.rises.may(Key("demo", "another"))
        with world.rises.under_way():
            world.clock.seconds += 2 * JOINING
            world.deploy("v2", "podinfo:2", "v2b", version=2)
            await world.settle()
            assert world.router.canary == 0
        await world.until(7)
        assert world.router.canary == 10
        assert world.status().canary_weight == 10


async def test_traffic_is_taken_back_at_once_while_a_rise_waits() -> None:
    async with TaskGroup() as tasks:
        world = World(tasks)
        await world.until(5)
        world.deploy("v2", "podinfo:2", "v2b", version=2)
        await world.until(20)
        assert world.router.canary == 10
        assert world.rises.may(Key("demo", "another"))
        with world.rises.under_way():
            world.known.apply(watch.REQUESTS, request("abort", "v2b"))
            await world.settle()
            assert world.router.canary == 0
            assert world.status().phase is Phase.IDLE


async def test_a_step_lasts_from_when_its_weight_was_written_however_long_that_took() -> None:
    async with TaskGroup() as tasks:
        world = World(tasks)
        await world.until(5)
        world.router.takes = 9.0
        world.deploy("v2", "podinfo:2", "v2b", version=2)
        await world.until(6)
        step = world.status().step
        assert step is not None
        assert step.live_since == START + timedelta(seconds=world.clock.seconds)
        evidence = world.status().evidence
        assert evidence is not None
        assert evidence.changes[-1] == step.live_since
