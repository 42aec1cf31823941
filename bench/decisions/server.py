"""The API server, played: a dictionary that takes patches and tells the watch, and a clock."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from canaryd.adapters.kube.kinds import MERGE_PATCH, Call
from canaryd.model.names import FIELD_MANAGER

Thing = dict[str, Any]
START = datetime(2030, 1, 1, tzinfo=UTC)


class HandClock:
    """Moves only by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """The played wall clock."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """The same in seconds."""
        return self.seconds


class Server:
    """The API server: a dictionary, and one line of the watch for each change."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Thing] = {}
        self.lines: list[tuple[str, bytes]] = []
        self.requests: Tally[str] = Tally()
        self.sent = 0
        self.spent = 0.0
        self._version = 0

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Its own time is none of canaryd's."""
        began = time.thread_time()
        yield
        self.spent += time.thread_time() - began

    def put(self, kind: str, body: Thing) -> bytes:
        """Keep a version of an object and tell the watch."""
        self._version += 1
        meta = body["metadata"]
        meta["resourceVersion"] = str(self._version)
        meta.setdefault("uid", f"{kind}-{meta['namespace']}-{meta['name']}")
        meta.setdefault("creationTimestamp", "2030-01-01T00:00:00Z")
        meta.setdefault("generation", 1)
        self.objects[kind, meta["namespace"], meta["name"]] = body
        raw = msgspec.json.encode(body)
        self.lines.append((kind, b'{"type":"MODIFIED","object":' + raw + b"}"))
        return raw

    async def send(
        self,
        call: Call,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "",
    ) -> bytes:
        """Do what a real one would: create, merge-patch a status, JSON-patch two weights."""
        with self.aside():
            what = call.path.rsplit("/namespaces/", 1)[1].split("/")
            self.requests[f"{call.verb} {'/'.join(what[1::2])}"] += 1
            self.sent += len(body or b"")
            given = msgspec.json.decode(body or b"null")
            if call.verb == "create":
                return b"{}"
            known = self.objects[what[1], what[0], what[2]]
            if content_type == MERGE_PATCH:
                return self.put(what[1], merged(known, given))
            for operation in given:
                if operation["op"] == "add":
                    apply(known, operation["path"].split("/")[1:], operation["value"])
            manager = {"manager": FIELD_MANAGER, "operation": "Update", "fieldsType": "FieldsV1"}
            fields: Thing = {"f:spec": {"f:http": {}}}
            known["metadata"]["managedFields"] = [
                {**manager, "time": "2030-01-01T00:00:00Z", "fieldsV1": fields}
            ]
            return self.put(what[1], known)


def merged(before: Thing, patch: Thing) -> Thing:
    """RFC 7386."""
    after = {**before}
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, dict):
            after[name] = merged(after.get(name) or {}, cast("Thing", value))
        else:
            after[name] = value
    return after


def apply(target: Any, path: Sequence[str], value: object) -> None:  # noqa: ANN401 - any JSON
    """Set what lies there."""
    for part in path[:-1]:
        target = target[int(part)] if isinstance(target, list) else target[part]
    target[path[-1]] = value
