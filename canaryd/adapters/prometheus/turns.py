"""Room for so many at a time; those go first that will be done soonest."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count


class Turns:
    """As a semaphore, but for the order; of equals, who came first goes first."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def acquire(self, expected: float) -> None:
        """Wait for room; who is `expected` to need it for fewer seconds goes first."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (expected, next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the room came at the same moment
                self.release()
            raise

    def release(self) -> None:
        """Give room back: to the next one who still waits, if any."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
