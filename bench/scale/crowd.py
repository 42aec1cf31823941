"""The crowd: N Canaries over two slots each, made and pushed through the API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.world.api import path_of
from tests.world.cluster import Cluster

PER_NAMESPACE = 50
"""As many Canaries share a namespace; decisions look at a namespace's Services and rules."""
HANDS = 8
"""So many requests of the driver are under way at a time."""
SLOTS = ("v1", "v2")
SOURCES = "registry.example/app:"

Thing = dict[str, Any]


class Way(StrEnum):
    """How the Canaries of a crowd are judged."""

    THRESHOLDS = "thresholds"
    """Two threshold metrics, each once an interval."""
    EVIDENCE = "evidence"
    """No metrics: errors and latency against the primary, from tiles."""


@dataclass(frozen=True, slots=True)
class Member:
    """One Canary of the crowd; its name is unique in the world."""

    namespace: str
    name: str

    def workload(self, slot: str) -> str:
        """The slot's Deployment."""
        return f"{self.name}-{slot}"

    @property
    def path(self) -> str:
        """As its requests are told apart: "namespace/name"."""
        return f"{self.namespace}/{self.name}"


def members(count: int, *, per_namespace: int = PER_NAMESPACE) -> list[Member]:
    """The crowd's members, in order."""
    return [Member(f"crowd-{i // per_namespace}", f"app{i:05d}") for i in range(count)]


def analysis(interval: str, way: Way) -> Thing:
    """The release that Flagger's figures are of: 10 to 50 by 10, two metrics, threshold 5."""
    steps: Thing = {"interval": interval, "stepWeight": 10, "maxWeight": 50}
    if way is Way.EVIDENCE:
        return steps
    metrics = [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": interval},
        {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": interval},
    ]
    return {**steps, "threshold": 5, "metrics": metrics}


def objects(
    member: Member, *, interval: str, spare: int = 1, way: Way = Way.THRESHOLDS
) -> list[tuple[str, Thing]]:
    """What a member is made of, each with the plural of its kind; v1 serves, v2 has spare pods."""
    host = f"{member.name}.{member.namespace}.svc.cluster.local"
    meta = {"name": member.name, "namespace": member.namespace}
    subsets = [{"name": slot, "labels": {"version": slot}} for slot in SLOTS]
    route = [
        {"destination": {"host": host, "subset": slot}, "weight": weight}
        for slot, weight in zip(SLOTS, (100, 0), strict=True)
    ]
    references = [
        {
            "name": slot,
            "subset": slot,
            "targetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": member.workload(slot),
            },
        }
        for slot in SLOTS
    ]
    service = {"selector": {"app": member.name}, "ports": [{"name": "http", "port": 80}]}
    split = {"hosts": [host], "http": [{"route": route}]}
    spec = {
        "slots": references,
        "virtualService": {"name": member.name},
        "analysis": analysis(interval, way),
    }
    return [
        *(
            ("deployments", deployment(member, slot, pods))
            for slot, pods in zip(SLOTS, (1, spare), strict=True)
        ),
        ("services", {"metadata": meta, "spec": service}),
        (
            "destinationrules",
            thing("networking.istio.io/v1", "DestinationRule", meta, host=host, subsets=subsets),
        ),
        ("virtualservices", thing("networking.istio.io/v1", "VirtualService", meta, **split)),
        ("canaries", thing("canaryd.io/v1beta1", "Canary", meta, **spec)),
    ]


def thing(version: str, kind: str, metadata: Thing, **spec: Any) -> Thing:  # noqa: ANN401
    """A custom resource."""
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def deployment(member: Member, slot: str, pods: int) -> Thing:
    """One slot."""
    labels = {"app": member.name, "version": slot}
    container = {"name": "app", "image": f"{SOURCES}0-{slot}", "ports": [{"containerPort": 80}]}
    return {
        "metadata": {"name": member.workload(slot), "namespace": member.namespace},
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


class Crowd:
    """N Canaries in a cluster."""

    def __init__(
        self,
        cluster: Cluster,
        everyone: Sequence[Member],
        *,
        interval: str,
        spare: int,
        way: Way,
        patience: float,
        say: Callable[[str], None],
    ) -> None:
        self._spare = spare
        self.way = way
        self.everyone = list(everyone)
        self._cluster = cluster
        self._interval = interval
        self._patience = patience
        self._say = say
        self._pushes = 0

    @property
    def namespaces(self) -> list[str]:
        """All of them, in order."""
        return list(dict.fromkeys(member.namespace for member in self.everyone))

    def create(self) -> None:
        """Make everything, and wait until every pod is ready."""
        api, cluster = self._cluster.api, self._cluster
        for name in self.namespaces:
            api.post(path_of("namespaces"), {"metadata": {"name": name}})
        for name in self.namespaces:
            account = path_of("serviceaccounts", name, "default")
            cluster.wait_for(lambda path=account: api.exists(path), f"the account of {name}")  # type: ignore[misc]

        self._all(self.make, "made")
        whole = (1 + self._spare) * len(self.everyone)

        def ready() -> bool:
            now = 0
            for name in self.namespaces:
                for one in api.list(path_of("deployments", name)):
                    now += int(one.get("status", {}).get("readyReplicas", 0))
            self._say(f"{now} of {whole} pods are ready")
            return now == whole

        cluster.wait_for(ready, f"{whole} pods to be ready", self._patience, pause=2)

    def make(self, member: Member) -> None:
        """Make one Canary and all that belongs to it."""
        made = objects(member, interval=self._interval, spare=self._spare, way=self.way)
        for plural, body in made:
            self._cluster.api.post(path_of(plural, member.namespace), body)

    def unmake(self, member: Member) -> None:
        """Delete them, the Canary first."""
        for plural, body in reversed(objects(member, interval=self._interval, way=self.way)):
            path = path_of(plural, member.namespace, body["metadata"]["name"])
            self._cluster.api.delete(path, propagationPolicy="Background")

    def delete(self) -> None:
        """Delete the Canaries, then their namespaces; returns before all is gone."""
        api = self._cluster.api
        for name in self.namespaces:
            for plural in ("canaries", "virtualservices", "services"):
                for one in api.list(path_of(plural, name)):
                    api.delete(path_of(plural, name, one["metadata"]["name"]))
            api.delete(path_of("namespaces", "", name))

    def push(self, idle: dict[Member, str]) -> dict[Member, float]:
        """Give the idle slot of each a new image; returns when the API server had each."""
        self._pushes += 1
        pushed: dict[Member, float] = {}

        def one(member: Member) -> None:
            pushed[member] = self.push_one(member, idle[member], self._pushes)

        self._all(one, "pushed", idle)
        return pushed

    def push_one(self, member: Member, slot: str, number: int) -> float:
        """Give one slot the image with this number; returns when the API server had it."""
        containers = [{"name": "app", "image": f"{SOURCES}{number}-{slot}"}]
        path = path_of("deployments", member.namespace, member.workload(slot))
        spec = {"replicas": 1, "template": {"spec": {"containers": containers}}}
        self._cluster.api.patch(path, {"spec": spec}, "strategic")
        return time.monotonic()

    def alert(self, address: str) -> None:
        """Have each Canary tell a webhook of everything."""
        provider = {"type": "webhook", "address": address}
        for name in self.namespaces:
            meta = {"name": "ops", "namespace": name}
            body = thing("canaryd.io/v1beta1", "AlertProvider", meta, **provider)
            self._cluster.api.post(path_of("alertproviders", name), body)
        alerts = [{"name": "ops", "severity": "info", "providerRef": {"name": "ops"}}]

        def one(member: Member) -> None:
            path = path_of("canaries", member.namespace, member.name)
            self._cluster.api.patch(path, {"spec": {"analysis": {"alerts": alerts}}})

        self._all(one, "told to alert")

    def _all(
        self, work: Callable[[Member], None], what: str, some: Iterable[Member] | None = None
    ) -> None:
        chosen = list(some) if some is not None else self.everyone
        with ThreadPoolExecutor(HANDS) as hands:
            for done, _ in enumerate(hands.map(work, chosen), 1):
                if done % 100 == 0:
                    self._say(f"{done} of {len(chosen)} {what}")
