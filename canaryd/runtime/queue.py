"""Keys that wait to be decided: each once, one worker a key at a time, failures later and later."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from datetime import timedelta

from canaryd.model.names import Key

FIRST_DELAY = timedelta(milliseconds=200)
LONGEST_DELAY = timedelta(seconds=60)


def _nobody(_: Key) -> None:
    """Nothing of the key waits."""


class Queue:
    """A set of keys in order of arrival."""

    def __init__(self) -> None:
        self.overtake: Callable[[Key], None] = _nobody
        """Told of each key with news while it is being decided."""
        self._waiting: deque[Key] = deque()
        self._dirty: set[Key] = set()
        self._busy: set[Key] = set()
        self._failures: Counter[Key] = Counter()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._dirty)

    def add(self, key: Key) -> None:
        """Have the key decided; one that waits already is not added twice."""
        if key in self._busy:
            self.overtake(key)
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._busy:
            self._waiting.append(key)
            self._arrived.set()

    async def get(self) -> Key:
        """Wait for a key; it is the caller's alone until `done`."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        key = self._waiting.popleft()
        self._dirty.discard(key)
        self._busy.add(key)
        return key

    def settle(self, key: Key) -> None:
        """What the key, which is being decided, was added for meanwhile has been seen."""
        self._dirty.discard(key)

    def done(self, key: Key) -> None:
        """Give the key back; one that was added meanwhile waits again."""
        self._busy.discard(key)
        if key in self._dirty:
            self._waiting.append(key)
            self._arrived.set()

    def forgive(self, key: Key) -> None:
        """The key was decided: its failures are forgotten."""
        self._failures.pop(key, None)

    def delay(self, key: Key) -> timedelta:
        """How long to wait before the key is tried again; doubles with each failure in a row."""
        self._failures[key] += 1
        doublings = min(self._failures[key] - 1, 16)
        wait = min(FIRST_DELAY * 2**doublings, LONGEST_DELAY)
        jittered: timedelta = wait * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        return jittered
