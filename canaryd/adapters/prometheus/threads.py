"""Threads in which metrics servers are asked, shared so that hanging servers starve no others.

A server that has not answered its last question (or none yet) is doubtful, and so is a query that
took too long the last time: all doubtful ones together may occupy only some of the threads. However
many servers there are, and however many of them hang, the rest of the threads are for those that
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from canaryd.adapters.prometheus.turns import Turns

_T = TypeVar("_T")
_Room = tuple[str, Callable[[], Awaitable[object]], Callable[[], None]]
"""Who has it if there is none, how to get some, and how to give it back."""
_ITS_OWN = "other queries of this server took all its threads"
_ONE_SLOW = "queries of this server that are too slow are asked one at a time, which others were,"
_DOUBTFUL = "all threads wait for servers that do not answer, or too slowly,"
_OTHERS = "queries of other servers took all threads"
_CLOSED = "the threads are closed"


class BusyError(Exception):
    """There was no thread in time; the text says who had them."""


@dataclass(frozen=True, slots=True)
class Turn:
    """When it is a question's turn, among those of its server."""

    expected: float = 0.0
    """Seconds that it will take: short ones go first."""
    slow: bool = False
    """Whether it took too long the last time."""


NEXT = Turn()


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


class _Place(Generic[_T]):
    """One question's way to a thread, and the room it holds until the thread is free again."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self.waits_for = ""
        """Who has what it waits for."""
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._begun = asyncio.Event()
        self._held: list[Callable[[], None]] = []
        self._future: Future[_T] | None = None

    async def enter(self, rooms: Iterable[_Room], threads: Threads) -> None:
        """Wait for all that room, and until a thread has begun with it."""
        for waits_for, acquire, release in rooms:
            self.waits_for = waits_for
            await acquire()
            self._held.append(release)
        self.waits_for = _OTHERS
        self._future = threads.submit(self._in_thread)
        self._future.add_done_callback(lambda _: self._soon(self._over))
        await self._begun.wait()

    def leave(self) -> bool:
        """Give the room back, unless a thread is at it; tell whether it was given back."""
        if self._future is None:
            self._over()
            return True
        return self._future.cancel()

    async def result(self) -> _T:
        """What the work gave; raises RuntimeError when the threads were closed before it began."""
        if self._future is None or self._future.cancelled():
            raise RuntimeError(_CLOSED)
        return await asyncio.wrap_future(self._future)

    def _in_thread(self) -> _T:
        self._soon(self._begun.set)
        return self._work()

    def _over(self) -> None:
        self._begun.set()
        while self._held:
            self._held.pop()()

    def _soon(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits for room
            self._loop.call_soon_threadsafe(call)


class Share:
    """One server's share of the threads: at most `most` at a time, one of them for a slow query."""

    def __init__(self, threads: Threads, most: int) -> None:
        self._threads = threads
        self._own = Turns(most)
        self._slow = asyncio.Semaphore(1)
        self.proven = False
        """Whether the server answered its last question; written by threads."""

    async def run(self, work: Callable[[], _T], *, within: float, turn: Turn = NEXT) -> _T:
        """Run it when there is room; raises BusyError when there is none `within` seconds.

        Raises TimeoutError when it is not done so many seconds after it began, and RuntimeError
        when the threads are closed. The room is free again when the thread is, even if nobody waits
        for it any more.
        """
        place = _Place(work)
        try:
            async with asyncio.timeout(within):
                await place.enter(self._rooms(turn), self._threads)
        except TimeoutError:
            if place.leave():  # else it began at the last moment
                raise BusyError(place.waits_for) from None
        except BaseException:
            place.leave()
            raise
        async with asyncio.timeout(within):
            return await place.result()

    def _rooms(self, turn: Turn) -> Iterator[_Room]:
        """What to wait for, in this order."""
        if turn.slow:
            yield _ONE_SLOW, self._slow.acquire, self._slow.release
        yield _ITS_OWN, partial(self._own.acquire, turn.expected), self._own.release
        if turn.slow or not self.proven:
            yield _DOUBTFUL, self._threads.doubtful.acquire, self._threads.doubtful.release
