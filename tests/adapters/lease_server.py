"""A small API server that keeps one Lease with its resourceVersion, and can be told to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.adapters.kube import status


class Mood(Enum):
    """How requests are answered."""

    GOOD = "good"
    HANG = "hang"
    ERROR = "500"
    HTML = "a login page"
    FORBIDDEN = "403"
    NOWHERE = "there is no such namespace"
    LOSE = "writes are carried out, and their answers get lost"


class LeaseServer:
    """Behaves like kube-apiserver towards `Lease`, as far as an elector can see."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] | None = None
        self.mood = Mood.GOOD
        self.url = ""
        self.reads = 0
        self._version = 0
        self._news = asyncio.Event()

    @property
    def holder(self) -> str | None:
        return self.spec.get("holderIdentity") if self.spec is not None else None

    def put(self, holder: str, **more: Any) -> None:
        """Somebody else writes the lease."""
        self._version += 1
        written = {"holderIdentity": holder, "leaseDurationSeconds": 1}
        self.spec = written | {"renewTime": f"somebody's {self._version}"} | more
        self._news.set()

    def delete(self) -> None:
        self.spec = None

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LeaseServer]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        async with TestServer(app) as server:
            self.url = f"http://127.0.0.1:{server.port}"
            yield self

    async def _answer(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read() or b"{}")
        self.reads += request.method == "GET"
        self._news.set()
        match self.mood:
            case Mood.HANG:
                await asyncio.sleep(3600)
            case Mood.ERROR:
                return web.Response(status=500)
            case Mood.HTML:
                return web.Response(text="<html>", content_type="text/html")
            case Mood.FORBIDDEN:
                return _refused(403, "Forbidden", 'forbidden: User "canaryd" cannot do that')
            case Mood.NOWHERE:
                return _refused(404, "NotFound", 'namespaces "canaryd" not found')
            case Mood.LOSE if request.method != "GET":
                self._carry_out(request.method, body)
                return web.Response(status=504)
            case _:
                pass
        code, answer = self._carry_out(request.method, body)
        return web.Response(status=code, body=orjson.dumps(answer), content_type="application/json")

    def _carry_out(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "POST" and self.spec is not None:
            return 409, status(409, "AlreadyExists")
        if method != "POST" and self.spec is None:
            return 404, status(404, "NotFound")
        if method == "PUT" and body["metadata"]["resourceVersion"] != str(self._version):
            return 409, status(409, "Conflict")
        if method != "GET":
            self._version += 1
            self.spec = body["spec"]
        metadata = {"name": "canaryd", "resourceVersion": str(self._version)}
        return 200, {"metadata": metadata, "spec": self.spec}


def _refused(code: int, reason: str, words: str) -> web.Response:
    body = orjson.dumps(status(code, reason, words))
    return web.Response(status=code, body=body, content_type="application/json")
