"""The background: asked for once, worked out beside the loop, again while it is too little."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canaryd.model.answered import Answered
from canaryd.model.names import Revision
from canaryd.model.past import Column
from canaryd.model.question import Failed
from canaryd.model.tile import Background, Row
from tests.runtime.counting import COUNT, TEN, World, a_world, at
from tests.runtime.fakes import KEY, START, Metrics

WISH = replace(COUNT, since=None, background=True)


def an_hour(workload: str = "podinfo-v1", columns: int = 360) -> tuple[Column, ...]:
    """Three pods that serve evenly, up to now."""
    return tuple(
        Column(
            START - (columns - number) * TEN,
            tuple(Row(workload, f"{workload}-{pod}", 10, code="200") for pod in "abc"),
        )
        for number in range(columns)
    )


def metrics(columns: tuple[Column, ...]) -> Metrics:
    found = Metrics()
    found.columns = columns
    return found


async def worked_out(world: World, *, least: float = 0.0) -> Background:
    """Wait until a thread has worked out a background of so many pod-hours."""
    while (found := world.known.counting(KEY).background) is None or found.pod_hours < least:
        await world.tick()
        await asyncio.sleep(0.001)
    return found


async def test_the_background_is_asked_for_once() -> None:
    async with a_world(metrics(an_hour())) as world:
        world.want(WISH)
        await world.until(2)
        known = await worked_out(world)
        assert known.sufficient
        assert (known.pods, known.pod_hours) == (3, 3.0)
        world.want(replace(WISH, since=START, background=False))
        await world.until(1000)
        assert len(world.metrics.looked_back) == 1
        (asked,) = world.metrics.looked_back
        assert asked.workloads == ("podinfo-v1",)
        assert (asked.window, asked.span, asked.latency) == (TEN, timedelta(hours=1), False)


async def test_it_enqueues_the_canary_when_it_is_known() -> None:
    async with a_world(metrics(an_hour())) as world:
        world.want(WISH)
        await world.until(1)
        world.queued.clear()
        await world.until(2)
        await worked_out(world)
        assert world.queued == [KEY]


async def test_soon_after_a_promotion_the_pods_that_served_before_are_asked_about_too() -> None:
    async with a_world(metrics(an_hour("podinfo-v2"))) as world:
        world.want(replace(WISH, served_since=START - timedelta(seconds=5), edges=None))
        await world.until(2)
        known = await worked_out(world)
        assert known.pod_hours > 2.9
        (asked,) = world.metrics.looked_back
        assert asked.workloads == ("podinfo-v1", "podinfo-v2")
        assert asked.latency


async def test_one_that_is_too_little_is_asked_for_again_each_five_minutes() -> None:
    async with a_world(metrics(an_hour(columns=100))) as world:
        world.want(WISH)
        await world.until(2)
        assert not (await worked_out(world)).sufficient
        world.metrics.columns = an_hour()
        await world.until(290)
        assert len(world.metrics.looked_back) == 1
        await world.until(310)
        assert (await worked_out(world, least=3)).sufficient
        world.want(replace(WISH, background=False))
        await world.until(2000)
        assert len(world.metrics.looked_back) == 2


async def test_one_that_shows_what_must_be_changed_is_asked_for_until_it_is() -> None:
    async with a_world(metrics(an_hour())) as world:
        world.want(WISH)
        await world.until(2)
        assert (await worked_out(world)).sufficient
        await world.until(310)
        assert len(world.metrics.looked_back) == 2


async def test_a_failure_is_silence_while_no_tile_is_due_and_it_is_tried_again() -> None:
    async with a_world(metrics(an_hour())) as world:
        world.want(replace(WISH, background=False))
        await world.until(2)
        world.metrics.trouble = Failed(Answered.REFUSED, "too many samples")
        world.want(WISH)
        await world.until(25)
        silence = world.known.counting(KEY).silence
        assert silence is not None
        assert (silence.detail, silence.since) == ("too many samples", at(3))
        assert len(world.metrics.looked_back) == 3
        world.metrics.trouble = None
        await world.until(34)
        await worked_out(world)
        assert world.known.counting(KEY).silence is None


async def test_another_primary_needs_another_background() -> None:
    async with a_world(metrics(an_hour())) as world:
        world.want(WISH)
        await world.until(2)
        await worked_out(world)
        world.want(replace(WISH, primary="podinfo-v2", canary="podinfo-v1"))
        assert world.known.counting(KEY).background is None
        await world.until(4)
        assert (await worked_out(world)).pods == 0


@pytest.mark.parametrize("change", [{"revision": Revision("r3")}, {"about": "source; good 0"}])
async def test_another_release_or_another_gate_asks_at_once(change: dict[str, Any]) -> None:
    """A push in mid-rollout begins with what is known since then: not only five minutes later."""
    async with a_world(metrics(an_hour())) as world:
        world.want(WISH)
        await world.until(2)
        await worked_out(world)
        world.want(replace(WISH, **change))
        await world.until(4)
        assert (await worked_out(world)).about == change.get("about", "")
        assert len(world.metrics.looked_back) == 2


async def test_an_answer_about_an_earlier_primary_is_dropped() -> None:
    async with a_world(metrics(an_hour())) as world:
        world.want(WISH)
        await world.until(1)
        world.metrics.gate.clear()
        await world.until(2)
        world.want(replace(WISH, background=False))
        world.metrics.gate.set()
        await world.until(60)
        await asyncio.sleep(0.05)
        assert world.known.counting(KEY).background is None
