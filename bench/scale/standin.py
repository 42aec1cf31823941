"""Plays Prometheus, and the receivers of notices; `python -m bench.scale.standin PORT`.

POST /api/v1/query      as Prometheus: answered at once, by the modes of the workloads asked about
POST /places            {workload: namespace}: the workloads there are
POST /modes             {workload: mode}: from now on
GET  /counts            queries by kind, workloads asked about, and when each first got a bad answer
POST /hook/ok|hang|500  a receiver of notices
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from itertools import chain

import orjson
from aiohttp import web

from bench.scale.answers import OF_THE_SERVER, Mode, series
from bench.scale.asked import read

LATE = 3.0
HANGS = 60.0


class Standin:
    """What it knows, and what it was asked."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}
        self._modes: dict[str, Mode] = {}
        self._first_bad: dict[str, float] = {}
        self._queries: Counter[str] = Counter()
        self._workloads: Counter[str] = Counter()
        self._hooks: Counter[str] = Counter()

    def app(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/api/v1/query", self.query)
        app.router.add_post("/places", self.places)
        app.router.add_post("/modes", self.modes)
        app.router.add_get("/counts", self.counts)
        app.router.add_post("/hook/{manner}", self.hook)
        return app

    async def query(self, request: web.Request) -> web.Response:
        """Answer one instant query."""
        form = await request.post()
        asked = read(str(form.get("query", "")))
        self._queries[asked.kind.value] += 1
        self._workloads[asked.kind.value] += len(asked.workloads)
        ill = {mode for name in asked.workloads if (mode := self._modes.get(name)) in OF_THE_SERVER}
        if Mode.HANG in ill:
            await asyncio.sleep(HANGS)
        if Mode.LATE in ill:
            await asyncio.sleep(LATE)
        if Mode.FAIL in ill:
            return web.Response(status=500, text="the stand-in was told to fail")
        at = float(str(form.get("time", "0")))
        result = list(series(asked, self._places, self._modes, at))
        now = time.monotonic()
        for name in asked.workloads & self._modes.keys():
            if self._modes[name] is not Mode.GOOD:
                self._first_bad.setdefault(name, now)
        return said({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def places(self, request: web.Request) -> web.Response:
        """Learn which workloads there are."""
        self._places.update(orjson.loads(await request.read()))
        return said({})

    async def modes(self, request: web.Request) -> web.Response:
        """Turn workloads; those that are good again are forgotten."""
        for name, word in orjson.loads(await request.read()).items():
            self._modes[name] = Mode(word)
            self._first_bad.pop(name, None)
        return said({"at": time.monotonic()})

    async def counts(self, _: web.Request) -> web.Response:
        """What was asked so far."""
        told = {
            "queries": self._queries,
            "workloads": self._workloads,
            "first_bad": self._first_bad,
            "hooks": self._hooks,
        }
        return said(told)

    async def hook(self, request: web.Request) -> web.Response:
        """Be a receiver."""
        manner = request.match_info["manner"]
        body = orjson.loads(await request.read())
        self._hooks["tries"] += 1
        if manner == "hang":
            await asyncio.sleep(HANGS)
        if manner == "500":
            return web.Response(status=500)
        told = body if isinstance(body, list) else [body]
        self._hooks["got"] += sum(1 for _ in chain(told))
        return web.Response(text="ok")


def said(what: object) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=orjson.dumps(what), content_type="application/json")


def main() -> None:
    """Serve until ended."""
    port = int(sys.argv[1])
    web.run_app(Standin().app(), host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
