"""Played releases under way, and writes of theirs that fail or are answered late."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from typing import Any

from canaryd.adapters.kube.kinds import Call
from canaryd.model.errors import CanarydError, UnreachableError
from canaryd.model.spec import SUCCESS_RATE
from canaryd.wire import watch
from tests.runtime.release import Play


async def released(tasks: TaskGroup, *, until: float = 25, **given: Any) -> Play:
    """A release of v2 that has been under way until then, in seconds: at 25 in its third step."""
    play = Play(tasks, **given)
    await play.until(1)
    await play.push()
    await play.until(until)
    return play


def reasons(play: Play) -> list[str]:
    """Of all that was told, in order."""
    return [reason for _, notices in play.history.written for reason in notices]


def fail(play: Play, what: str, error: CanarydError | None = None) -> asyncio.Event:
    """Patches of paths with that in them fail until the event is set."""
    send, back = play.server.send, asyncio.Event()

    async def sent(call: Call, **request: Any) -> bytes:
        if call.verb == "patch" and what in call.path and not back.is_set():
            raise error or UnreachableError("nobody there")
        return await send(call, **request)

    play.server.send = sent  # type: ignore[method-assign]
    return back


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


def routed(play: Play) -> int:
    """The canary's weight in the route."""
    route = play.server.objects[watch.VIRTUALSERVICES, "podinfo"]["spec"]["http"][0]["route"]
    weights = {each["destination"]["subset"]: each.get("weight", 0) for each in route}
    return int(weights["v2"])
