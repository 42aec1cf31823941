"""Implements `ports.Timers`: one heap of deadlines, and one alarm for the earliest of them.

It never acts; it only hands keys on.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from canaryd.adapters.timers.alarm import Alarm
from canaryd.model.names import Key
from canaryd.ports import Clock

_SLACK = 64
"""So many removed deadlines may lie in the heap before it is made anew."""


class HeapTimers:
    """One deadline per key, on the monotonic clock; those within a `grain` come together."""

    def __init__(
        self,
        *,
        clock: Clock,
        due: Callable[[Key], None],
        grain: timedelta = timedelta(milliseconds=100),
    ) -> None:
        self._clock = clock
        self._due = due
        self._heap: list[tuple[float, Key]] = []
        self._deadlines: dict[Key, float] = {}
        self._alarm = Alarm(clock=clock, grain=grain)

    def set(self, key: Key, at: datetime | None) -> None:
        """Replace the key's deadline; None removes it."""
        if at is None:
            self._deadlines.pop(key, None)
        else:
            wait = (at - self._clock.now()).total_seconds()
            deadline = self._clock.monotonic() + wait
            self._deadlines[key] = deadline
            heapq.heappush(self._heap, (deadline, key))
            self._alarm.by(deadline)
        if len(self._heap) > 2 * len(self._deadlines) + _SLACK:
            self._heap = [(deadline, key) for key, deadline in self._deadlines.items()]
            heapq.heapify(self._heap)

    def start(self) -> None:
        """Begin; within a running loop."""
        self._alarm.start(self.turn)

    def stop(self) -> None:
        """End; deadlines that are left are forgotten."""
        self._alarm.stop()

    def turn(self) -> None:
        """Hand on every key that is due by now."""
        now = self._clock.monotonic()
        try:
            while self._heap and self._heap[0][0] <= now:
                deadline, key = heapq.heappop(self._heap)
                if self._deadlines.get(key) == deadline:
                    del self._deadlines[key]
                    self._due(key)
        finally:
            self._arm()

    def _arm(self) -> None:
        while self._heap and self._deadlines.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # replaced or removed meanwhile
        if self._heap:
            self._alarm.by(self._heap[0][0])
