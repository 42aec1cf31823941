"""A CanaryRequest's way: filled in from the Canary's status, created, answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never

import orjson

from canaryd.cli.cluster import Cluster, readable
from canaryd.cli.console import note
from canaryd.cli.exits import NoAnswer, Stop
from canaryd.cli.follow import Back, Lost, Missing, Seen, Update, follow
from canaryd.decide.narrate import span
from canaryd.model.names import Key
from canaryd.model.snapshot import Verb
from canaryd.model.status import Status
from canaryd.wire.request import answered
from canaryd.wire.watch import REQUESTS

LONGEST_PREFIX = 200
"""Of a generated name; the server adds a few letters, and 253 is the most."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    verb: Verb
    name: str
    revision: str | None
    step: int | None
    reason: str


async def create(cluster: Cluster, wish: Wish) -> dict[str, Any]:
    """Create the request; what was not named is what runs."""
    canary = await cluster.canary(wish.name)
    _, status = readable(canary)
    spec: dict[str, Any] = {
        "canary": wish.name,
        "verb": wish.verb.value,
        "revision": wish.revision or meant_revision(canary.key, status, wish.verb),
        "by": await cluster.whoami(),
    }
    if wish.verb is Verb.APPROVE:
        spec["step"] = wish.step or meant_step(canary.key, status)
    if wish.reason:
        spec["reason"] = wish.reason
    body = {
        "apiVersion": "canaryd.io/v1beta1",
        "kind": "CanaryRequest",
        "metadata": {"generateName": f"{wish.name[:LONGEST_PREFIX]}-{wish.verb.value}-"},
        "spec": spec,
    }
    created: dict[str, Any] = orjson.loads(await cluster.create(REQUESTS, body))
    return created


def meant_revision(key: Key, status: Status, verb: Verb) -> str:
    """The revision that a person means who names none; ends the command when there is none."""
    if status.rollout is not None:
        return status.rollout.revision
    if verb is Verb.RETRY:
        if status.rejected is not None:
            return status.rejected.revision
        message = f"{key} has no rejected revision: there is nothing to retry"
        raise Stop(message)
    message = f"{key} has no running rollout: there is nothing to {verb.value}"
    raise Stop(message)


def meant_step(key: Key, status: Status) -> int:
    """The step that runs, counted from 1; ends the command when none does."""
    step = status.step
    if step is not None and step.index >= 0:
        return step.index + 1
    message = f"{key} has not entered its first step: there is nothing to approve yet"
    raise Stop(message)


async def answer(
    cluster: Cluster,
    name: str,
    timeout: timedelta,  # noqa: ASYNC109 - what the person asked for
) -> dict[str, Any]:
    """Wait until the request is answered, and return it."""
    key = cluster.key(name)

    def read(update: Update) -> bool | None:
        match update:
            case Seen(obj):
                return answered(obj) or None
            case Missing():
                message = f"CanaryRequest {key} was deleted before it was answered"
                raise Stop(message)
            case Lost(message):
                note(f"{message}; trying again")
            case Back():
                note("the API server answers again")
            case _:
                assert_never(update)
        return None

    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await follow(cluster, REQUESTS, name, read)
            found: dict[str, Any] = orjson.loads(await cluster.raw(REQUESTS, name))
            return found
    except TimeoutError:
        message = (
            f"no answer within {span(timeout)}: CanaryRequest {key} stays and is answered when "
            "canaryd runs; is it running? kubectl get pods -n canaryd"
        )
        raise NoAnswer(message) from None
