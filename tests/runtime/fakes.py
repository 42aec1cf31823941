"""Fakes through the ports, and objects as watches deliver them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from canaryd.model.answered import Answered
from canaryd.model.errors import CanarydError, NotFoundError
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.past import Column, Past, by_series
from canaryd.model.question import Failed, PastQuestion, Question, ServerTime, TileQuestion
from canaryd.model.snapshot import Sample
from canaryd.model.status import Phase, Status
from canaryd.model.tile import Row, Tile
from canaryd.ports import Provider
from canaryd.runtime.store import Store
from canaryd.wire import watch, workload
from canaryd.wire.status import render_status
from canaryd.wire.workload import Deployment, ReplicaSet
from tests.wire.objects import CANARY

KEY = Key("demo", "podinfo")
START = datetime(2030, 1, 1, tzinfo=UTC)


class HandClock:
    """Moves only by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._back = 0.0

    def set_back(self, seconds: float) -> None:
        """The wall clock jumps, as an administrator's hand makes it."""
        self._back += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - self._back)

    def monotonic(self) -> float:
        return self.seconds


class Meter:
    """Remembers what became of notices."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, bool]] = []
        self.shown: set[str] = set()

    def reconciled(self, seconds: float, outcome: str) -> None: ...
    def queued(self, depth: int) -> None: ...
    def decided(self, phase: Phase) -> None: ...
    def canary(self, key: Key, status: Status) -> None: ...
    def forget(self, key: Key) -> None: ...

    def receiver(self, provider: str) -> None:
        self.shown.add(provider)

    def notified(self, provider: str, *, delivered: bool) -> None:
        self.notices.append((provider, delivered))

    def keep_receivers(self, named: Collection[str]) -> None:
        self.notices = [each for each in self.notices if each[0] in named]


class Receiver:
    """Takes notices; fails as often as it was told to."""

    def __init__(self, *errors: CanarydError) -> None:
        self.got: list[int] = []
        self._errors = list(errors)

    async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
        await asyncio.sleep(0)
        if self._errors:
            raise self._errors.pop(0)
        self.got.append(notice.seq)

    async def find(self, provider: Key) -> Provider:
        return self


class Metrics:
    """Answers every question at once and remembers what it was asked, and how grouped.

    While `trouble` is set it fails; while `gate` is cleared, answers stay away.
    """

    def __init__(
        self,
        answered: Answered = Answered.VALUE,
        *,
        skew: timedelta = timedelta(),
        scrape: timedelta | None = timedelta(seconds=15),
    ) -> None:
        self.asked: list[list[Question]] = []
        self.answered = answered
        self.skew = skew
        self.scrape = scrape
        self.trouble: Failed | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.timed: list[TileQuestion] = []
        self.tiled: list[list[TileQuestion]] = []
        self.looked_back: list[PastQuestion] = []
        self.columns: tuple[Column, ...] = ()
        self.under_way = 0
        self.most_under_way = 0

    @property
    def requests(self) -> int:
        return len(self.asked) + len(self.timed) + len(self.tiled) + len(self.looked_back)

    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> Mapping[Key, Tile | Failed]:
        self.tiled.append(list(questions))
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        await self.gate.wait()
        self.under_way -= 1
        trouble = self.trouble
        return {q.key: trouble or a_tile(q, time) for q in questions}

    async def past(self, question: PastQuestion) -> Past | Failed:
        self.looked_back.append(question)
        await self.gate.wait()
        return self.trouble or by_series(self.columns)

    async def time(self, sample: TileQuestion) -> ServerTime | Failed:
        self.timed.append(sample)
        await self.gate.wait()
        return self.trouble or ServerTime(self.skew, self.scrape)

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        self.asked.append(list(questions))
        return {
            (q.key, q.metric): Sample(q.metric, self.answered, q.due, q.window, 1.0)
            for q in questions
        }


def a_tile(question: TileQuestion, time: ServerTime) -> Tile:
    """A tile that tells which question it answers."""
    row = Row(question.canary, question.revision, 1, code="200")
    start, scrape = question.end - question.window, time.scrape or timedelta()
    return Tile(start, question.end, scrape, rows=(row,), skew=time.skew)


class Servers:
    """Every metrics server that a Canary may name; one that is not known has no Secret."""

    def __init__(
        self, daemon: Metrics | None = None, others: Mapping[MetricsServer, Metrics] | None = None
    ) -> None:
        self.known: dict[MetricsServer | None, Metrics] = {}
        for server, metrics in (others or {}).items():
            self.known[server] = metrics
        if daemon is not None:
            self.known[None] = daemon

    async def find(self, server: MetricsServer | None) -> Metrics:
        if server not in self.known:
            raise NotFoundError("Secret demo/login does not exist; create it")
        return self.known[server]


def store(clock: HandClock, queued: list[Key] | None = None) -> Store:
    """An empty store that notes what it enqueues."""
    noted = queued if queued is not None else []
    return Store(kinds=tuple(watch.OBJECTS), clock=clock, enqueue=noted.append)


def meta(name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": KEY.namespace,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": 1,
        **more,
    }


def canary(
    status: Status | None = None, version: int = 1, name: str = "podinfo", **more: Any
) -> watch.CanaryObject:
    body = {
        "metadata": meta(name, version, **more),
        "spec": CANARY,
        "status": render_status(status) if status is not None else {},
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=watch.CanaryObject)


def template(image: str, slot: str = "v2", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "podinfo", "version": slot, **labels}},
        "spec": {"containers": [{"name": "podinfo", "image": image}]},
    }


def deployment_body(
    slot: str, image: str, *, version: int = 1, generation: int = 1, observed: int = 1
) -> dict[str, Any]:
    note = {"deployment.kubernetes.io/revision": str(observed)}
    return {
        "metadata": meta(f"podinfo-{slot}", version, annotations=note, generation=generation),
        "spec": {"replicas": 1, "template": template(image, slot)},
        "status": {"observedGeneration": observed},
    }


def deployment(
    slot: str, image: str, *, version: int = 1, generation: int = 1, observed: int = 1
) -> Deployment:
    body = deployment_body(slot, image, version=version, generation=generation, observed=observed)
    raw = msgspec.json.encode(body)
    return workload.deployment(msgspec.json.decode(raw, type=watch.DeploymentObject))


def replica_set_body(
    slot: str, image: str, *, revision: str, number: int = 1, ready: int = 1, version: int = 1
) -> dict[str, Any]:
    owner = {"kind": "Deployment", "name": f"podinfo-{slot}", "uid": f"uid-podinfo-{slot}"}
    return {
        "metadata": meta(
            f"podinfo-{slot}-{revision}",
            version,
            labels={"pod-template-hash": revision},
            annotations={"deployment.kubernetes.io/revision": str(number)},
            ownerReferences=[owner],
        ),
        "spec": {"template": template(image, slot, **{"pod-template-hash": revision})},
        "status": {"readyReplicas": ready},
    }


def replica_set(
    slot: str, image: str, *, revision: str, number: int = 1, ready: int = 1, version: int = 1
) -> ReplicaSet:
    body = replica_set_body(
        slot, image, revision=revision, number=number, ready=ready, version=version
    )
    raw = msgspec.json.encode(body)
    return workload.replica_set(msgspec.json.decode(raw, type=watch.ReplicaSetObject))


class Silent:
    """Nobody is told, and no timer rings."""

    def delivered(self, key: Key) -> Mapping[str, int]:
        return {}

    def overdue(self, key: Key) -> bool:
        return False

    def offer(self, key: Key) -> None: ...
    def forget(self, key: Key) -> None: ...
    def set(self, key: Key, at: datetime | None) -> None: ...
