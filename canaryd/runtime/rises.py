"""Weights rise together: a batch each half second, so that the mesh is pushed to in peace.

istiod gathers changes until it has been quiet for 100 ms, at most 10 s; changes that trickle in
all the time keep it from pushing at all. Falls do not come here: they never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from canaryd.model.names import Key
from canaryd.ports import Clock

MOST = 50
"""So many rise together."""
EVERY = 0.5
"""Seconds from one batch to the next; with a whole one, steps of 10 s would last 11."""
JOINING = 0.25
"""Seconds in which others join the first of a batch."""
QUIET = 0.2
"""Seconds without a rise after each batch, whatever waits: twice what istiod listens for."""

PATIENCE = 1.0
"""Seconds after which a batch waits no longer for the one before it: one that hangs is alone."""


class Rises:
    """Who may rise now; the others are queued again when their turn has come, in order.

    While no more than a batch waits, batches begin `EVERY` apart; else each begins as soon as
    the one before it has ended and been followed by `QUIET`.
    """

    def __init__(
        self,
        *,
        enqueue: Callable[[Key], None],
        later: Callable[[float, Callable[[], None]], object],
        clock: Clock,
    ) -> None:
        self._enqueue = enqueue
        self._later = later
        self._clock = clock
        self._waiting: dict[Key, None] = {}
        self._called: set[Key] = set()
        """Whose turn has come and who has not yet been decided again."""
        self._opened = self._ended = float("-inf")
        self._joined = 0
        self._batch = 0
        self._under_way = 0
        """So many writes of the batch; those of earlier ones are not waited for any more."""
        self._writing = 0
        """So many writes of all batches: never more than `MOST`, also while a 429 holds them up."""
        self._rings_at = float("inf")

    def may(self, key: Key) -> bool:
        """Whether it may rise now; if not, it is queued again when it may."""
        now = self._clock.monotonic()
        if key in self._called:
            self._called.discard(key)
            return True
        if key not in self._waiting:
            if now < self._opened + JOINING and max(self._joined, self._writing) < MOST:
                self._joined += 1
                return True
            if not self._waiting and self._next() <= now:
                self._open(now, 1)
                return True
            self._waiting[key] = None
        self._arm(now)
        return False

    def drop(self, key: Key) -> None:
        """It is not to rise any more."""
        self._waiting.pop(key, None)
        self._called.discard(key)

    def unsent(self, key: Key) -> None:
        """Its rise had its turn and was not sent: it need not wait for another one."""
        self._called.add(key)

    @contextmanager
    def under_way(self) -> Generator[None]:
        """Enclose the write of a rise: the quiet begins when the last one is done."""
        batch = self._batch
        self._under_way += 1
        self._writing += 1
        try:
            yield
        finally:
            self._under_way -= batch == self._batch
            self._writing -= 1
            self._ended = self._clock.monotonic()
            if self._waiting:
                self._arm(self._ended)

    def _open(self, now: float, size: int) -> None:
        self._batch += 1
        self._opened, self._joined, self._under_way = now, size, 0

    def _next(self) -> float:
        """When the next batch may begin; never while too many writes are under way."""
        if self._writing > MOST // 2:  # not at each place that gets free: that would trickle
            return float("inf")
        if self._under_way:
            return max(self._opened + PATIENCE, self._ended + QUIET)
        pause = EVERY if len(self._waiting) <= MOST else QUIET
        return max(self._opened + pause, self._ended + QUIET)

    def _arm(self, now: float) -> None:
        at = self._next()
        if at < self._rings_at:
            self._rings_at = at
            self._later(max(0.0, at - now), self._ring)

    def _ring(self) -> None:
        now = self._clock.monotonic()
        if now >= self._rings_at:
            self._rings_at = float("inf")
        if not self._waiting:
            return
        if self._next() > now:
            self._arm(now)
            return
        batch = list(self._waiting)[: MOST - self._writing]
        self._open(now, len(batch))
        for key in batch:
            del self._waiting[key]
            self._called.add(key)
            self._enqueue(key)
        if self._waiting:
            self._arm(now)
