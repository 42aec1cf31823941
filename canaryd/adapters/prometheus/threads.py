"""Threads in which metrics servers are asked, shared so that hanging servers starve no others.

A server that has not answered its last question (or none yet) is doubtful: all doubtful ones
together may occupy only some of the threads. However many servers there are, and however many of
them hang, the rest of the threads are for those that answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


class Threads:
    """At most `most` threads, of which doubtful servers get at most `doubtful` (default: all)."""

    def __init__(self, most: int, *, doubtful: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="prometheus")
        self.doubtful = asyncio.Semaphore(most if doubtful is None else doubtful)

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """Run it in a thread; raises RuntimeError after `close`."""
        return self._pool.submit(work)

    async def close(self) -> None:
        """Give the threads back; a query that runs ends by its own deadline."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)


class Share:
    """One server's share of the threads: at most `most` at a time."""

    def __init__(self, threads: Threads, most: int) -> None:
        self._threads = threads
        self._own = asyncio.Semaphore(most)
        self.proven = False
        """Whether the server answered its last question; written by threads."""

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run it when there is room; raises RuntimeError when the threads are closed.

        The room is free again when the thread is, even if nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        held: list[asyncio.Semaphore] = []

        def leave(_: object = None) -> None:
            while held:
                held.pop().release()

        def done(_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits for room
                loop.call_soon_threadsafe(leave)

        try:
            for gate in (self._own, *(() if self.proven else (self._threads.doubtful,))):
                await gate.acquire()
                held.append(gate)
            future = self._threads.submit(work)
        except BaseException:
            leave()
            raise
        future.add_done_callback(done)
        return await asyncio.wrap_future(future)
