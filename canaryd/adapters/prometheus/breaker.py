"""Spares a server that does not answer: after some failures in a row, one try at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable


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
        self._shut_until = 0.0
        self.answers = 0
        """How many tries were answered; `note` is told how many there were before its try."""

    def admits(self) -> bool:
        """Tell whether to try; while open, True for one probe per rest."""
        with self._lock:
            if self._count < self._limit:
                return True
            now = self._monotonic()
            if now < self._shut_until:
                return False
            self._shut_until = now + self._rest
            return True

    def note(self, *, answered: bool, before: int) -> None:
        """Tell what became of a try; `before` it there were so many `answers`."""
        with self._lock:
            if answered:
                self.answers += 1
                self._count = 0
                return
            if self.answers != before:
                return
            self._count += 1
            if self._count >= self._limit:
                self._shut_until = self._monotonic() + self._rest
