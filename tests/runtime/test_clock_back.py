"""A release goes on while an administrator sets the wall clock back."""

from __future__ import annotations

from asyncio import Event, TaskGroup

import pytest

from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import Phase
from tests.runtime.failing import released
from tests.runtime.release import Play


@pytest.mark.parametrize("back", [60, 600])
async def test_a_bad_canary_is_taken_back_as_soon_as_two_intervals_have_passed(back: float) -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, until=15, threshold=1)
        assert play.status.canary_weight == 20
        play.prometheus.values[SUCCESS_RATE] = 1.0
        play.clock.set_back(back)
        await play.until(40)
        assert (play.status.phase, play.status.canary_weight) == (Phase.IDLE, 0)


@pytest.mark.parametrize("back", [0, 600])
async def test_a_healthy_release_goes_on(back: float) -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, until=16)
        play.clock.set_back(back)
        await play.until(90)
        assert play.status.promoted is not None
        assert play.status.promoted.revision == "v2b"


@pytest.mark.parametrize("back", [0, 600])
async def test_a_release_whose_queries_are_tried_first_begins(back: float) -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await play.until(1)
        play.prometheus.open[SUCCESS_RATE] = answer = Event()
        await play.push()
        await play.until(6)
        assert play.status.canary_weight == 0
        play.clock.set_back(back)
        answer.set()
        await play.until(40)
        assert play.status.canary_weight >= 10
