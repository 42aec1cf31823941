"""What the driver sees by its own watches: weights in VirtualServices, and Canaries' statuses.

Where the stand-in counts requests it is told at once of weights and of pods that are ready.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.scale.crowd import SLOTS, Member
from bench.scale.telling import Telling
from tests.world.api import path_of
from tests.world.cluster import Cluster
from tests.world.plan import API, TOKEN

PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Move:
    """The route's weights by slot, and when the driver saw them, on the monotonic clock."""

    at: float
    weights: tuple[int, ...]

    def of(self, slot: str) -> int:
        """The slot's weight."""
        return self.weights[SLOTS.index(slot)]


@dataclass(slots=True)
class Seen:
    """One Canary as its status says, and since when it is in its phase."""

    phase: str = ""
    primary: str = ""
    notices: int = 0
    """How many were ever told."""
    changes: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """Its phases, each with the time of its beginning on the monotonic clock."""

    @property
    def idle_slot(self) -> str:
        """The slot that does not serve."""
        return next(slot for slot in SLOTS if slot != self.primary)

    def ended(self, since: float) -> float | None:
        """When the rollout ended that began since then; None while there is none or it goes on."""
        phases = [(at, phase) for at, phase in list(self.changes) if at >= since]
        if len(phases) > 1 and phases[-1][1] == "Idle":
            return phases[-1][0]
        return None


class Watching:
    """Watches in threads of their own; `telling`: one more, on ReplicaSets."""

    def __init__(
        self, cluster: Cluster, crowd: Iterable[Member], telling: Telling | None = None
    ) -> None:
        self._crowd = set(crowd)
        self._telling = telling
        self.moves: defaultdict[Member, list[Move]] = defaultdict(list)
        self.canaries: defaultdict[Member, Seen] = defaultdict(Seen)
        self._cluster = cluster
        self._tls = ssl.create_default_context(cafile=str(cluster.ca_file))
        self._ended = threading.Event()
        watches = {"virtualservices": self._move, "canaries": self._canary}
        if telling is not None:
            watches["replicasets"] = self._replicas
        for plural, take in watches.items():
            threading.Thread(target=self._follow, args=(plural, take), daemon=True).start()

    def close(self) -> None:
        """End, with the next event."""
        self._ended.set()

    def add(self, member: Member) -> None:
        """One more belongs to the crowd."""
        self._crowd.add(member)

    def forget(self, member: Member) -> None:
        """One belongs to it no longer, and what was seen of it is dropped."""
        self._crowd.discard(member)
        self.moves.pop(member, None)
        self.canaries.pop(member, None)

    def moved(self, member: Member, since: float) -> list[Move]:
        """The changes of a route's weights since then."""
        return [move for move in list(self.moves[member]) if move.at >= since]

    def phases(self, crowd: Iterable[Member]) -> dict[str, int]:
        """How many Canaries are in each phase."""
        found: defaultdict[str, int] = defaultdict(int)
        for member in crowd:
            found[self.canaries[member].phase or "-"] += 1
        return dict(found)

    def _follow(self, plural: str, take: Callable[[Member, dict[str, Any]], None]) -> None:
        version = ""
        while not self._ended.is_set():
            try:
                version = self._watch(plural, take, version or self._list(plural, take))
            except (OSError, http.client.HTTPException, ValueError):
                version = ""
                time.sleep(PAUSE)

    def _list(self, plural: str, take: Callable[[Member, dict[str, Any]], None]) -> str:
        found = self._cluster.api.get(path_of(plural))
        for one in found["items"]:
            if (member := member_of(one)) in self._crowd:
                take(member, one)
        version: str = found["metadata"]["resourceVersion"]
        return version

    def _watch(
        self, plural: str, take: Callable[[Member, dict[str, Any]], None], version: str
    ) -> str:
        connection = http.client.HTTPSConnection(
            urlsplit(API).netloc, timeout=600, context=self._tls
        )
        query = f"watch=1&timeoutSeconds=500&resourceVersion={version}"
        headers = {"Authorization": f"Bearer {TOKEN}", "User-Agent": "bench-driver"}
        try:
            connection.request("GET", f"{path_of(plural)}?{query}", headers=headers)
            for line in connection.getresponse():
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    return ""
                thing = event["object"]
                version = thing["metadata"]["resourceVersion"]
                if self._ended.is_set():
                    break
                if event["type"] != "DELETED" and (member := member_of(thing)) in self._crowd:
                    take(member, thing)
        finally:
            connection.close()
        return version

    def _move(self, member: Member, thing: dict[str, Any]) -> None:
        route = thing["spec"]["http"][0]["route"]
        weights = tuple(entry.get("weight", 0) for entry in route[: len(SLOTS)])
        known = self.moves[member]
        if not known or known[-1].weights != weights:
            known.append(Move(time.monotonic(), weights))
            if self._telling is not None:
                of_slots = zip(SLOTS, weights, strict=True)
                self._telling.shares({member.workload(slot): w / 100 for slot, w in of_slots})

    def _replicas(self, member: Member, thing: dict[str, Any]) -> None:
        if self._telling is not None:
            meta, status = thing["metadata"], thing.get("status", {})
            workload = member.workload(meta["labels"]["version"])
            ready = status.get("readyReplicas", 0) > 0
            self._telling.pod(member.namespace, workload, f"{meta['name']}-00001", here=ready)

    def _canary(self, member: Member, thing: dict[str, Any]) -> None:
        status, seen = thing.get("status", {}), self.canaries[member]
        seen.primary = status.get("primarySlot", "")  # first: who sees the phase knows the slot
        if status.get("phase", "") != seen.phase:
            seen.phase = status["phase"]
            seen.changes.append((time.monotonic(), seen.phase))
        seen.notices = max(seen.notices, *(one["seq"] for one in status.get("notices", [])), 0)


def member_of(thing: dict[str, Any]) -> Member:
    """The Canary that an object belongs to, by its label or its name."""
    meta = thing["metadata"]
    return Member(meta["namespace"], meta.get("labels", {}).get("app", meta["name"]))
