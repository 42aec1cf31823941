"""A task for each key that waits; the one place where errors become retries."""

from __future__ import annotations

from asyncio import Semaphore, TaskGroup, sleep
from collections.abc import Awaitable, Callable
from time import perf_counter

import structlog

from canaryd.model.errors import CanarydError, ConflictError, TerminalError, ThrottledError
from canaryd.model.names import Key
from canaryd.ports import Clock, Meter, Timers
from canaryd.runtime.queue import Queue
from canaryd.runtime.store import Store

log = structlog.get_logger()
AT_ONCE = 2_000
"""So many decisions are carried out at a time: nearly all of that is waiting for answers."""


class Controller:
    """Runs `reconcile` for every key that waits."""

    def __init__(
        self,
        *,
        queue: Queue,
        store: Store,
        reconcile: Callable[[Key], Awaitable[bool | None]],
        timers: Timers,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._queue = queue
        self._store = store
        self._reconcile = reconcile
        self._timers = timers
        self._clock = clock
        self._meter = meter

    async def run(self) -> None:
        """Work until cancelled."""
        self._store.enqueue_all()
        free = Semaphore(AT_ONCE)
        async with TaskGroup() as tasks:
            while True:
                key = await self._queue.get()
                await free.acquire()
                tasks.create_task(self._work(key)).add_done_callback(lambda _: free.release())
                await sleep(0)  # it decides now; then answers and watches have their turn

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
            if await self._reconcile(key):
                self._queue.settle(key)
        except ConflictError:
            self._later(key)  # sooner when the object that was re-read is news: that enqueues
            return "conflict"
        except ThrottledError as error:
            self._timers.set(key, self._clock.now() + error.retry_after)
            return "transient"
        except CanarydError as error:
            log.warning("not done, tried again", canary=str(key), error=str(error))
            self._later(key)
            return "terminal" if isinstance(error, TerminalError) else "transient"
        except Exception:
            log.exception("decision failed", canary=str(key))
            self._later(key)
            return "bug"
        self._queue.forgive(key)
        return "ok"

    def _later(self, key: Key) -> None:
        self._timers.set(key, self._clock.now() + self._queue.delay(key))
