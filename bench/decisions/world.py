"""Everything that stands between the sockets, joined as the daemon joins it, and a release."""

from __future__ import annotations

import asyncio
from asyncio import Future, TaskGroup
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from bench.decisions.server import HandClock, Server, Thing
from bench.scale.crowd import Member, members
from bench.scale.crowd import objects as made_of
from canaryd.adapters.history.writer import SqliteHistory
from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.events import Changed, Decoder
from canaryd.adapters.kube.kinds import Call, Catalogue
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.adapters.kube.writer import KubeWriter
from canaryd.adapters.meters import Meters
from canaryd.adapters.providers.events import EventsProvider
from canaryd.adapters.routers.istio import IstioRouter
from canaryd.adapters.timers.heap import HeapTimers
from canaryd.model.answered import Answered
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Question
from canaryd.model.snapshot import Problem, Sample
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import Phase
from canaryd.model.waits import Waits
from canaryd.ports import Metrics, Provider
from canaryd.runtime.collector import Collector
from canaryd.runtime.commit import Commit
from canaryd.runtime.counting import Counter
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.outbox import Outbox
from canaryd.runtime.owed import Owed
from canaryd.runtime.queue import Queue
from canaryd.runtime.reconcile import Reconcile
from canaryd.runtime.rises import Rises
from canaryd.runtime.store import Store
from canaryd.runtime.unusable import Unusable
from canaryd.wire import watch

INTERVAL = 10
STEP = 0.25
"""The played clock goes on by so many seconds."""
LONGEST = 600
"""A release that takes more seconds than this, on the played clock, has gone wrong."""
NUMBER = "deployment.kubernetes.io/revision"


class Answering:
    """The metrics server: good values, each group's answer when the driver lets it go."""

    def __init__(self) -> None:
        self.waiting: list[Future[None]] = []

    async def find(self, server: MetricsServer | None) -> Metrics:
        """It stands for all of them."""
        return cast("Metrics", self)

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        """Wait to be let go, then answer with what is good."""
        held = asyncio.get_running_loop().create_future()
        self.waiting.append(held)
        await held
        return {
            (q.key, q.metric): Sample(q.metric, Answered.VALUE, q.due, q.window, good(q.metric))
            for q in questions
        }


def good(metric: str) -> float:
    """A value within the bounds."""
    return 99.93171 if metric == SUCCESS_RATE else 48.27345


class Nobody:
    """No receivers but the Events."""

    async def find(self, provider: Key) -> Provider:
        """Nobody is asked for."""
        raise NotImplementedError(provider)


class World:
    """Everything that stands between the sockets, joined as the daemon joins it."""

    def __init__(self, count: int, folder: Path, tasks: TaskGroup) -> None:
        self.clock, self.server, self.answering = HandClock(), Server(), Answering()
        self.everyone = members(count)
        self.decisions = 0
        self.queue, meters = Queue(), Meters()
        self.store = store = Store(
            kinds=tuple(watch.OBJECTS), clock=self.clock, enqueue=self.queue.add
        )
        self.timers = HeapTimers(clock=self.clock, due=self.queue.add)
        writer = KubeWriter(
            cast("Api", self.server),
            Catalogue(),
            store,
            self.clock,
            turnstile=Turnstile(per_second=1e9),
        )
        router = IstioRouter(writer)
        self.collector = Collector(
            store=store, servers=self.answering, clock=self.clock, tasks=tasks
        )
        counter = Counter(store=store, servers=self.answering, clock=self.clock, tasks=tasks)
        outbox = Outbox(
            store=store,
            receivers=Nobody(),
            events=EventsProvider(writer),
            clock=self.clock,
            meter=meters,
            tasks=tasks,
        )
        self.history = SqliteHistory(folder, clock=self.clock, lost=meters.lost_history)
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
                outbox=outbox,
                clock=self.clock,
            ),
            unusable=Unusable(store=store, writer=writer, owed=owed, clock=self.clock),
            collector=self.collector,
            counter=counter,
            rises=Rises(enqueue=self.queue.add, later=self._later, clock=self.clock),
            timers=self.timers,
            clock=self.clock,
            meter=meters,
        )
        self._decoders = {kind: Decoder(kind) for kind in watch.OBJECTS}
        self._pushes = 0
        self._calls: list[tuple[float, Callable[[], None]]] = []

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._calls.append((self.clock.seconds + seconds, call))

    def make(self) -> None:
        """Everything there is before the first push, all pods ready."""
        with self.server.aside():
            for kind in watch.OBJECTS:
                self.store.replace(kind, [])
            for member in self.everyone:
                for kind, body in made_of(member, interval=f"{INTERVAL}s"):
                    self.server.put(kind, body)
                    if kind == watch.DEPLOYMENTS:
                        body["status"] = {"observedGeneration": 1}
                        body["metadata"]["annotations"] = {NUMBER: "1"}
                        self.replica_set(body, ready=1)
                        self.server.put(kind, body)

    def replica_set(self, deployment: Thing, *, ready: int) -> None:
        """The ReplicaSet of a Deployment's present template."""
        meta, number = deployment["metadata"], deployment["metadata"]["annotations"][NUMBER]
        template = deployment["spec"]["template"]
        revision = f"{number}{meta['name'][-2:]}"
        labels = {**template["metadata"]["labels"], "pod-template-hash": revision}
        owner = {"kind": "Deployment", "name": meta["name"], "uid": meta["uid"]}
        body = {
            "metadata": {
                "name": f"{meta['name']}-{revision}",
                "namespace": meta["namespace"],
                "labels": labels,
                "annotations": {NUMBER: number},
                "ownerReferences": [{**owner, "controller": True}],
            },
            "spec": {"template": {**template, "metadata": {"labels": labels}}},
            "status": {"replicas": 1, "readyReplicas": ready},
        }
        self.server.put(watch.REPLICASETS, body)

    async def release(self) -> None:
        """Push to every idle slot and let the clock run until all are promoted."""
        self._pushes += 1
        for turn in range(3):  # pushed, seen by the Deployment controller, ready
            with self.server.aside():
                for member in self.everyone:
                    self._roll(member, turn)
            await self.settle()
        end = self.clock.seconds + LONGEST
        while not self.done():
            if self.clock.seconds > end:
                raise RuntimeError("the release does not come to its end")
            self.clock.seconds += STEP
            for kind in watch.OBJECTS:
                self.store.heard(kind)
            due = [call for at, call in self._calls if at <= self.clock.seconds]
            self._calls = [each for each in self._calls if each[0] > self.clock.seconds]
            for call in due:
                call()
            self.timers.turn()
            self.collector.tick()
            await self.settle()

    def _roll(self, member: Member, turn: int) -> None:
        slot = "v2" if self._pushes % 2 else "v1"
        place = (watch.DEPLOYMENTS, member.namespace, member.workload(slot))
        body = self.server.objects[place]
        if turn == 0:
            image = f"registry.example/app:{self._pushes}-{slot}"
            template = {**body["spec"]["template"], "spec": {"containers": [{"name": "app"}]}}
            template["spec"]["containers"][0]["image"] = image
            body["spec"]["template"] = template
            body["metadata"]["generation"] += 1
        elif turn == 1:
            body["metadata"]["annotations"] = {NUMBER: str(body["metadata"]["generation"])}
            body["status"] = {"observedGeneration": body["metadata"]["generation"]}
            self.replica_set(body, ready=0)
        else:
            self.replica_set(body, ready=1)
            body["status"]["readyReplicas"] = 1
        self.server.put(watch.DEPLOYMENTS, body)

    def done(self) -> bool:
        """Whether every Canary is idle and its last push promoted."""
        slot = "v2" if self._pushes % 2 else "v1"
        return all(
            not isinstance(canary.status, Problem)
            and canary.status.phase is Phase.IDLE
            and (not self._pushes or canary.status.primary_slot == slot)
            for canary in self.store.canaries.values()
        )

    async def settle(self) -> None:
        """Decide what waits, take in what the watch says, until nothing is left."""
        quiet = 0
        while quiet < 3:
            quiet += 1
            if await self._turn():
                quiet = 0

    async def _turn(self) -> bool:
        for _ in range(3):
            await asyncio.sleep(0)
        lines, self.server.lines = self.server.lines, []
        for kind, line in lines:
            call = Call("watch", kind, "")
            event = self._decoders[kind].event(call, line)
            if isinstance(event, Changed):
                self.store.apply(kind, event.obj)
        waited = len(self.queue)
        for _ in range(waited):
            key = await self.queue.get()
            await self.reconcile(key)
            self.queue.forgive(key)
            self.queue.done(key)
            self.decisions += 1
        if lines or waited:
            return True
        if self.answering.waiting:
            self.answering.waiting.pop(0).set_result(None)
            return True
        return False
