"""What the tests of the Kubernetes adapter share: a store that remembers, a client, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence, Set
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.kube.api import Api, Observe
from canaryd.adapters.kube.connect import connect_by_kubeconfig
from canaryd.model.names import Key
from tests.adapters.misbehaving import Behaviour, raw

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"


class RememberingSink:
    """A store that keeps what it is told and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.replaced = 0
        self.listed: set[str] = set()
        self.changes = 0
        self.heard_of: list[str] = []
        self.failures: list[str | None] = []
        self._news = asyncio.Event()

    def copy(self) -> RememberingSink:
        """One that knows the same, and hears of nothing any more."""
        copy = RememberingSink()
        copy.objects, copy.changes = dict(self.objects), self.changes
        return copy

    def replace(self, kind: str, objects: Sequence[Any]) -> None:
        self.objects = {key: obj for key, obj in self.objects.items() if key[0] != kind}
        for obj in objects:
            self.apply(kind, obj)
        self.replaced += 1
        self.listed.add(kind)
        self._news.set()

    def apply(self, kind: str, obj: Any) -> None:
        self.objects[kind, obj.metadata.namespace, obj.metadata.name] = obj
        self.changes += 1
        self._news.set()

    def remove(self, kind: str, namespace: str, name: str, *, unclear: str | None = None) -> None:
        self.objects.pop((kind, namespace, name), None)
        self.changes += 1
        self._news.set()

    def heard(self, kind: str) -> None:
        self.heard_of.append(kind)
        self._news.set()

    def failed(self, kind: str, message: str | None) -> None:
        self.failures.append(message)
        self._news.set()

    def get(self, kind: str, namespace: str, name: str) -> Any | None:
        return self.objects.get((kind, namespace, name))

    def within(self, kind: str, namespace: str) -> list[Any]:
        return [obj for key, obj in self.objects.items() if key[:2] == (kind, namespace)]

    def stamp(self, kind: str, namespace: str) -> int:
        return self.changes

    def concern(self, key: Key, namespaces: Set[str]) -> None: ...

    @property
    def names(self) -> set[str]:
        return {name for _, _, name in self.objects}

    async def until(self, condition: Callable[[], object], *, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def connected(
    folder: Path,
    url: str,
    *,
    seconds: float = 5,
    observe: Observe = lambda _verb, _kind, _outcome: None,
) -> AsyncIterator[Api]:
    """A client of the server at that address, by a kubeconfig."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "t",
        "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
        "clusters": [{"name": "t", "cluster": {"server": url}}],
        "users": [{"name": "t", "user": {"token": "secret"}}],
    }
    path = folder / "kubeconfig"
    path.write_bytes(orjson.dumps(config))
    connection = await connect_by_kubeconfig(SystemClock(), path=str(path))
    api = Api(connection, timeout=timedelta(seconds=seconds), largest=1 << 20, observe=observe)
    try:
        yield api
    finally:
        await api.aclose()


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Work in the background of the block; cancelled at its end."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield task
        finally:
            task.cancel()


def service(name: str, version: int, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": spec}


def listed(*objects: dict[str, Any], version: int, token: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": str(version), "continue": token}
    return {"kind": "ServiceList", "metadata": metadata, "items": list(objects)}


def event(type_: str, obj: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": type_, "object": obj}) + b"\n"


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


def status(code: int, reason: str = "", message: str = "", **details: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


def watched(*lines: bytes) -> Behaviour:
    """A watch that says this and ends."""
    return raw(HEAD + b"".join(lines), close=True)


def open_watch(*lines: bytes) -> Behaviour:
    """A watch that says this and stays open."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(lines))
        await writer.drain()
        await asyncio.Event().wait()

    return behave
