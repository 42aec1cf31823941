"""Calls something when it is next due; until then nothing runs. One timer of the event loop each.

On the clock that never jumps: a wall clock that is set only moves what is set from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf

import structlog

from canaryd.ports import Clock

log = structlog.get_logger(__name__)

AGAIN = 1.0
"""Seconds after which work that failed is called again."""
DRIFT = 0.005
"""The two clocks part by less in the time that is waited: what is called finds itself due."""


class Alarm:
    """Rings no later than it was told, and then no more until it is told anew.

    What is due within `grain` of the last ring waits for the end of that time: a thousand deadlines
    a second are ten rings, and a deadline after a quiet time rings at once.
    """

    def __init__(self, *, clock: Clock, grain: timedelta) -> None:
        self._ring: Callable[[], None] | None = None
        self._clock = clock
        self._grain = grain.total_seconds()
        self._deadline = inf
        self._rang = -inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None

    def start(self, ring: Callable[[], None]) -> None:
        """Ring from now on, also for what was told before; within a running loop."""
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._arm()

    def stop(self) -> None:
        """End; it does not ring any more."""
        self._ring = self._loop = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def at(self, when: datetime) -> None:
        """Ring no later than then, on the wall clock as it stands now."""
        wait = (when - self._clock.now()).total_seconds()
        self.by(self._clock.monotonic() + wait + DRIFT)

    def by(self, deadline: float) -> None:
        """Ring no later than then, on the monotonic clock; a later one than is set is nothing."""
        if deadline >= self._deadline:
            return
        held_back = self._deadline <= self._rang + self._grain
        self._deadline = deadline
        if not held_back:
            self._arm()

    def _arm(self) -> None:
        if self._loop is None or self._deadline == inf:
            return
        if self._handle is not None:
            self._handle.cancel()
        at = max(self._deadline, self._rang + self._grain)
        self._handle = self._loop.call_later(max(0.0, at - self._clock.monotonic()), self._due)

    def _due(self) -> None:
        self._handle = None
        now = self._clock.monotonic()
        if self._ring is None or now < self._deadline:
            self._arm()  # a loop's timers may be early by their resolution
            return
        self._deadline, self._rang = inf, now
        try:
            self._ring()
        except Exception:
            log.exception("timed work failed")
            self.by(now + AGAIN)
