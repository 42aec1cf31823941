"""The API server of a release in memory: objects, versions, preconditions, and a watch."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from canaryd.adapters.kube.events import Decoder
from canaryd.adapters.kube.kinds import MERGE_PATCH, Call
from canaryd.model.errors import ConflictError
from canaryd.model.names import FIELD_MANAGER
from canaryd.wire import watch

Thing = dict[str, Any]
_DECODERS = {kind: Decoder(kind) for kind in watch.OBJECTS}


class Server:
    """The API server: versions, preconditions, and a watch that tells of every change."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Thing] = {}
        self.lines: list[tuple[str, Any]] = []
        self.requests: Tally[str] = Tally()
        self.patches: list[Thing] = []
        self.before_the_answer: Callable[[str], None] = lambda _: None
        """Called with its kind when a write is done and its answer is still on its way."""
        self._version = 0

    def put(self, kind: str, body: Thing) -> bytes:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[kind, body["metadata"]["name"]] = body
        raw = msgspec.json.encode(body)
        self.lines.append((kind, _DECODERS[kind].one(Call("watch", kind, ""), raw)))
        return raw

    def change(self, kind: str, name: str, **parts: Mapping[str, Any]) -> None:
        """Change parts of an object as somebody else would."""
        self.put(kind, merged(self.objects[kind, name], parts))

    async def send(
        self,
        call: Call,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "",
    ) -> bytes:
        kind, name = call.path.rsplit("/namespaces/", 1)[1].split("/")[1:3]
        self.requests[f"{call.verb} {kind}"] += 1
        known, given = self.objects[kind, name], msgspec.json.decode(body or b"null")
        if call.verb == "get":
            return msgspec.json.encode(known)
        if content_type == MERGE_PATCH:
            self.expect(known, given["metadata"]["resourceVersion"])
            self.patches.append(given["status"])
            answer = self.put(kind, merged(known, given))
        else:
            answer = self.put(
                kind, self.routed(msgspec.json.decode(msgspec.json.encode(known)), given)
            )
        self.before_the_answer(kind)
        await asyncio.sleep(0)
        return answer

    def routed(self, known: Thing, operations: Sequence[Thing]) -> Thing:
        for operation in operations:
            place = operation["path"].split("/")[1:]
            if place == ["metadata", "resourceVersion"]:
                self.expect(known, operation["value"])
            elif operation["op"] == "add":
                at: Any = known
                for part in place[:-1]:
                    at = at[int(part)] if isinstance(at, list) else at[part]
                at[place[-1]] = operation["value"]
        known["metadata"]["managedFields"] = [
            {"manager": FIELD_MANAGER, "fieldsV1": {"f:spec": {"f:http": {}}}}
        ]
        return known

    @staticmethod
    def expect(known: Thing, version: str) -> None:
        if known["metadata"]["resourceVersion"] != version:
            raise ConflictError("the object has been modified")


def merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> Thing:
    """RFC 7386."""
    after = {**before}
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, Mapping):
            after[name] = merged(after.get(name) or {}, cast("Thing", value))
        else:
            after[name] = value
    return after
