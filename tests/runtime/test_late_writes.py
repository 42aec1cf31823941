"""What becomes of a decision whose write the API server keeps waiting."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typing_extensions import override

from canaryd.adapters.kube.kinds import Call
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.model.errors import OvertakenError
from canaryd.model.names import Key
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import Phase
from canaryd.model.urgency import Urgency
from tests.runtime.release import Play


class Stopped(Turnstile):
    """After a 429: statuses wait, so that news come before each that may be overtaken."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = False

    @asynccontextmanager
    @override
    async def turn(self, urgency: Urgency, of: Key | None = None) -> AsyncIterator[None]:
        if self.stopped and urgency is Urgency.STATE and of is not None:
            raise OvertakenError("news")
        async with super().turn(urgency, of):
            yield


def answer_late(play: Play, seconds: float) -> None:
    """Weights are written at once and answered late; a good sample comes before the answer."""
    send = play.server.send

    async def sent(call: Call, **request: Any) -> bytes:
        answer = await send(call, **request)
        if call.verb == "patch" and "virtualservices" in call.path:
            play.clock.seconds = round(play.clock.seconds + seconds, 3)
            play.prometheus.values[SUCCESS_RATE] = 99.9
            play.collector.tick()
            for _ in range(5):
                await asyncio.sleep(0)
        return answer

    play.server.send = sent  # type: ignore[method-assign]


@pytest.mark.parametrize("seconds", [0.5, 11.0])
async def test_a_canary_is_taken_back_however_late_the_fall_is_answered(seconds: float) -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks, threshold=1)
        await play.until(1)
        await play.push()
        await play.until(25)
        assert play.status.canary_weight == 30
        answer_late(play, seconds)
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(60)
        assert (play.status.phase, play.status.canary_weight) == (Phase.IDLE, 0)
        assert play.status.rejected is not None
        assert "RolledBack" in {reason for _, told in play.history.written for reason in told}


async def test_failed_checks_are_counted_while_news_come_before_statuses_are_written() -> None:
    turnstile = Stopped()
    async with TaskGroup() as tasks:
        play = Play(tasks, turnstile=turnstile, threshold=3)
        await play.until(1)
        await play.push()
        await play.until(25)
        assert play.status.canary_weight == 30
        turnstile.stopped = True
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(47)
        assert play.status.rollout is not None
        assert play.status.rollout.failed_checks == 2
