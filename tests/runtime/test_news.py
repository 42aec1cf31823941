"""What changes for a decision wakes its Canary, whatever it was; that is checked by looking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from canaryd.adapters.routers.istio import IstioRouter
from canaryd.model.names import FIELD_MANAGER, Key
from canaryd.model.packed import NOTHING
from canaryd.model.snapshot import Problem, Routing, Snapshot
from canaryd.model.waits import Waits
from canaryd.ports import Writer
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.owed import Owed
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.workload import kept
from tests.runtime.fakes import KEY, HandClock, canary, store, template
from tests.runtime.release import beginning, plain
from tests.runtime.server import Thing, merged

Change = tuple[str, str, Mapping[str, Any] | None]
"""Kind, name and the parts that change; None: it is deleted."""
NUMBER = "deployment.kubernetes.io/revision"
OWNER = {"manager": FIELD_MANAGER, "fieldsV1": {"f:spec": {"f:http": {}}}}
ARGOCD = {**OWNER, "manager": "argocd"}


def route(weight: int) -> Thing:
    slots = (("v1", 100 - weight), ("v2", weight))
    return {
        "route": [
            {"destination": {"host": "podinfo", "subset": slot}, "weight": share}
            for slot, share in slots
        ]
    }


def of_deployment(name: str) -> list[Change]:
    parts: list[Mapping[str, Any] | None] = [
        None,
        {"metadata": {"generation": 2}},
        {"metadata": {"annotations": {NUMBER: "2"}}},
        {"metadata": {"labels": {"team": "a"}}},
        {"spec": {"replicas": 3}},
        {"spec": {"paused": True}},
        {"spec": {"template": template("podinfo:9")}},
        {"spec": {"template": template("podinfo:1", "v9")}},
        {"status": {"observedGeneration": 2}},
        {"status": {"readyReplicas": 7}},
    ]
    return [(watch.DEPLOYMENTS, name, each) for each in parts]


def of_replica_set(name: str) -> list[Change]:
    parts: list[Mapping[str, Any] | None] = [
        None,
        {"metadata": {"annotations": {NUMBER: "2"}}},
        {"metadata": {"labels": {"pod-template-hash": "other"}}},
        {"metadata": {"ownerReferences": []}},
        {"spec": {"template": template("podinfo:9")}},
        {"status": {"readyReplicas": 0}},
        {"status": {"readyReplicas": 2}},
        {"status": {"replicas": 5}},
    ]
    return [(watch.REPLICASETS, name, each) for each in parts]


def of_route() -> list[Change]:
    parts: list[Mapping[str, Any] | None] = [
        None,
        {"spec": {"http": [route(0)]}},
        {"spec": {"http": [route(30)]}},
        {"spec": {"http": [route(30)]}, "metadata": {"managedFields": [ARGOCD]}},
        {"spec": {"gateways": ["public"]}},
        {"metadata": {"annotations": {"seen": "by istiod"}}},
    ]
    rules: list[Mapping[str, Any] | None] = [
        None,
        {"spec": {"subsets": [{"name": "v1", "labels": {"version": "v1"}}]}},
        {"spec": {"host": "other"}},
        {"metadata": {"annotations": {"seen": "by istiod"}}},
    ]
    return [
        *((watch.VIRTUALSERVICES, "podinfo", each) for each in parts),
        *((watch.DESTINATIONRULES, "podinfo", each) for each in rules),
    ]


def of_canaries() -> list[Change]:
    twin = {**plain(canary(name="twin")), "metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}
    parts: list[Mapping[str, Any] | None] = [
        None,
        {"spec": {"suspend": True}, "metadata": {"generation": 2}},
        {"spec": {"slots": []}, "metadata": {"generation": 3}},
        {"status": {"phase": "Idle", "primarySlot": "v1", "idleSlot": "v2"}},
        {"status": {"phase": "Dancing"}},
        {"metadata": {"annotations": {"seen": "by argocd"}}},
    ]
    return [
        *((watch.CANARIES, "podinfo", each) for each in parts),
        (watch.CANARIES, "twin", twin),
        (watch.CANARIES, "twin", None),
    ]


CHANGES = [
    *of_deployment("podinfo-v1"),
    *of_deployment("podinfo-v2"),
    *of_replica_set("podinfo-v1-v1a"),
    *of_replica_set("podinfo-v2-v2a"),
    *of_route(),
    *of_canaries(),
]


class World:
    """A store, the objects that it was told of, and what a decision would see."""

    def __init__(self) -> None:
        self.queued: list[Key] = []
        self.known: Store = store(HandClock(), self.queued)
        self.objects: dict[tuple[str, str], Thing] = {}
        self.gather = Gatherer(
            store=self.known,
            router=IstioRouter(cast("Writer", None)),
            owed=Owed(),
            waits=Waits(),
        )
        self.version = 0
        self.first = {(kind, body["metadata"]["name"]): body for kind, body in beginning({})}
        for (kind, name), body in self.first.items():
            self.put(kind, name, body)

    def put(self, kind: str, name: str, body: Thing) -> None:
        self.version += 1
        fresh = {"name": name, "namespace": "demo", "resourceVersion": str(self.version)}
        if (kind, name) not in self.objects:
            fresh["uid"] = body["metadata"].get("uid", name) + f"-{self.version}"
            if kind == watch.DEPLOYMENTS:
                fresh["uid"] = f"uid-{name}"
        self.objects[kind, name] = merged(body, {"metadata": fresh})
        raw = msgspec.json.encode(self.objects[kind, name])
        self.known.apply(kind, kept(msgspec.json.decode(raw, type=watch.OBJECTS[kind])))

    def happen(self, change: Change) -> None:
        kind, name, parts = change
        if parts is None:
            self.objects.pop((kind, name), None)
            self.known.remove(kind, "demo", name)
        else:
            known = self.objects.get((kind, name)) or self.first.get((kind, name)) or {}
            self.put(kind, name, merged(known or {"metadata": {}}, parts))

    def seen(self) -> Snapshot | Problem | None:
        """What a decision reads: no versions."""
        found = self.gather(KEY)
        if not isinstance(found, Snapshot):
            return found
        routing = found.routing
        if isinstance(routing, Routing):
            routing = replace(routing, resource_version="")
        return replace(found, resource_version="", written=NOTHING, routing=routing)


@given(some.lists(some.sampled_from(CHANGES), max_size=12))
def test_a_canary_of_which_something_changed_that_matters_is_decided_again(
    changes: list[Change],
) -> None:
    world = World()
    for change in changes:
        before = world.seen()
        world.queued.clear()
        world.happen(change)
        assert same(before, world.seen()) or KEY in world.queued, change


def same(before: Snapshot | Problem | None, after: Snapshot | Problem | None) -> bool:
    """Whether nothing changed but who wrote the weights that are there."""
    if not isinstance(before, Snapshot) or not isinstance(after, Snapshot):
        return before == after
    if before.routing is None or after.routing is None:
        return before == after
    return replace(before, routing=replace(before.routing, writer=None)) == replace(
        after, routing=replace(after.routing, writer=None)
    )
