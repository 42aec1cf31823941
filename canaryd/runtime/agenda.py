"""Deadlines by Canary: at most one for each, taken out when they are due."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta

from canaryd.model.names import Key

_SLACK = 64
"""So many replaced deadlines may lie in the heap before it is made anew."""


def by_hand(at: datetime) -> None:
    """Wake nobody then: whoever made this calls it when it is due."""


class Agenda:
    """A heap whose entries count only while they are what was last set."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, Key]] = []
        self._at: dict[Key, datetime] = {}

    def set(self, key: Key, at: datetime | None) -> None:
        """Replace the Canary's deadline; None removes it."""
        if self._at.get(key) == at:
            return
        if at is None:
            del self._at[key]
            return
        self._at[key] = at
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._at) + _SLACK:
            self._heap = [(due, name) for name, due in self._at.items()]
            heapq.heapify(self._heap)

    def shift(self, by: timedelta) -> None:
        """Move all deadlines, as the clock was moved by so much."""
        self._at = {key: at + by for key, at in self._at.items()}
        self._heap = [(at, key) for key, at in self._at.items()]
        heapq.heapify(self._heap)

    def first(self) -> datetime | None:
        """The earliest deadline; None when there is none."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> bool:
        """Whether `take` would give something."""
        first = self.first()
        return first is not None and first <= now

    def take(self, now: datetime) -> Key | None:
        """Take out the one that has been due for longest."""
        if not self.due(now):
            return None
        _, key = heapq.heappop(self._heap)
        del self._at[key]
        return key
