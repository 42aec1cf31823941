"""Notices when the wall clock is set, by the clock that never jumps."""

from __future__ import annotations

from datetime import timedelta

from canaryd.ports import Clock

NONE = timedelta()


class Jumps:
    """By how much the wall clock was set since the last look, if by `least` or more."""

    def __init__(self, clock: Clock, *, least: timedelta) -> None:
        self._clock = clock
        self._least = least
        self._ahead = self._wall_ahead()
        self.seen = 0
        """How often it was set."""

    def look(self) -> timedelta:
        """How far it was set forward, negative: back; zero where it was not."""
        by = timedelta(seconds=self._wall_ahead() - self._ahead)
        if abs(by) < self._least:
            return NONE
        self._ahead = self._wall_ahead()
        self.seen += 1
        return by

    def _wall_ahead(self) -> float:
        """How far the wall clock is from the one that never jumps, in seconds."""
        return self._clock.now().timestamp() - self._clock.monotonic()
