"""One open watch in a fault proxy: hands lines on, and is disturbed in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.world import wire
from tests.world.faults import Body, Cut, End, Fault, Gone, Silent, Status, status_body

# Half of it is sent when a watch is cut inside a line before any event came.
SOME_LINE = b'{"type":"MODIFIED","object":{"kind":"Unknown","metadata":{"name":"cut"}}}\n'


class Stream:
    """Writes one watch to its client."""

    def __init__(self, path: str, writer: asyncio.StreamWriter, fault: Fault | None) -> None:
        self.path = path
        self._writer = writer
        self._fault = fault
        self._last = SOME_LINE
        self._silent = False
        self._cut_next = isinstance(fault, Cut)

    async def follow(
        self, upstream: asyncio.StreamReader | None, client: asyncio.StreamReader
    ) -> None:
        """Until either side ends it; without an upstream what the fault says, then silence."""
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(self._hand_on(upstream))
                # Nothing is sent on the connection of a watch: what can be read is its end.
                leaving = group.create_task(client.read())
                _both_end(following, leaving)
        except* wire.BROKEN:
            pass

    async def _hand_on(self, upstream: asyncio.StreamReader | None) -> None:
        if upstream is None:
            assert self._fault is not None
            self.disturb(self._fault)
            await asyncio.Event().wait()
            return
        async for line in wire.lines(upstream):
            if self._silent:
                continue
            self._last = line
            if self._cut_next:
                self.disturb(Cut(inside=True))
                return
            self._writer.write(wire.chunk(line))
            await self._writer.drain()
        if self._silent:
            await asyncio.Event().wait()
        self._writer.write(wire.END_OF_CHUNKS)
        await self._writer.drain()

    def disturb(self, fault: Fault) -> None:
        match fault:
            case Cut(inside=False):
                self._writer.transport.abort()
            case Cut():
                self._writer.write(wire.chunk(self._last[: len(self._last) // 2]))
                self._writer.close()
            case Gone():
                self._error(410, "too old resource version: 1 (2)")
            case Status(code, _, message):
                self._error(code, message)
            case Body(text):
                self._writer.write(wire.chunk(text.encode() + b"\n"))
            case Silent():
                self._silent = True
            case End():
                self._end()
            case _:
                raise ValueError(f"{fault} cannot happen to an open watch")

    def _error(self, code: int, message: str) -> None:
        event = '{"type":"ERROR","object":' + status_body(code, message) + "}\n"
        self._writer.write(wire.chunk(event.encode()))
        self._end()

    def _end(self) -> None:
        self._silent = True
        self._writer.write(wire.END_OF_CHUNKS)
        self._writer.close()


def _both_end(*tasks: asyncio.Task[Any]) -> None:
    """The first that ends ends the others."""

    def cancel(_: asyncio.Task[Any]) -> None:
        for task in tasks:
            task.cancel()

    stop: Callable[[asyncio.Task[Any]], None] = cancel
    for task in tasks:
        task.add_done_callback(stop)
