"""Which Canaries an object concerns, kept beside the store: an event costs a look-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Set

import msgspec

from canaryd.model.names import Key
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Spec
from canaryd.model.template import TemplateKind, TemplateRef
from canaryd.runtime.view import CanaryView
from canaryd.wire import watch
from canaryd.wire.workload import Deployment, ReplicaSet

Place = tuple[str, str, str]
"""Kind, namespace, name."""


class _RequestSpec(msgspec.Struct):
    canary: str = ""


def canary_of(request: watch.RequestObject) -> Key:
    """The Canary that a request is about; an unreadable one is about none."""
    try:
        spec = msgspec.json.decode(bytes(request.spec), type=_RequestSpec)
    except msgspec.DecodeError:
        spec = _RequestSpec()
    return Key(request.metadata.namespace, spec.canary)


def _templates(spec: Spec) -> Iterable[Place]:
    for metric in spec.analysis.metrics:
        match metric.template:
            case TemplateRef(kind=TemplateKind.NAMESPACED, namespace=namespace, name=name):
                yield (watch.TEMPLATES, namespace, name)
            case TemplateRef(kind=TemplateKind.CLUSTER, name=name):
                yield (watch.CLUSTER_TEMPLATES, "", name)
            case _:
                pass


class Index:
    """From objects to the Canaries that they concern."""

    def __init__(self) -> None:
        self._by_place: defaultdict[Place, set[Key]] = defaultdict(set)
        self._by_namespace: defaultdict[str, set[Key]] = defaultdict(set)
        self._reached: defaultdict[str, set[Key]] = defaultdict(set)
        self._reaches: dict[Key, Set[str]] = {}
        self._places: dict[Key, tuple[Place, ...]] = {}

    def put(self, canary: CanaryView) -> set[Key]:
        """Note what a Canary refers to; returns the others that share a workload with it."""
        if isinstance(canary.spec, Problem):
            places: tuple[Place, ...] = ()
        else:
            namespace = canary.key.namespace
            places = (
                (watch.VIRTUALSERVICES, namespace, canary.spec.virtual_service),
                *((watch.DEPLOYMENTS, namespace, name) for name in canary.deployments),
                *_templates(canary.spec),
            )
        if self._places.get(canary.key) == places:
            return self.sharing(canary)
        touched = self._leave(canary.key)
        self._places[canary.key] = places
        self._by_namespace[canary.key.namespace].add(canary.key)
        for place in places:
            self._by_place[place].add(canary.key)
        return touched | self.sharing(canary)

    def reach(self, key: Key, namespaces: Set[str]) -> None:
        """Note in which other namespaces there is something that this Canary is routed by."""
        beyond, before = namespaces - {key.namespace}, self._reaches.get(key, frozenset())
        if beyond == before:
            return
        for namespace in before - beyond:
            self._reached[namespace].discard(key)
            if not self._reached[namespace]:
                del self._reached[namespace]
        for namespace in beyond:
            self._reached[namespace].add(key)
        self._reaches[key] = beyond
        if not beyond:
            del self._reaches[key]

    def drop(self, key: Key) -> set[Key]:
        """Forget a Canary; returns those that shared a workload with it."""
        self.reach(key, frozenset())
        return self._leave(key)

    def _leave(self, key: Key) -> set[Key]:
        touched: set[Key] = set()
        if key not in self._places:
            return touched
        for place in self._places.pop(key):
            self._by_place[place].discard(key)
            if place[0] == watch.DEPLOYMENTS:
                touched |= self._by_place[place]
            if not self._by_place[place]:
                del self._by_place[place]
        self._by_namespace[key.namespace].discard(key)
        if not self._by_namespace[key.namespace]:
            del self._by_namespace[key.namespace]
        return touched

    def sharing(self, canary: CanaryView) -> set[Key]:
        """Other Canaries with one of the same workloads."""
        found: set[Key] = set()
        for name in canary.deployments:
            found |= self._by_place.get((watch.DEPLOYMENTS, canary.key.namespace, name), set())
        return found - {canary.key}

    def concerned(self, kind: str, obj: object) -> Iterable[Key]:
        """The Canaries to decide again after this object changed."""
        match obj:
            case ReplicaSet(metadata=meta):
                owner = next((o.name for o in meta.owner_references if o.kind == "Deployment"), "")
                return tuple(self._by_place.get((watch.DEPLOYMENTS, meta.namespace, owner), ()))
            case (
                Deployment(metadata=meta)
                | watch.VirtualServiceObject(metadata=meta)
                | watch.TemplateObject(metadata=meta)
            ):
                return tuple(self._by_place.get((kind, meta.namespace, meta.name), ()))
            case watch.ServiceObject(metadata=meta) | watch.DestinationRuleObject(metadata=meta):
                namespace = meta.namespace
                near = self._by_namespace.get(namespace, ())
                return (*near, *self._reached.get(namespace, ()))
            case watch.RequestObject():
                return (canary_of(obj),)
            case _:
                return ()
