"""Fakes through the ports, and objects as watches deliver them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from canaryd.model.errors import CanarydError
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Answered, Sample
from canaryd.model.status import Phase, Status
from canaryd.ports import Provider, Question
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.status import render_status
from tests.wire.bad_objects import CANARY

KEY = Key("demo", "podinfo")
START = datetime(2030, 1, 1, tzinfo=UTC)


class HandClock:
    """Moves only by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Meter:
    """Remembers what became of notices."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, bool]] = []

    def reconciled(self, seconds: float, outcome: str) -> None: ...
    def queued(self, depth: int) -> None: ...
    def decided(self, phase: Phase) -> None: ...
    def canary(self, key: Key, status: Status) -> None: ...
    def forget(self, key: Key) -> None: ...

    def notified(self, provider: str, *, delivered: bool) -> None:
        self.notices.append((provider, delivered))


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
    """Answers every question with 1 and remembers how they were grouped."""

    def __init__(self, answered: Answered = Answered.VALUE) -> None:
        self.asked: list[list[Question]] = []
        self.answered = answered

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        self.asked.append(list(questions))
        return {
            (q.key, q.metric): Sample(q.metric, self.answered, q.due, q.window, 1.0)
            for q in questions
        }


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


def deployment(
    slot: str, image: str, *, version: int = 1, generation: int = 1, observed: int = 1
) -> watch.DeploymentObject:
    note = {"deployment.kubernetes.io/revision": str(observed)}
    body = {
        "metadata": meta(f"podinfo-{slot}", version, annotations=note, generation=generation),
        "spec": {"replicas": 1, "template": template(image, slot)},
        "status": {"observedGeneration": observed},
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=watch.DeploymentObject)


def replica_set(
    slot: str, image: str, *, revision: str, number: int = 1, ready: int = 1, version: int = 1
) -> watch.ReplicaSetObject:
    owner = {"kind": "Deployment", "name": f"podinfo-{slot}", "uid": f"uid-podinfo-{slot}"}
    body = {
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
    return msgspec.json.decode(msgspec.json.encode(body), type=watch.ReplicaSetObject)
