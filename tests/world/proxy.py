"""A proxy that tests can switch at run time, before the API server or Prometheus.

Hands each request on by a connection of its own, and a watch line by line. Runs in a thread with
its own event loop; what tests call is synchronous.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any, Self
from urllib.parse import urlsplit

from tests.world import wire
from tests.world.faults import (
    Body,
    Cut,
    Delay,
    End,
    Fault,
    Gone,
    Hang,
    LoseAnswer,
    Request,
    Rule,
    Rules,
    Silent,
    Status,
    WriteCallback,
    status_body,
)
from tests.world.pki import Tls
from tests.world.stream import Stream

REMEMBERED = 20_000
FAREWELL = 1.0


class FaultProxy:
    """`with FaultProxy(upstream) as proxy:` and give `proxy.url` to the program under test.

    Several upstreams take turns, request by request.
    """

    def __init__(self, *upstreams: str, tls: Tls | None = None, port: int = 0) -> None:
        addresses = [urlsplit(upstream) for upstream in upstreams]
        self._turns = cycle([(one.hostname or "", one.port or 0) for one in addresses])
        self._tls, self._port = tls, port
        self._client = tls.client() if tls and addresses[0].scheme == "https" else None
        self._rules = Rules()
        self._requests: deque[Request] = deque(maxlen=REMEMBERED)
        self._streams: set[Stream] = set()
        self._clients: set[asyncio.Task[Any]] = set()
        self._callbacks: list[tuple[str, WriteCallback]] = []
        self._errors: list[BaseException] = []
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    # --- for tests --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._errors:
            raise self._errors[0]

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[Request]:
        """What came (the last 20,000), in the order in which it was answered."""
        return list(self._requests)

    def fault(
        self,
        fault: Fault,
        *,
        method: str = ".*",
        path: str = "",
        watch: bool | None = None,
        times: int | None = None,
    ) -> Rule:
        """Do this to requests from now on; method and path (with its query) are patterns.

        The newest rule that matches counts. Ends by `rule.remove()`, `with`, `times` or `clear`.
        Watches that are open go on: see `disturb`.
        """
        return self._rules.add(fault, method=method, path=path, watch=watch, times=times)

    def clear(self) -> None:
        """Hand everything on again. What hangs or is silent stays so."""
        self._rules.clear()

    def disturb(self, fault: Fault, *, path: str = "") -> int:
        """Do this now to the open watches, and say to how many."""

        async def now() -> int:
            found = [one for one in self._streams if re.search(path, one.path)]
            for stream in found:
                stream.disturb(fault)
            return len(found)

        return self._call(now())

    def open_watches(self, path: str = "") -> int:
        async def now() -> int:
            return sum(1 for one in self._streams if re.search(path, one.path))

        return self._call(now())

    @contextmanager
    def on_write(self, callback: WriteCallback, *, path: str = "") -> Iterator[None]:
        """Call back when a write was carried out and answered, before the client hears of it."""
        entry = (path, callback)
        self._callbacks.append(entry)
        try:
            yield
        finally:
            self._callbacks.remove(entry)

    def _call(self, work: Coroutine[Any, Any, int]) -> int:
        assert self._loop
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # --- in the thread ----------------------------------------------------------------------------

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        tls = self._tls.server() if self._tls else None
        server = await asyncio.start_server(
            self._client_connected, "127.0.0.1", self._port, ssl=tls, limit=wire.LIMIT
        )
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in self._clients:
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    async def _client_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        with suppress(*wire.BROKEN, asyncio.CancelledError):
            while (head := await wire.read_head(reader)) and await self._handle(
                head, reader, writer
            ):
                await writer.drain()
            writer.close()  # sends first what is still to be sent
            async with asyncio.timeout(FAREWELL):
                await writer.wait_closed()
        await wire.abort(writer)
        self._clients.discard(task)

    async def _handle(
        self, head: wire.Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        body = await wire.read_body(reader, head, answer=False)
        method, target, _ = head.first
        path, _, query = target.partition("?")
        agent = head.headers.get("user-agent", "")
        request = Request(time.monotonic(), method, path, query, agent, 0, None)
        fault = self._rules.take(request)
        request = request._replace(fault=fault)
        match fault:
            case Status(code, retry_after, message):
                extra = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
                text = status_body(code, message)
                writer.write(wire.answer(code, text, "application/json", extra))
                self._log(request, code)
                return True
            case Body(text, code, content):
                writer.write(wire.answer(code, text, content))
                self._log(request, code)
                return True
            case Hang():
                self._log(request, 0)
                await reader.read()  # until the client gives up
                return False
            case Cut(inside=False):
                self._log(request, 0)
                writer.transport.abort()
                return False
            case Gone() | End() | Silent() if request.watch:
                self._log(request, 200)
                writer.write(wire.STREAM_HEAD)
                await self._follow(Stream(request.path, writer, fault), None, reader)
                return False
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case _:
                pass
        return await self._forward(request, head.raw + body, reader, writer)

    def _log(self, request: Request, status: int) -> Request:
        done = request._replace(status=status)
        self._requests.append(done)
        return done

    async def _forward(
        self,
        request: Request,
        raw: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        upstream, sender = await asyncio.open_connection(
            *next(self._turns), ssl=self._client, limit=wire.LIMIT
        )
        try:
            sender.write(raw)
            head = await wire.read_head(upstream)
            if head is None:
                return False
            request = self._log(request, int(head.first[1]))
            if request.watch and head.chunked and request.status == 200:
                writer.write(head.raw)
                await self._follow(Stream(request.path, writer, request.fault), upstream, reader)
                return False
            body = await wire.read_body(upstream, head, answer=True)
            if request.writes:
                await self._tell(request)
            if isinstance(request.fault, LoseAnswer):
                writer.transport.abort()
                return False
            if isinstance(request.fault, Cut):
                writer.write((head.raw + body)[: len(head.raw) + len(body) // 2])
                return False
            writer.write(head.raw + body)
            return "content-length" in head.headers or head.chunked
        finally:
            await wire.abort(sender)

    async def _tell(self, request: Request) -> None:
        for path, callback in list(self._callbacks):
            if re.search(path, request.path):
                try:
                    await asyncio.to_thread(callback, request)
                except Exception as error:  # noqa: BLE001 - raised when the proxy ends
                    self._errors.append(error)

    async def _follow(
        self, stream: Stream, upstream: asyncio.StreamReader | None, client: asyncio.StreamReader
    ) -> None:
        """Hand a watch on until either side ends it."""
        self._streams.add(stream)
        try:
            await stream.follow(upstream, client)
        finally:
            self._streams.discard(stream)
