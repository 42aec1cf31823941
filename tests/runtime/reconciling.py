"""The whole loop on fakes: an API server, a router, a history, and a Canary that is released."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
from typing_extensions import override

from canaryd.model.decision import Answer
from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Problem, Routing
from canaryd.model.spec import Slot, Spec
from canaryd.model.status import Status
from canaryd.model.urgency import Urgency
from canaryd.model.waits import Waits
from canaryd.ports import Objects
from canaryd.runtime.collector import Collector
from canaryd.runtime.commit import Commit
from canaryd.runtime.counting import Counter
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.owed import Owed
from canaryd.runtime.reconcile import Reconcile
from canaryd.runtime.rises import Rises
from canaryd.runtime.store import Store
from canaryd.runtime.unusable import Unusable
from canaryd.wire import watch
from tests.runtime.fakes import (
    KEY,
    HandClock,
    Meter,
    Metrics,
    Servers,
    Silent,
    canary,
    deployment,
    replica_set,
    store,
)
from tests.wire.objects import CANARY


class StatusWriter:
    """Counts status patches."""

    def __init__(self) -> None:
        self.patches: list[Mapping[str, Any]] = []

    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        self.patches.append(patch())

    async def json_patch(
        self,
        kind: str,
        key: Key,
        operations: Any,
        *,
        urgency: Urgency = Urgency.RISE,
        of: Key | None = None,
    ) -> None: ...
    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> None: ...
    async def delete(self, kind: str, namespace: str, name: str) -> None: ...


class Api(StatusWriter):
    """Merges status patches into the store, as the API server would."""

    def __init__(self, known: Store) -> None:
        super().__init__()
        self._known = known

    @override
    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        self.patches.append(patch())
        obj = self._known.get(kind, *key)
        assert obj is not None
        status = self._known.canaries[key].written.text()
        merged = merge(msgspec.json.decode(status), patch())
        meta = msgspec.structs.replace(
            obj.metadata, resource_version=str(int(resource_version) + 1)
        )
        raw = msgspec.Raw(msgspec.json.encode(merged))
        self._known.apply(kind, msgspec.structs.replace(obj, metadata=meta, status=raw))

    async def answer(self, key: Key, answer: Answer) -> None: ...


def merge(before: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    after = {**before}
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, Mapping):
            after[name] = merge(after.get(name) or {}, value)
        else:
            after[name] = value
    return after


class Router:
    """One route, in memory."""

    kinds: Sequence[str] = ()

    def __init__(self, clock: HandClock | None = None) -> None:
        self.canary = 0
        self.clock, self.takes = clock, 0.0

    def read(
        self, objects: Objects, key: Key, spec: Spec, labels: Mapping[SlotName, Any]
    ) -> Routing | Problem:
        weights = {SlotName("v1"): 100 - self.canary, SlotName("v2"): self.canary}
        return Routing(weights, 100, "1")

    def forget(self, key: Key) -> None: ...

    async def set_weight(
        self,
        objects: Objects,
        key: Key,
        spec: Spec,
        slot: Slot,
        weight: Weight,
        *,
        labels: Mapping[SlotName, Mapping[str, str]],
        urgency: Urgency = Urgency.RISE,
    ) -> None:
        if self.clock is not None:
            self.clock.seconds += self.takes
        self.canary = weight if slot.name == "v2" else 100 - weight


class History:
    def record(
        self, key: Key, before: Status, after: Status, notices: Sequence[Notice]
    ) -> None: ...


class AtOnce(ThreadPoolExecutor):
    """Does the work that goes to a thread at once: no test waits for a busy machine."""

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class World:
    """A Canary with evidence gates, both slots ready, v1 serving."""

    def __init__(self, tasks: TaskGroup) -> None:
        asyncio.get_running_loop().set_default_executor(AtOnce(1))
        self.clock, self.metrics = HandClock(), Metrics()
        self.router = Router(self.clock)
        self.queued: list[Key] = []
        self.rung: list[tuple[float, Callable[[], None]]] = []
        self.rises = Rises(enqueue=self.queued.append, later=self.later, clock=self.clock)
        self.known = known = store(self.clock, self.queued)
        self.api = api = Api(known)
        servers, silent = Servers(self.metrics), Silent()
        self.counter = Counter(store=known, servers=servers, clock=self.clock, tasks=tasks)
        self.collector = Collector(store=known, servers=servers, clock=self.clock, tasks=tasks)
        owed = Owed()
        self.reconcile = Reconcile(
            store=known,
            gather=Gatherer(store=known, router=self.router, owed=owed, waits=Waits()),
            router=self.router,
            commit=Commit(
                owed=owed,
                writer=api,
                answers=api,
                history=History(),
                outbox=silent,
                clock=self.clock,
            ),
            unusable=Unusable(store=known, writer=api, owed=owed, clock=self.clock),
            collector=self.collector,
            counter=self.counter,
            rises=self.rises,
            timers=silent,
            clock=self.clock,
            meter=Meter(),
        )
        spec = {
            **CANARY,
            "analysis": {
                "interval": "1m",
                "metrics": [{"name": "errors", "compare": {}}],
                "evaluateEvery": "10s",
            },
        }
        obj = canary()
        obj.spec = msgspec.Raw(msgspec.json.encode(spec))
        known.apply(watch.CANARIES, obj)
        for slot in ("v1", "v2"):
            self.deploy(slot, "podinfo:1", f"{slot}a")

    def deploy(self, slot: str, image: str, revision: str, version: int = 1) -> None:
        self.known.apply(
            watch.DEPLOYMENTS,
            deployment(slot, image, version=version, generation=version, observed=version),
        )
        self.known.apply(
            watch.REPLICASETS,
            replica_set(slot, image, revision=revision, number=version, version=version),
        )

    async def until(self, seconds: float) -> None:
        while self.clock.seconds < seconds:
            self.clock.seconds += 1
            self.known.enqueue_all()
            await self.settle()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self.rung.append((self.clock.seconds + seconds, work))

    def ring(self) -> None:
        due = [work for at, work in self.rung if at <= self.clock.seconds]
        self.rung = [one for one in self.rung if one[0] > self.clock.seconds]
        for work in due:
            work()

    async def settle(self) -> None:
        for _ in range(5):
            self.ring()
            self.counter.tick()
            self.collector.tick()
            for _ in range(20):
                await asyncio.sleep(0)
            queued = set(self.queued)
            self.queued.clear()
            for key in queued:
                await self.reconcile(key)

    def status(self) -> Status:
        found = self.known.canaries[KEY].status
        assert isinstance(found, Status)
        return found
