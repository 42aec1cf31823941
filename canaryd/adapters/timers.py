"""Implements `ports.Timers`: one heap of deadlines that one apscheduler job pumps.

It never acts; it only hands keys on. Housekeeping jobs run beside the pump. apscheduler counts on
the wall clock, so a watchdog on the loop's own clock wakes its jobs when that was set back.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from canaryd.model.names import Key
from canaryd.ports import Clock

_LATE = 20
"""A pump that missed so many turns is stuck in a wall clock that was set back."""
_SLACK = 64
"""So many removed deadlines may lie in the heap before it is made anew."""


class HeapTimers:
    """One deadline per key, on the monotonic clock."""

    def __init__(
        self,
        *,
        clock: Clock,
        due: Callable[[Key], None],
        pump_every: timedelta = timedelta(milliseconds=100),
    ) -> None:
        self._clock = clock
        self._due = due
        self._pump_every = pump_every
        self._heap: list[tuple[float, Key]] = []
        self._deadlines: dict[Key, float] = {}
        self._pumped_at = clock.monotonic()
        self._watchdog: asyncio.TimerHandle | None = None
        # One line per job and turn is no use to anybody; failures are.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self.every("pump", pump_every, self._pump)

    def set(self, key: Key, at: datetime | None) -> None:
        """Replace the key's deadline; None removes it."""
        if at is None:
            self._deadlines.pop(key, None)
        else:
            wait = (at - self._clock.now()).total_seconds()
            deadline = self._clock.monotonic() + wait
            self._deadlines[key] = deadline
            heapq.heappush(self._heap, (deadline, key))
        if len(self._heap) > 2 * len(self._deadlines) + _SLACK:
            self._heap = [(deadline, key) for key, deadline in self._deadlines.items()]
            heapq.heapify(self._heap)

    def every(self, name: str, interval: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        """Run a coroutine function again and again; a failure is logged, the next turn comes.

        The first turn comes after one interval. A turn that is still running skips the next.
        """
        self._scheduler.add_job(
            work, "interval", seconds=interval.total_seconds(), id=name, name=name
        )

    def start(self) -> None:
        """Begin; within a running loop."""
        self._pumped_at = self._clock.monotonic()
        self._scheduler.start()
        self._watch()

    def stop(self) -> None:
        """End; deadlines that are left are forgotten."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def turn(self) -> None:
        """Hand on every key that is due by now."""
        now = self._pumped_at = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            deadline, key = heapq.heappop(self._heap)
            if self._deadlines.get(key) == deadline:
                del self._deadlines[key]
                self._due(key)

    async def _pump(self) -> None:
        # A coroutine: apscheduler would run a plain function in a thread.
        self.turn()

    def _watch(self) -> None:
        every = _LATE * self._pump_every.total_seconds()
        self._watchdog = asyncio.get_running_loop().call_later(every, self._watch)
        if self._clock.monotonic() - self._pumped_at >= every:
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=self._clock.now())
