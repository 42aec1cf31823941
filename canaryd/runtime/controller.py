"""A task for each key that waits; the one place where errors become retries."""

from __future__ import annotations

from asyncio import Task, TaskGroup, sleep, wait
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from typing import assert_never

import structlog

from canaryd.model.errors import (
    CanarydError,
    ConflictError,
    OvertakenError,
    TerminalError,
    ThrottledError,
)
from canaryd.model.names import Key
from canaryd.ports import Clock, Meter, Timers
from canaryd.runtime.carried import Carried
from canaryd.runtime.queue import Queue
from canaryd.runtime.store import Store

log = structlog.get_logger()
LONGEST_PAUSE = timedelta(seconds=30)
"""No answer keeps a Canary from being tried again for longer than this."""
FINISHING = timedelta(seconds=1.5)
"""So long may writes take that were begun when the daemon is told to end; the lease is kept."""


class Controller:
    """Runs `reconcile` for every key that waits."""

    def __init__(
        self,
        *,
        queue: Queue,
        store: Store,
        reconcile: Callable[[Key], Awaitable[Carried]],
        timers: Timers,
        clock: Clock,
        meter: Meter,
        ending: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._store = store
        self._reconcile = reconcile
        self._timers = timers
        self._clock = clock
        self._meter = meter
        self._ending = ending

    async def run(self) -> None:
        """Work until cancelled; when the daemon is told to end, what was begun is finished.

        That has to be soon. Whoever has lost the lease stops at once.

        There are as many tasks as Canaries at most: a bound would have falls wait for statuses.
        """
        self._store.enqueue_all()
        begun = set[Task[None]]()
        async with TaskGroup() as tasks:
            try:
                while True:
                    key = await self._queue.get()
                    task = tasks.create_task(self._work(key))
                    begun.add(task)
                    task.add_done_callback(begun.discard)
                    await sleep(0)  # it decides now; then answers and watches have their turn
            finally:
                # Whoever leads next would undo a fall whose verdict is not written.
                if begun and self._ending():
                    await wait(begun, timeout=FINISHING.total_seconds())

    async def _work(self, key: Key) -> None:
        started = perf_counter()
        outcome = "cancelled"
        try:
            outcome = await self._one(key)
        finally:
            self._queue.done(key)
            self._meter.reconciled(perf_counter() - started, outcome)
            self._meter.queued(len(self._queue))

    async def _one(self, key: Key) -> str:
        try:
            carried = await self._reconcile(key)
        except OvertakenError:
            return "overtaken"  # what overtook the write has queued the key already
        except ConflictError:
            self._later(key)  # sooner when the object that was re-read is news: that enqueues
            return "conflict"
        except ThrottledError as error:
            pause = min(error.retry_after, LONGEST_PAUSE)
            self._timers.set(key, self._clock.now() + pause)
            return "transient"
        except CanarydError as error:
            log.warning("not done, tried again", canary=str(key), error=str(error))
            self._later(key)
            return "terminal" if isinstance(error, TerminalError) else "transient"
        except Exception:
            log.exception("decision failed", canary=str(key))
            self._later(key)
            return "bug"
        return self._carried(key, carried)

    def _carried(self, key: Key, carried: Carried) -> str:
        match carried:
            case Carried.NOT_YET:
                return "waits"  # nothing was tried, so no failure is forgiven
            case Carried.STANDS:
                self._queue.settle(key)
            case Carried.OUT:
                pass
            case _:
                assert_never(carried)
        self._queue.forgive(key)
        return "ok"

    def _later(self, key: Key) -> None:
        self._timers.set(key, self._clock.now() + self._queue.delay(key))
