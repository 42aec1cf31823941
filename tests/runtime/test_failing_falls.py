"""What becomes of a fall whose write fails, or is answered late or never."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from canaryd.adapters.kube.kinds import Call
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.model.errors import CanarydError, ForbiddenError, ThrottledError, UnreachableError
from canaryd.model.names import Key
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import Phase
from canaryd.model.urgency import Urgency
from canaryd.runtime.controller import Controller
from canaryd.wire import watch
from tests.runtime.failing import answer_late, fail, reasons, released, routed
from tests.runtime.fakes import Meter
from tests.runtime.release import Play


@pytest.mark.parametrize("seconds", [0.5, 11.0])
async def test_a_canary_is_taken_back_however_late_the_fall_is_answered(seconds: float) -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        assert play.status.canary_weight == 30
        answer_late(play, seconds)
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(60)
        assert (play.status.phase, play.status.canary_weight) == (Phase.IDLE, 0)
        assert play.status.rejected is not None
        assert "RolledBack" in reasons(play)


DENIED = ForbiddenError("patch virtualservices is forbidden")


@pytest.mark.parametrize("error", [UnreachableError("no answer in time"), DENIED])
async def test_a_verdict_stands_although_its_traffic_cannot_be_taken_back_yet(
    error: CanarydError,
) -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        back = fail(play, "/virtualservices/", error)
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(35)
        play.prometheus.values[SUCCESS_RATE] = 99.9
        await play.until(55)
        assert (play.status.phase, play.status.canary_weight) == (Phase.ROLLING_BACK, 30)
        assert routed(play) == 30
        back.set()
        await play.until(120)
        assert (play.status.phase, routed(play)) == (Phase.IDLE, 0)
        assert play.status.rejected is not None
        assert "rolled back from 30 %" in play.status.rejected.message
        told = reasons(play)
        assert told.count("RolledBack") == 1


@pytest.mark.parametrize("error", [UnreachableError("no answer in time"), DENIED])
async def test_a_fall_that_fails_for_long_is_written_down_once(error: CanarydError) -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        fail(play, "/virtualservices/", error)
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(40)
        patches, rows = play.server.requests["patch canaries"], len(play.history.written)
        await play.until(600)
        assert play.server.requests["patch canaries"] == patches
        assert len(play.history.written) == rows


async def test_who_takes_the_traffic_back_by_hand_is_not_told_that_it_is_restored() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        fail(play, "/virtualservices/", DENIED)
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(40)
        play.server.put(watch.VIRTUALSERVICES, written_by_hand(play, weight=0))
        await play.until(60)
        assert play.status.phase is Phase.IDLE
        told = reasons(play)
        assert told.count("RolledBack") == 1
        assert "WeightSet" not in told


def written_by_hand(play: Play, *, weight: int) -> dict[str, Any]:
    """The route with another weight of the canary, and another writer."""
    route = deepcopy(play.server.objects[watch.VIRTUALSERVICES, "podinfo"])
    for each in route["spec"]["http"][0]["route"]:
        each["weight"] = weight if each["destination"]["subset"] == "v2" else 100 - weight
    written = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:http": {}}}}
    route["metadata"]["managedFields"] = [written]
    return route


async def test_a_fall_whose_answer_was_lost_is_told_and_kept() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, threshold=1)
        send, lost = play.server.send, list[str]()

        async def sent(call: Call, **request: Any) -> bytes:
            answer = await send(call, **request)
            if call.path.endswith("/status") and not lost:
                lost.append(call.path)
                raise UnreachableError("no answer in time")
            return answer

        play.server.send = sent  # type: ignore[method-assign]
        play.prometheus.values[SUCCESS_RATE] = 10.0
        await play.until(60)
        told = reasons(play)
        assert told.count("RolledBack") == 1
        assert play.status.phase is Phase.IDLE


@asynccontextmanager
async def under_control(play: Play) -> AsyncIterator[None]:
    """The controller works for this play from now on, with a task for each key."""
    controller = Controller(
        queue=play.queue,
        store=play.store,
        reconcile=play.reconcile,
        timers=play.bells,
        clock=play.clock,
        ending=lambda: False,
        meter=Meter(),
    )
    async with TaskGroup() as tasks:
        working = tasks.create_task(controller.run())
        yield
        working.cancel()


async def pass_time(play: Play, seconds: float) -> None:
    """Let it pass by steps of 100 ms; the controller decides."""
    for _ in range(round(seconds * 10)):
        play.clock.seconds = round(play.clock.seconds + 0.1, 3)
        play.bells.ring()
        play.collector.tick()
        for _ in range(20):
            await asyncio.sleep(0)
        play.see()


class Open(Turnstile):
    """Nobody waits, whatever the API server says."""

    @asynccontextmanager
    @override
    async def turn(self, urgency: Urgency, of: Key | None = None) -> AsyncIterator[None]:
        yield


async def held_up(turnstile: Turnstile) -> None:
    """A status that is never answered."""
    async with turnstile.turn(Urgency.STATE):
        await asyncio.Event().wait()


async def test_a_refused_fall_is_tried_again_each_second_while_its_verdict_cannot_be_written() -> (
    None
):
    turnstile = Turnstile(at_once=1)
    pause = ThrottledError("too many requests", retry_after=timedelta(0))
    async with TaskGroup() as tasks:
        play = await released(tasks, turnstile=turnstile, threshold=1)
        play.queue.overtake = turnstile.overtake
        back = fail(play, "/virtualservices/", pause)
        stuck = tasks.create_task(held_up(turnstile))
        async with under_control(play):
            play.prometheus.values[SUCCESS_RATE] = 10.0
            await pass_time(play, 12)
            assert routed(play) == 30
            assert turnstile.waiting()
            back.set()
            await pass_time(play, 2)
            assert routed(play) == 0
        stuck.cancel()


async def test_the_verdict_of_a_refused_fall_is_written_however_many_others_wait() -> None:
    turnstile = Turnstile(at_once=1)
    pause = ThrottledError("too many requests", retry_after=timedelta(0))
    async with TaskGroup() as tasks:
        play = await released(tasks, turnstile=turnstile, threshold=1)
        play.queue.overtake = turnstile.overtake
        fail(play, "/virtualservices/", pause)
        others = [tasks.create_task(held_up(turnstile)) for _ in range(2)]
        async with under_control(play):
            play.prometheus.values[SUCCESS_RATE] = 10.0
            for _ in range(8):  # one of the others leaves every two seconds, and another comes
                await pass_time(play, 2)
                others.append(tasks.create_task(held_up(turnstile)))
                await asyncio.sleep(0)
                others.pop(0).cancel()
            assert (play.status.phase, routed(play)) == (Phase.ROLLING_BACK, 30)
        for other in others:
            other.cancel()


async def test_a_fall_does_not_wait_as_long_as_its_refused_status_is_told_to() -> None:
    async with TaskGroup() as tasks:
        play = await released(tasks, turnstile=Open(), threshold=1)
        soon = ThrottledError("too many requests", retry_after=timedelta(seconds=1))
        late = ThrottledError("too many requests", retry_after=timedelta(seconds=30))
        back = fail(play, "/virtualservices/", soon)
        fail(play, "/status", late)
        async with under_control(play):
            play.prometheus.values[SUCCESS_RATE] = 10.0
            await pass_time(play, 12)
            assert routed(play) == 30
            back.set()
            await pass_time(play, 2)
            assert routed(play) == 0
