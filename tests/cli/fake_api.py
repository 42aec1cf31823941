"""A small API server at a real socket: objects, lists, watches, and a script of what happens next.

It plays one step of its script whenever a watch has nothing more to say: tests need no time.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import yaml
from aiohttp import web

Object = dict[str, Any]
Step = Callable[["FakeApi"], None]


class FakeApi:
    """Everything between `serving` and its end happens in its own thread; steps run there, too."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.script: deque[Step] = deque()
        self.on_read: dict[str, deque[Step]] = {}
        """Steps by plural, one after each reading of that kind."""
        self.forbidden: set[str] = set()
        self.unknown: set[str] = set()
        self.created: list[Object] = []
        self.on_create: Step | None = None
        self.watches = 0
        self.url = ""
        self._log: list[tuple[int, str, str, Object]] = []
        self._oldest = 0
        self._version = 100
        self._down = 0
        self._changed = asyncio.Event()
        self._open: set[asyncio.Transport] = set()

    # --- what steps and tests do ---

    def put(self, plural: str, obj: Object) -> None:
        """Create or change an object."""
        self._version += 1
        name = obj["metadata"]["name"]
        kind = "MODIFIED" if (plural, name) in self.objects else "ADDED"
        meta = obj["metadata"] | {"resourceVersion": str(self._version)}
        obj = obj | {"metadata": meta}
        self.objects[plural, name] = obj
        self._log.append((self._version, plural, kind, obj))
        self._changed.set()

    def delete(self, plural: str, name: str) -> None:
        self._version += 1
        obj = self.objects.pop((plural, name))
        self._log.append((self._version, plural, "DELETED", obj))
        self._changed.set()

    def cut(self) -> None:
        """Break all watches."""
        for transport in self._open:
            transport.abort()

    def restart(self, refusals: int = 3) -> None:
        """Break all watches and some of the requests that follow; the history of events is gone."""
        self._oldest = self._version + 1
        self._down = refusals
        self.cut()

    # --- serving ---

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self._down > 0:
            self._down -= 1
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        plural = request.match_info.get("plural", "")
        if plural in self.forbidden:
            who = f'User "ann" cannot get resource "{plural}"'
            return _refusal(403, "Forbidden", who)
        if plural in self.unknown:
            return web.Response(status=404, text="404 page not found\n")
        response: web.StreamResponse = await handler(request)
        return response

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        if request.query.get("watch") == "true":
            return await self._watch(request, plural)
        found = [obj for (kind, _), obj in self.objects.items() if kind == plural]
        found = [obj for obj in found if _selected(obj, request.query.get("labelSelector", ""))]
        # Pages of two, so that every list has to be continued.
        start = int(request.query.get("continue", "0"))
        page, rest = found[start : start + 2], found[start + 2 :]
        meta: Object = {"resourceVersion": str(self._version)}
        if rest:
            meta["continue"] = str(start + 2)
        return _json({"metadata": meta, "items": page})

    async def _one(self, request: web.Request) -> web.StreamResponse:
        plural, name = request.match_info["plural"], request.match_info["name"]
        obj = self.objects.get((plural, name))
        steps = self.on_read.get(plural)
        if steps:
            steps.popleft()(self)
        if obj is None:
            return _refusal(404, "NotFound", f'{plural} "{name}" not found')
        return _json(obj)

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        name = request.query["fieldSelector"].removeprefix("metadata.name=")
        version = int(request.query["resourceVersion"])
        self.watches += 1
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        if version + 1 < self._oldest and self._log:
            gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
            await response.write(orjson.dumps({"type": "ERROR", "object": gone}) + b"\n")
            return response
        self._open.add(transport)
        try:
            while not transport.is_closing():
                for at, kind, event, obj in self._log:
                    if at > version and kind == plural and obj["metadata"]["name"] == name:
                        version = at
                        await response.write(orjson.dumps({"type": event, "object": obj}) + b"\n")
                if self.script:
                    self.script.popleft()(self)
                    continue
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._open.discard(transport)
        return response

    async def _create(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        body: Object = await request.json()
        if plural == "selfsubjectreviews":
            return _json(body | {"status": {"userInfo": {"username": "ann@example.com"}}})
        meta = body["metadata"]
        name = f"{meta.pop('generateName')}{len(self.created) + 1}"
        body["metadata"] = meta | {"name": name, "namespace": request.match_info["namespace"]}
        self.created.append(body)
        self.put(plural, body)
        if self.on_create is not None:
            self.on_create(self)
        return web.Response(
            status=201,
            body=orjson.dumps(self.objects[plural, name]),
            content_type="application/json",
        )

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._gate])
        for root in ("/apis/{group}/{version}", "/api/{version}"):
            app.router.add_get(root + "/{plural}", self._collection)
            app.router.add_post(root + "/{plural}", self._create)
            app.router.add_get(root + "/namespaces/{namespace}/{plural}", self._collection)
            app.router.add_post(root + "/namespaces/{namespace}/{plural}", self._create)
            app.router.add_get(root + "/namespaces/{namespace}/{plural}/{name}", self._one)
        return app


@contextmanager
def serving(api: FakeApi) -> Iterator[FakeApi]:
    """Serve in a thread of its own."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        runner = web.AppRunner(api.application(), handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        api.url = f"http://{host}:{port}"
        started.set()
        await stop.wait()
        await runner.cleanup()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def write_kubeconfig(path: Path, url: str, namespace: str = "demo") -> Path:
    """A kubeconfig whose one context is in that namespace."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "ann", "user": {"token": "t"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "here", "user": "ann", "namespace": namespace}},
            {"name": "bare", "context": {"cluster": "here", "user": "ann"}},
        ],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def _selected(obj: Object, selector: str) -> bool:
    labels = obj["metadata"].get("labels", {})
    pairs = (pair.split("=", 1) for pair in selector.split(",") if pair)
    return all(labels.get(key) == value for key, value in pairs)


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _refusal(code: int, reason: str, message: str) -> web.Response:
    status = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return web.Response(status=code, text=json.dumps(status), content_type="application/json")
