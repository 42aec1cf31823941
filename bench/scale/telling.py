"""Tells the stand-in what an Envoy and a scrape would see: who gets which share, and which pods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

PAUSE = 0.2
PAST = 3 * 3600.0
"""Seconds that the first pods are said to have served already, so that there is an hour to see."""

Facts = dict[str, object]


class Telling:
    """Gathers what is seen and tells it five times a second; first pods come with a past."""

    def __init__(self, tell: Callable[[Mapping[str, object]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._shares: dict[str, float] = {}
        self._here: list[tuple[str, str, str, float]] = []
        self._gone: list[tuple[str, str]] = []
        self._known: set[tuple[str, str]] = set()
        self._past = PAST
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def shares(self, shares: Mapping[str, float]) -> None:
        """Workloads get these parts of their Canary's requests."""
        with self._lock:
            self._shares.update(shares)

    def pod(self, namespace: str, workload: str, name: str, *, here: bool) -> None:
        """A pod is ready, or is not."""
        with self._lock:
            known = (workload, name)
            if here and known not in self._known:
                self._known.add(known)
                self._here.append((namespace, workload, name, self._past))
            elif not here and known in self._known:
                self._known.discard(known)
                self._gone.append(known)

    @property
    def pods(self) -> int:
        """How many are known."""
        return len(self._known)

    def settle(self) -> None:
        """Wait until all is told; pods that come from now on are new."""
        while True:
            with self._lock:
                if not (self._shares or self._here or self._gone):
                    self._past = 0.0
                    return
            self._ended.wait(PAUSE)

    def close(self) -> None:
        """Tell no more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE):
            with self._lock:
                facts = {"shares": self._shares, "here": self._here, "gone": self._gone}
                if any(facts.values()):
                    with suppress(OSError):  # it is told again
                        self._tell(facts)
                        self._shares, self._here, self._gone = {}, [], []
