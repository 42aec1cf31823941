"""How long users' queries took the last time: swift ones go first, and one that is too slow rests.

Whoever writes a query that a server cannot answer in time must not keep others from being asked.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from canaryd.ports import Clock

REST = 60.0
"""Seconds that a query rests that took too long; twice as many each time in a row."""
LONGEST_REST = 480.0
SWIFT = 0.2
"""A query that takes less than this part of what is usual is as good as any other."""
MOST = 2048
"""So many queries are remembered per server, those that were asked last."""


@dataclass(slots=True)
class _Known:
    took: float
    answered_at: float = -math.inf
    slow: int = 0
    """How often in a row it took too long."""
    until: float = -math.inf
    words: str = ""


class Pace:
    """What is known of one server's queries; called from many threads."""

    def __init__(self, *, clock: Clock, usual: float) -> None:
        """A query that is not known is taken for one of `usual` seconds."""
        self._clock = clock
        self._usual = usual
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def expected(self, query: str) -> float:
        """Seconds that it will take, as far as can be known; all swift ones take none."""
        with self._lock:
            known = self._known.get(_key(query))
            took = self._usual if known is None else known.took
            return 0.0 if took < SWIFT * self._usual else took

    def is_slow(self, query: str) -> bool:
        """Whether it took too long the last time."""
        with self._lock:
            known = self._known.get(_key(query))
            return known is not None and known.slow > 0

    def resting(self, query: str) -> str:
        """Say why it is not asked now; empty: it may be."""
        with self._lock:
            known = self._known.get(_key(query))
            if known is None or self._clock.monotonic() >= known.until:
                return ""
            return known.words

    def answered(self, query: str, seconds: float) -> None:
        """Note that there was an answer, whatever it said."""
        with self._lock:
            self._keep(query, _Known(seconds, answered_at=self._clock.monotonic()))

    def gave_up(self, query: str, seconds: float, *, began: float, rests: bool) -> None:
        """Note that it took too long; `rests`: it is the query's fault, as the server is there.

        It was not, when the same query was answered to somebody else since it `began`.
        """
        with self._lock:
            known = self._known.get(_key(query)) or _Known(seconds)
            now = self._clock.monotonic()
            if known.answered_at > began:
                return
            known.took, known.slow = seconds, known.slow + 1
            if rests:
                rest = min(REST * 2 ** (known.slow - 1), LONGEST_REST)
                known.until = now + rest
                known.words = (
                    f"not asked again yet: it took longer than {math.floor(seconds * 10) / 10:g} s"
                    f" the last time, at {self._clock.now():%H:%M:%S} UTC; a query that is too slow"
                    f" rests for {rest:g} s"
                )
            self._keep(query, known)

    def _keep(self, query: str, known: _Known) -> None:
        key = _key(query)
        self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)


def _key(query: str) -> bytes:
    """What stands for a query, which may be long."""
    return blake2b(query.encode(errors="surrogatepass"), digest_size=16).digest()
