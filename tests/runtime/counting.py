"""A counter with a store and a metrics server, and a clock moved by hand."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from math import inf

from canaryd.model.answered import Answered
from canaryd.model.decision import Count
from canaryd.model.gates import GRPC_GOOD, Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.question import Failed
from canaryd.model.tile import Tile
from canaryd.runtime.counting import Counter
from canaryd.runtime.store import Store
from tests.runtime.asking import a_snapshot
from tests.runtime.fakes import START, HandClock, Metrics, Servers, store

TEN = timedelta(seconds=10)
SCRAPE = timedelta(seconds=15)
AWAY = Failed(Answered.UNAVAILABLE, "it gave no answer: connection refused")
COUNT = Count(
    canary="podinfo-v2",
    primary="podinfo-v1",
    revision=Revision("r2"),
    every=TEN,
    since=START,
    edges=(),
    warm_up=timedelta(seconds=30),
    reporter=Reporter.DESTINATION,
    background=False,
    served_since=START - timedelta(days=1),
    grpc_good=GRPC_GOOD,
)


class World:
    """A store, a metrics server and a counter, with a clock moved by hand."""

    def __init__(self, tasks: TaskGroup, metrics: Metrics, servers: Servers | None = None) -> None:
        self.clock, self.metrics = HandClock(), metrics
        self.queued: list[Key] = []
        self.wakes: list[float] = []
        self.known: Store = store(self.clock, self.queued)
        self.tasks, self.servers = tasks, servers or Servers(metrics)
        self.counter = self.anew()

    def anew(self) -> Counter:
        """Lead anew: what the store knows from watches stays, the counter starts from nothing."""
        self.counter = Counter(
            store=self.known,
            servers=self.servers,
            clock=self.clock,
            tasks=self.tasks,
            wake=self.wake,
        )
        return self.counter

    def want(self, count: Count | None = COUNT, name: str = "podinfo") -> None:
        self.counter.want(a_snapshot(self.known, name), count)

    def wake(self, at: datetime) -> None:
        """Note when to call the counter, on the clock that never jumps, as alarms do."""
        wait = (at - self.clock.now()).total_seconds()
        self.wakes.append(self.clock.monotonic() + wait)

    async def until(self, seconds: float) -> None:
        """Let the time pass, second by second; answers arrive between two of them.

        The counter is called only when it has asked for it.
        """
        while self.clock.seconds < seconds:
            self.clock.seconds += 1
            if min(self.wakes, default=inf) <= self.clock.monotonic():
                self.wakes.clear()
                await self.tick()

    async def tick(self) -> None:
        self.counter.tick()
        for _ in range(50):
            await asyncio.sleep(0)

    def tiles(self, name: str = "podinfo") -> tuple[Tile, ...]:
        return self.known.counting(Key("demo", name)).tiles

    def starts(self, name: str = "podinfo") -> list[float]:
        return [(tile.start - START).total_seconds() for tile in self.tiles(name)]


@asynccontextmanager
async def a_world(metrics: Metrics | None = None) -> AsyncIterator[World]:
    async with TaskGroup() as tasks:
        yield World(tasks, metrics or Metrics())


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)
