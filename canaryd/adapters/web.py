"""The daemon's own HTTP server: /healthz, /readyz and /metrics; decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import orjson
from aiohttp import web

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class WebServer:
    """Serves until stopped; `unready` gives one sentence per reason why not ready."""

    def __init__(
        self,
        *,
        unready: Callable[[], Sequence[str]],
        metrics: Callable[[], bytes],
        host: str = "0.0.0.0",  # noqa: S104 - probes and scrapes come from outside the pod
        port: int = 8080,
    ) -> None:
        self._unready = unready
        self._metrics = metrics
        self._host = host
        self._port = port
        app = web.Application(client_max_size=64 << 10)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._show_metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)

    async def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Finish what is being answered, at most 2 s, and close."""
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that it listens on; tells which one 0 became."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else self._port

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        reasons = list(self._unready())
        status = 503 if reasons else 200
        if "verbose" in request.query or "json" in request.headers.get("Accept", ""):
            body = orjson.dumps({"ready": not reasons, "reasons": reasons})
            return web.Response(body=body, status=status, content_type="application/json")
        return web.Response(text="\n".join(reasons or ["ok"]) + "\n", status=status)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        # Thousands of series take milliseconds to write: not on the loop.
        body = await asyncio.to_thread(self._metrics)
        return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})
