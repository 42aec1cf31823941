"""Plays Prometheus, and the receivers of notices; `python -m bench.scale.standin PORT`.

POST /api/v1/query      as Prometheus, answered at once by the modes of the workloads asked about;
                        and /api/v1/query_range
POST /places            {workload: namespace}: the workloads there are
POST /modes             {workload: mode}: from now on
POST /facts             {"shares": {workload: share}, "here": [[namespace, workload, pod, age]…],
                        "gone": [[workload, pod]…]}: from now on; `age` in seconds
GET  /counts            queries by kind, workloads asked about, when each first got a bad answer,
                        and when each got one at all
POST /hook/ok|hang|500  a receiver of notices
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, defaultdict
from itertools import chain
from typing import Any

import orjson
from aiohttp import web

from bench.scale.answers import OF_THE_SERVER, RANGES, Instants, Known, series
from bench.scale.asked import Asked, Kind, read
from bench.scale.traffic import Mode, Pod, Traffic

MANNERS = ("ok", "hang", "500")
LATE = 3.0
HANGS = 60.0
KEPT = 7200.0
"""Seconds that a pod which went is remembered."""


class Standin:
    """What it knows, and what it was asked."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}
        self._modes: dict[str, Mode] = {}
        self._traffic = Traffic()
        self._bad: defaultdict[str, list[float]] = defaultdict(list)
        self._queries: Counter[str] = Counter()
        self._workloads: Counter[str] = Counter()
        self._hooks: Counter[str] = Counter()

    def app(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/api/v1/query", self.query)
        app.router.add_post("/api/v1/query_range", self.query)
        app.router.add_post("/places", self.places)
        app.router.add_post("/modes", self.modes)
        app.router.add_post("/facts", self.facts)
        app.router.add_get("/counts", self.counts)
        app.router.add_post("/hook/{manner}", self.hook)
        return app

    async def query(self, request: web.Request) -> web.Response:
        """Answer one query."""
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
        data = self._answer(asked, form)
        now = time.monotonic()
        for name in asked.workloads & self._modes.keys():
            if self._modes[name] is not Mode.GOOD:
                self._bad[name].append(now)
        return said({"status": "success", "data": data})

    def _answer(self, asked: Asked, form: Any) -> dict[str, object]:  # noqa: ANN401
        now = time.time()  # noqa: TID251 - it is a server, with a clock of its own
        if asked.kind is Kind.TIME:
            return {"resultType": "scalar", "result": [now, f"{now:.3f}"]}
        end = float(str(form.get("end", form.get("time", now))))
        start = float(str(form.get("start", end)))
        when = Instants(start, end, float(str(form.get("step", 0))))
        known = Known(self._places, self._modes, self._traffic)
        kind = "matrix" if asked.kind in RANGES else "vector"
        return {"resultType": kind, "result": list(series(asked, known, when))}

    async def places(self, request: web.Request) -> web.Response:
        """Learn which workloads there are."""
        self._places.update(orjson.loads(await request.read()))
        return said({})

    async def facts(self, request: web.Request) -> web.Response:
        """Learn of pods, and of who gets how much."""
        told, now = orjson.loads(await request.read()), time.time()  # noqa: TID251 - as above
        for workload, share in told["shares"].items():
            self._traffic.share(workload, share, now)
        for namespace, workload, name, age in told["here"]:
            self._traffic.arrive(Pod(namespace, workload, name, born=now - age))
        for workload, name in told["gone"]:
            self._traffic.leave(workload, name, now)
        self._traffic.forget(now - KEPT)
        return said({})

    async def modes(self, request: web.Request) -> web.Response:
        """Turn workloads; the bad answers that they got before are forgotten."""
        for name, word in orjson.loads(await request.read()).items():
            self._modes[name] = Mode(word)
            self._traffic.mode(name, Mode(word), time.time())  # noqa: TID251 - as above
            self._bad.pop(name, None)
        return said({"at": time.monotonic()})

    async def counts(self, _: web.Request) -> web.Response:
        """What was asked so far."""
        told = {
            "queries": self._queries,
            "workloads": self._workloads,
            "bad": self._bad,
            "hooks": self._hooks,
        }
        return said(told)

    async def hook(self, request: web.Request) -> web.Response:
        """Be a receiver."""
        manner = request.match_info["manner"]
        if manner not in MANNERS:
            return web.Response(status=404, text=f"{manner}? there are: {', '.join(MANNERS)}")
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
