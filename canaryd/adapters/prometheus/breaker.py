"""Spares a server that does not answer: after some failures in a row, one try at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

LONGER = 3
"""So many rests a query that was too slow before waits to be the probe: others go first."""


@dataclass(slots=True, eq=False)
class Try:
    """One question under way; what becomes of it counts once."""

    before: int
    """How many tries had been answered when it began."""
    noted: bool = False


class Breaker:
    """Open after `failures` in a row for `rest` seconds, then lets one probe through.

    A failure while others were answered is that question's own: it is slow, and its server is
    there. Called from many threads.
    """

    def __init__(self, *, failures: int, rest: float, monotonic: Callable[[], float]) -> None:
        self._limit = failures
        self._rest = rest
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._count = 0
        self._answers = 0
        self._shut_until = 0.0

    def begin(self, *, slow: bool = False) -> Try | None:
        """Begin a try; None: the server is spared. While open, one probe per rest."""
        with self._lock:
            if self._count >= self._limit:
                now = self._monotonic()
                if now < self._shut_until + (LONGER * self._rest if slow else 0.0):
                    return None
                self._shut_until = now + self._rest
            return Try(self._answers)

    def note(self, tried: Try, *, answered: bool) -> None:
        """Tell what became of a try; only the first word about it counts."""
        with self._lock:
            if tried.noted:
                return
            tried.noted = True
            if answered:
                self._answers += 1
                self._count = 0
            elif self._answers == tried.before:
                self._count += 1
                if self._count >= self._limit:
                    self._shut_until = self._monotonic() + self._rest

    def others_answered(self, tried: Try) -> bool:
        """Whether the server answered another question since this one began."""
        with self._lock:
            return self._answers != tried.before
