"""An HTTP server at the socket that answers exactly the bytes a test wants, or none."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Misbehaving:
    """Behaves as the next item of `script` says; the last item stays."""

    port: int = 0
    script: deque[Behaviour] = field(default_factory=deque)
    heard: list[Heard] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def then(self, *behaviours: Behaviour) -> None:
        self.script.clear()
        self.script.extend(behaviours)


@asynccontextmanager
async def misbehaving(*behaviours: Behaviour) -> AsyncIterator[Misbehaving]:
    server = Misbehaving(script=deque(behaviours))
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.partition(": ") for line in head[1:] if line)
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                server.heard.append(Heard(head[0], headers, body))
                behave = server.script.popleft() if len(server.script) > 1 else server.script[0]
                await behave(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()


def raw(data: bytes, *, close: bool = False) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if close:
            await writer.drain()
            writer.close()

    return behave


def http(
    status: int,
    body: bytes,
    *,
    kind: str = "application/json",
    headers: Iterable[tuple[str, str]] = (),
) -> Behaviour:
    lines = [f"HTTP/1.1 {status} Words", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return raw("\r\n".join([*lines, "", ""]).encode() + body)


def json(body: Any, status: int = 200) -> Behaviour:
    return http(status, orjson.dumps(body))


def vector(*lines: tuple[dict[str, str], str], **more: Any) -> Behaviour:
    result = [{"metric": labels, "value": [1, value]} for labels, value in lines]
    return json({"status": "success", "data": {"resultType": "vector", "result": result}, **more})


def refused(status: int, words: str) -> Behaviour:
    return json({"status": "error", "errorType": "bad_data", "error": words}, status)


async def hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def drip(data: bytes, *, every: float = 0.02) -> Behaviour:
    """Write one byte at a time, for ever starting over."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        while True:
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(every)

    return behave
