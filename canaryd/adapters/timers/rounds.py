"""What is done every few seconds, minutes or hours, whatever happens: apscheduler's jobs.

apscheduler counts on the wall clock, so a watchdog on the loop's own clock wakes its jobs when that
was set back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from canaryd.ports import Clock

_SET_BACK = 1.0
"""A wall clock that lost so many seconds was set back."""


class Rounds:
    """Runs coroutine functions again and again."""

    def __init__(self, *, clock: Clock, look: timedelta = timedelta(seconds=30)) -> None:
        self._clock = clock
        self._look = look.total_seconds()
        self._ahead = self._wall_ahead()
        self._watchdog: asyncio.TimerHandle | None = None
        # One line per job and turn is no use to anybody; failures are.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def every(self, name: str, interval: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        """Run a coroutine function again and again; a failure is logged, the next turn comes.

        The first turn comes after one interval. A turn that is still running skips the next.
        """
        self._scheduler.add_job(
            work, "interval", seconds=interval.total_seconds(), id=name, name=name
        )

    def start(self) -> None:
        """Begin; within a running loop."""
        self._ahead = self._wall_ahead()
        self._scheduler.start()
        self._watch()

    def stop(self) -> None:
        """End; what is running is not waited for."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _wall_ahead(self) -> float:
        """How many seconds the wall clock is ahead of the one that never jumps."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _watch(self) -> None:
        self._watchdog = asyncio.get_running_loop().call_later(self._look, self._watch)
        before, self._ahead = self._ahead, self._wall_ahead()
        if before - self._ahead >= _SET_BACK:
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=self._clock.now())
