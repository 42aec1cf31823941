"""Implements `ports.History`: a bounded queue and the one thread that owns the database.

A full queue, a full disk and a damaged file cost rows, which are counted and said; they never
cost the caller anything.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import structlog

from canaryd.adapters.history.file import HistoryFile
from canaryd.adapters.history.rows import Write, rows
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.status import Status
from canaryd.ports import Clock

_log = structlog.stdlib.get_logger("canaryd.history")

FILE_NAME = "history.db"
_MOST_ROWS = 5_000
_SAY_AGAIN = 60.0
"""Seconds between two log lines about the same trouble."""


@dataclass(frozen=True, slots=True)
class _Prune:
    """Begin to remove what is too old or too much."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """Wake the thread up: it ends when nothing is queued any more."""


_Item: TypeAlias = "tuple[Write, ...] | Future[None] | _Prune | _Stop"


class SqliteHistory:
    """Writes rollouts, steps, notices and decisive samples to `<directory>/history.db`."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        lost: Callable[[int], None],
        keep: timedelta = timedelta(days=90),
        max_bytes: int = 256 << 20,
        pause: timedelta = timedelta(milliseconds=200),
        capacity: int = 10_000,
    ) -> None:
        self.path = directory / FILE_NAME
        self._clock = clock
        self._lost = lost
        self._keep = keep
        self._max_bytes = max_bytes
        self._pause = pause.total_seconds()
        self._queue: queue.Queue[_Item] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._closing = threading.Event()
        self._pruning = False
        self._file: HistoryFile | None = None
        self._said_at: float | None = None

    def start(self) -> None:
        """Open the file and write from now on, in a thread."""
        self._thread.start()

    def record(self, key: Key, before: Status, after: Status, notices: Sequence[Notice]) -> None:
        """Queue what is worth keeping; returns at once and never raises."""
        made = tuple(rows(key, before, after, notices, self._clock.now()))
        if not made:
            return
        try:
            self._queue.put_nowait(made)
        except queue.Full:
            self._lose(len(made), "the queue is full")

    async def prune(self) -> None:
        """Begin to remove what is too old or too much, 1,000 rows at a time, between writes."""
        self._ask(_Prune())

    def flush(self) -> Future[None]:
        """Return what is done when everything recorded so far is on disk, or lost."""
        done: Future[None] = Future()
        self._queue.put(done)
        return done

    def close(self, timeout: timedelta = timedelta(seconds=5)) -> None:
        """Write what is queued and close the file; blocks, call it in a thread."""
        self._closing.set()
        self._ask(_Stop())
        if self._thread.is_alive():
            self._thread.join(timeout.total_seconds())

    def _ask(self, item: _Item) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            _log.debug("history is busy", asked=type(item).__name__)

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            self._turn(self._gather())
        if self._file is not None:
            self._file.close()

    def _turn(self, items: Sequence[_Item]) -> None:
        batch = [row for item in items if isinstance(item, tuple) for row in item]
        self._pruning = self._pruning or any(isinstance(item, _Prune) for item in items)
        if batch:
            self._guarded(lambda file: file.write(batch), len(batch))
        if self._pruning:
            self._guarded(self._prune_some, 0)
        for item in items:
            if isinstance(item, Future) and item.set_running_or_notify_cancel():
                item.set_result(None)

    def _gather(self) -> list[_Item]:
        """Wait for something to do, then a little longer for more of it."""
        items: list[_Item] = []
        try:
            items.append(self._queue.get(timeout=self._pause if self._pruning else None))
        except queue.Empty:
            return items
        end = self._clock.monotonic() + self._pause
        while len(items) < _MOST_ROWS and not isinstance(items[-1], Future):
            left = end - self._clock.monotonic()
            wait = left > 0 and not self._closing.is_set()
            try:
                items.append(self._queue.get(wait, left if wait else None))
            except queue.Empty:
                break
        return items

    def _guarded(self, work: Callable[[HistoryFile], None], count: int) -> None:
        """Work on the file; what goes wrong is said, and costs `count` rows."""
        try:
            if self._file is None:
                self._file = HistoryFile(self.path)
            work(self._file)
        except (sqlite3.Error, OSError) as error:
            self._pruning = False
            self._lose(count, str(error))
            if self._file is not None and not self._file.usable:
                self._file = None
        except Exception:  # noqa: BLE001 - this thread must not end while canaryd lives
            self._pruning = False
            self._lose(count, "a fault of canaryd's own")
            _log.exception("history failed in canaryd itself")

    def _prune_some(self, file: HistoryFile) -> None:
        older_than = self._clock.now() - self._keep
        self._pruning = file.prune(older_than=older_than, max_bytes=self._max_bytes) > 0

    def _lose(self, count: int, why: str) -> None:
        if count:
            self._lost(count)
        now = self._clock.monotonic()
        if self._said_at is None or now - self._said_at >= _SAY_AGAIN:
            self._said_at = now
            _log.error("history rows are lost", rows=count, error=why, file=str(self.path))
