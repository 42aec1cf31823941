"""The least HTTP/1.1 that a proxy needs: heads, bodies and chunks, from and to asyncio streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

END_OF_CHUNKS = b"0\r\n\r\n"
LIMIT = 16 * 1024 * 1024
BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)
"""What reading and writing raise when the other side is gone or talks nonsense."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers of a message, and the bytes they came as."""

    first: tuple[str, str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def chunked(self) -> bool:
        return self.headers.get("transfer-encoding", "").lower() == "chunked"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next message's head; none at the end of the stream."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    line, *rest = raw.decode("latin-1").split("\r\n")
    first, second, third = (*line.split(" ", 2), "", "")[:3]
    pairs = (one.split(":", 1) for one in rest if ":" in one)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return Head((first, second, third), headers, raw)


async def read_body(reader: asyncio.StreamReader, head: Head, *, answer: bool) -> bytes:
    """The body as it came, chunk sizes and all."""
    if head.chunked:
        raw = bytearray()
        async for size, data in _chunks(reader):
            raw += size + data
        return bytes(raw)
    if length := head.headers.get("content-length"):
        return await reader.readexactly(int(length))
    # RFC 9112: an answer without a length goes on until the connection is closed.
    return await reader.read() if answer and head.first[1] not in {"204", "304"} else b""


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a chunked stream, each as soon as it is whole."""
    rest = b""
    async for _, data in _chunks(reader):
        *whole, rest = (rest + data.removesuffix(b"\r\n")).split(b"\n") if data else (rest,)
        for line in whole:
            yield line + b"\n"


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """(size line, data with its line end); the last one is empty."""
    while True:
        size = await reader.readuntil(b"\r\n")
        data = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        yield size, data
        if int(size.split(b";")[0], 16) == 0:
            return


async def abort(writer: asyncio.StreamWriter) -> None:
    """Close at once, and return when it is closed."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(code: int, body: str, content: str, extra: str = "") -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {code} Fault\r\ncontent-type: {content}\r\ncontent-length: {len(data)}\r\n"
    return f"{head}{extra}\r\n".encode() + data


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)
