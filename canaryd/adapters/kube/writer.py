"""Writes to the API server; each answer goes into the store before the write returns.

Repeats nothing and decides nothing: a conflict re-reads the object and is the caller's to solve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.errors import ExistsError
from canaryd.adapters.kube.events import Decoder
from canaryd.adapters.kube.kinds import JSON, JSON_PATCH, MERGE_PATCH, Call, Catalogue
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.model.decision import Answer
from canaryd.model.errors import CanarydError, ConflictError, NotFoundError
from canaryd.model.names import FIELD_MANAGER, Key
from canaryd.model.urgency import Urgency
from canaryd.ports import Clock, Sink
from canaryd.wire import watch

_QUERY = {"fieldManager": FIELD_MANAGER}


class _Turn(NamedTuple):
    """How urgent a write is; `of` whom, if it is old as soon as there is news of that Canary."""

    urgency: Urgency
    of: Key | None = None


class KubeWriter:
    """`ports.Writer` and `ports.Answers`."""

    def __init__(
        self,
        api: Api,
        catalogue: Catalogue,
        sink: Sink,
        clock: Clock,
        *,
        turnstile: Turnstile | None = None,
    ) -> None:
        self._api = api
        self._catalogue = catalogue
        self._sink = sink
        self._clock = clock
        self._turnstile = turnstile or Turnstile()
        self._decoders = {kind: Decoder(kind) for kind in watch.OBJECTS}

    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        """Merge `patch` into the status, if the object is still at that version."""
        call = self._catalogue[kind].one("patch", *key, "status")
        condition = {"resourceVersion": resource_version}
        await self._patch(
            kind,
            key,
            call,
            lambda: {"metadata": condition, "status": patch()},
            content_type=MERGE_PATCH,
            turn=_Turn(Urgency.STATE, of),
        )

    async def json_patch(
        self,
        kind: str,
        key: Key,
        operations: Sequence[Mapping[str, Any]],
        *,
        urgency: Urgency = Urgency.RISE,
        of: Key | None = None,
    ) -> None:
        """Patch an object; raises ConflictError when a `test` fails, too."""
        call, turn = self._catalogue[kind].one("patch", *key), _Turn(urgency, of)
        await self._patch(kind, key, call, lambda: operations, content_type=JSON_PATCH, turn=turn)

    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> None:
        """Create an object; one of that name is success."""
        name = body.get("metadata", {}).get("name", "")
        call = self._catalogue[kind].within("create", namespace, name)
        try:
            async with self._turnstile.turn(Urgency.NEWS):
                answer = await self._send(call, body, JSON)
        except ExistsError:
            return
        self._apply(kind, call, answer)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; none of that name is success. The store learns it from the watch."""
        call = self._catalogue[kind].one("delete", namespace, name)
        try:
            async with self._turnstile.turn(Urgency.NEWS):
                await self._api.send(call)
        except NotFoundError:
            return

    async def answer(self, key: Key, answer: Answer) -> None:
        """Write what became of a request; one that is gone needs no answer."""
        status = {
            "state": answer.state.value,
            "message": answer.message,
            "at": self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        target = Key(key.namespace, answer.request)
        call = self._catalogue[watch.REQUESTS].one("patch", *target, "status")
        try:
            await self._patch(
                watch.REQUESTS,
                target,
                call,
                lambda: {"status": status},
                content_type=MERGE_PATCH,
                turn=_Turn(Urgency.STATE, key),
            )
        except NotFoundError:
            return

    async def _patch(
        self,
        kind: str,
        key: Key,
        call: Call,
        body: Callable[[], object],
        *,
        content_type: str,
        turn: _Turn,
    ) -> None:
        try:
            async with self._turnstile.turn(turn.urgency, turn.of):
                answer = await self._send(call, body(), content_type)
        except ConflictError:
            await self._reread(kind, key, turn.urgency)
            raise
        except NotFoundError:
            self._sink.remove(kind, *key)
            raise
        self._apply(kind, call, answer)

    async def _send(self, call: Call, body: object, content_type: str) -> bytes:
        encoded = msgspec.json.encode(body)
        return await self._api.send(call, query=_QUERY, body=encoded, content_type=content_type)

    async def _reread(self, kind: str, key: Key, urgency: Urgency) -> None:
        """Bring the object into the store, so that the next decision sees what was in the way."""
        call = self._catalogue[kind].one("get", *key)
        try:
            async with self._turnstile.turn(urgency):
                answer = await self._api.send(call)
            self._apply(kind, call, answer)
        except NotFoundError:
            self._sink.remove(kind, *key)
        except CanarydError:
            return  # the watch brings it, later; the conflict is what the caller has to hear of

    def _apply(self, kind: str, call: Call, answer: bytes) -> None:
        decoder = self._decoders.get(kind)
        if decoder is not None:
            self._sink.apply(kind, decoder.one(call, answer))
