"""Keeps the counts of all Canaries coming: tiles, one after the other, each once.

It never decides: what it is told goes into the store, and so does that it was told nothing.
"""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import Callable
from datetime import datetime

from canaryd.model.decision import Count
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.snapshot import Snapshot
from canaryd.ports import Clock, MetricsServers
from canaryd.runtime.agenda import by_hand
from canaryd.runtime.station import Station
from canaryd.runtime.store import Store


class Counter:
    """Sorts Canaries by metrics server; `tick` asks each server what is due there.

    It is to be called when `wake` said; each station says by itself when it is due next.
    """

    def __init__(
        self,
        *,
        store: Store,
        servers: MetricsServers,
        clock: Clock,
        tasks: TaskGroup,
        wake: Callable[[datetime], None] = by_hand,
    ) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock
        self._tasks = tasks
        self._wake = wake
        self._stations: dict[MetricsServer | None, Station] = {}
        self._homes: dict[Key, MetricsServer | None] = {}
        # What an earlier time of leading has counted answers questions that nobody knows any more.
        store.drop_countings()

    def want(self, snap: Snapshot, count: Count | None) -> None:
        """Keep asking for exactly this of this Canary."""
        key = snap.key
        if count is None or self._homes.get(key, count.server) != count.server:
            self.forget(key)
        if count is None:
            return
        station = self._stations.get(count.server)
        if station is None:
            station = self._stations[count.server] = Station(
                count.server,
                store=self._store,
                servers=self._servers,
                clock=self._clock,
                wake=self._wake,
            )
        self._homes[key] = count.server
        station.put(key, snap.uid, count)

    def forget(self, key: Key) -> None:
        """Ask for nothing more of this Canary."""
        if key not in self._homes:
            return
        server = self._homes.pop(key)
        self._stations[server].drop(key)
        if not self._stations[server]:
            del self._stations[server]

    def tick(self) -> None:
        """Ask what is due; waits for nothing."""
        for station in self._stations.values():
            station.start(self._tasks)
