"""A release in memory: the real loop, store, writer and router; the API server is a dictionary.

Keys are decided only when the store, a timer or the rises put them into the queue, as in the
daemon: a wake-up that is lost shows as a release that stands still.
"""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.kinds import Catalogue
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.adapters.kube.writer import KubeWriter
from canaryd.adapters.routers.istio import IstioRouter
from canaryd.model.answered import Answered
from canaryd.model.errors import ConflictError, ForbiddenError, OvertakenError, UnreachableError
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import Status
from canaryd.model.waits import Waits
from canaryd.ports import Metrics
from canaryd.runtime.carried import Carried
from canaryd.runtime.collector import Collector
from canaryd.runtime.commit import Commit
from canaryd.runtime.counting import Counter
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.owed import Owed
from canaryd.runtime.queue import Queue
from canaryd.runtime.reconcile import Reconcile
from canaryd.runtime.rises import Rises
from canaryd.runtime.store import Store
from canaryd.runtime.unusable import Unusable
from canaryd.wire import watch
from tests.runtime.fakes import (
    KEY,
    START,
    HandClock,
    Meter,
    Silent,
    canary,
    deployment_body,
    replica_set_body,
)
from tests.runtime.server import Server, Thing
from tests.wire.objects import CANARY

STEP = 0.1
"""The clock's step, in seconds."""


class Prometheus:
    """Answers a metric when nothing keeps it from it, with a good value or the one that is set."""

    def __init__(self) -> None:
        self.values = {SUCCESS_RATE: 99.9, "request-duration": 48.0}
        self.answered: dict[str, Answered] = {}
        self.open: dict[str, asyncio.Event] = {}
        self.asked: list[Question] = []

    async def find(self, server: MetricsServer | None) -> Metrics:
        return cast("Metrics", self)

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        self.asked += questions
        for question in questions:
            if question.metric in self.open:
                await self.open[question.metric].wait()
        return {(q.key, q.metric): self.sample(q) for q in questions}

    def sample(self, q: Question) -> Sample:
        answered = self.answered.get(q.metric, Answered.VALUE)
        value = self.values[q.metric] if answered is Answered.VALUE else None
        return Sample(q.metric, answered, q.due, q.window, value, "" if value else "no data")


class History:
    """Remembers every status that was written, and its notices."""

    def __init__(self) -> None:
        self.written: list[tuple[Status, tuple[str, ...]]] = []

    def record(self, key: Key, before: Status, after: Status, notices: Sequence[Notice]) -> None:
        self.written.append((after, tuple(notice.reason for notice in notices)))


class Bells:
    """Timers of keys, and of the rises."""

    def __init__(self, clock: HandClock, due: Callable[[Key], None]) -> None:
        self._clock = clock
        self._due = due
        self._at: dict[Key, datetime] = {}
        self._later: list[tuple[float, Callable[[], None]]] = []

    def set(self, key: Key, at: datetime | None) -> None:
        self._at.pop(key, None)
        if at is not None:
            self._at[key] = at

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self._later.append((self._clock.seconds + seconds, work))

    def ring(self) -> None:
        for key in [key for key, at in self._at.items() if at <= self._clock.now()]:
            del self._at[key]
            self._due(key)
        due = [work for at, work in self._later if at <= self._clock.seconds]
        self._later = [one for one in self._later if one[0] > self._clock.seconds]
        for work in due:
            work()


class Play:
    """One Canary, 10 to 50 by 10 every 10 s, two threshold metrics; v1 serves, all is ready."""

    def __init__(
        self, tasks: TaskGroup, *, turnstile: Turnstile | None = None, **analysis: Any
    ) -> None:
        self.clock, self.server, self.prometheus = HandClock(), Server(), Prometheus()
        self.history, self.queue, self.decisions = History(), Queue(), 0
        self.store = store = Store(
            kinds=tuple(watch.OBJECTS), clock=self.clock, enqueue=self.queue.add
        )
        self.bells = Bells(self.clock, self.queue.add)
        writer = KubeWriter(
            cast("Api", self.server), Catalogue(), store, self.clock, turnstile=turnstile
        )
        router = IstioRouter(writer)
        servers = self.prometheus
        self.collector = Collector(store=store, servers=servers, clock=self.clock, tasks=tasks)
        owed = Owed()
        self.reconcile = Reconcile(
            store=store,
            gather=Gatherer(store=store, router=router, owed=owed, waits=Waits()),
            router=router,
            commit=Commit(
                owed=owed,
                writer=writer,
                answers=writer,
                history=self.history,
                outbox=Silent(),
                clock=self.clock,
            ),
            unusable=Unusable(store=store, writer=writer, owed=owed, clock=self.clock),
            collector=self.collector,
            counter=Counter(store=store, servers=servers, clock=self.clock, tasks=tasks),
            rises=Rises(enqueue=self.queue.add, later=self.bells.later, clock=self.clock),
            timers=self.bells,
            clock=self.clock,
            meter=Meter(),
        )
        for kind in watch.OBJECTS:
            store.replace(kind, [])
        for kind, body in beginning(analysis):
            self.server.put(kind, body)

    # --- what happens outside ---

    async def push(self, image: str = "podinfo:2", revision: str = "v2b", *, env: str = "") -> None:
        """A release, with every event that a real one has until its pods are ready."""
        name, old = "podinfo-v2", "podinfo-v2-v2a"
        new = replica_set_body("v2", image, revision=revision, number=2, ready=0)
        template = deployment_body("v2", image)["spec"]["template"]
        for made in (template, new["spec"]["template"]):
            made["spec"]["containers"][0]["env"] = [{"name": "TEXT", "value": env}]
        number = {"deployment.kubernetes.io/revision": "2"}
        change = self.server.change
        for turn in (
            lambda: change(
                watch.DEPLOYMENTS, name, metadata={"generation": 2}, spec={"template": template}
            ),
            lambda: self.server.put(watch.REPLICASETS, new),
            lambda: change(
                watch.DEPLOYMENTS,
                name,
                metadata={"annotations": number},
                status={"observedGeneration": 2},
            ),
            lambda: change(watch.REPLICASETS, new["metadata"]["name"], status={"replicas": 1}),
            lambda: change(watch.DEPLOYMENTS, name, status={"updatedReplicas": 1}),
            lambda: change(watch.REPLICASETS, new["metadata"]["name"], status={"readyReplicas": 1}),
            lambda: change(watch.DEPLOYMENTS, name, status={"readyReplicas": 2}),
            lambda: change(watch.REPLICASETS, old, status={"readyReplicas": 0}),
            lambda: change(watch.DEPLOYMENTS, name, status={"readyReplicas": 1}),
        ):
            turn()
            await self.until(self.clock.seconds + 2 * STEP)

    # --- time ---

    async def until(self, seconds: float) -> None:
        """Let the time pass."""
        while self.clock.seconds < seconds:
            self.clock.seconds = round(self.clock.seconds + STEP, 3)
            for kind in watch.OBJECTS:
                self.store.heard(kind)
            self.bells.ring()
            self.collector.tick()
            await self.settle()

    async def settle(self) -> None:
        """Decide what waits, take in what the watch says, until nothing is left."""
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            self.see()
            if not len(self.queue):
                return
            await self.decide()

    def see(self) -> None:
        """The watch delivers."""
        lines, self.server.lines = self.server.lines, []
        for kind, obj in lines:
            self.store.apply(kind, obj)

    async def decide(self) -> None:
        key = await self.queue.get()
        self.decisions += 1
        try:
            if await self.reconcile(key) is Carried.STANDS:
                self.queue.settle(key)
        except OvertakenError:
            pass  # what overtook it has queued the key
        except (ConflictError, ForbiddenError, UnreachableError):
            self.bells.set(key, self.clock.now() + timedelta(seconds=0.2))
        self.queue.done(key)

    @property
    def entered(self) -> float:
        """Since when the step's weight is live, in seconds."""
        step = self.status.step
        assert step is not None
        assert step.live_since is not None
        return (step.live_since - START).total_seconds()

    @property
    def status(self) -> Status:
        found = self.store.canaries[KEY].status
        assert isinstance(found, Status)
        return found


def beginning(analysis: Mapping[str, Any]) -> list[tuple[str, Thing]]:
    """All objects before the push."""
    metrics = [
        {"name": SUCCESS_RATE, "thresholdRange": {"min": 99}, "interval": "10s"},
        {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "10s"},
    ]
    usual = {"interval": "10s", "threshold": 5, "metrics": metrics}
    walk = {} if "steps" in analysis else {"stepWeight": 10, "maxWeight": 50}
    destinations = [
        {"destination": {"host": "podinfo", "subset": slot}, "weight": weight}
        for slot, weight in (("v1", 100), ("v2", 0))
    ]
    meta = {"name": "podinfo", "namespace": "demo"}
    slots = ("v1", "v2")
    subsets = [{"name": slot, "labels": {"version": slot}} for slot in slots]
    wish = {**CANARY, "analysis": {**usual, **walk, **analysis}}
    return [
        (watch.CANARIES, {**plain(canary()), "spec": wish}),
        *((watch.DEPLOYMENTS, deployment_body(slot, "podinfo:1")) for slot in slots),
        *(
            (watch.REPLICASETS, replica_set_body(slot, "podinfo:1", revision=f"{slot}a"))
            for slot in slots
        ),
        (
            watch.DESTINATIONRULES,
            {"metadata": {**meta, "uid": "r"}, "spec": {"host": "podinfo", "subsets": subsets}},
        ),
        (
            watch.VIRTUALSERVICES,
            {
                "metadata": {**meta, "uid": "vs"},
                "spec": {"hosts": ["podinfo"], "http": [{"route": destinations}]},
            },
        ),
    ]


def plain(obj: object) -> Thing:
    """An object as JSON values."""
    found: Thing = msgspec.json.decode(msgspec.json.encode(obj))
    return found
