"""VirtualServices, rules and Services as a router finds them, and what it reads in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import timedelta
from typing import Any

import msgspec

from canaryd.adapters.routers.istio import IstioRouter
from canaryd.adapters.routers.istio_finder import Labels
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Problem, Routing
from canaryd.model.spec import Analysis, MissingPolicy, Otherwise, Slot, Spec
from canaryd.model.urgency import Urgency
from canaryd.wire.watch import DEPLOYMENTS, DESTINATIONRULES, OBJECTS, SERVICES, VIRTUALSERVICES
from tests.adapters.fakes import KEY

V1, V2 = SlotName("v1"), SlotName("v2")


LABELS = {slot: {"app": "podinfo", "version": str(slot), "extra": "x"} for slot in (V1, V2)}


MISSING = MissingPolicy(timedelta(minutes=5), Otherwise.HOLD)


ANALYSIS = Analysis(timedelta(minutes=1), 5, (), (), 100, MISSING, MISSING)


def spec(route: str | None = None, subsets: tuple[str | None, str | None] = ("v1", "v2")) -> Spec:
    first, second = (
        Slot(name, f"podinfo-{name}", subset)
        for name, subset in zip((V1, V2), subsets, strict=True)
    )
    return Spec((first, second), "podinfo", route, ANALYSIS, timedelta(minutes=10))


class Shelf:
    """A store of what a test puts there."""

    def __init__(self, *objects: tuple[str, Mapping[str, Any]]) -> None:
        self._objects = {
            (kind, body["metadata"]["namespace"], body["metadata"]["name"]): msgspec.json.decode(
                msgspec.json.encode(body), type=OBJECTS[kind]
            )
            for kind, body in objects
        }

    def get(self, kind: str, namespace: str, name: str) -> Any | None:
        return self._objects.get((kind, namespace, name))

    def within(self, kind: str, namespace: str) -> list[Any]:
        return [obj for key, obj in self._objects.items() if key[:2] == (kind, namespace)]

    def stamp(self, kind: str, namespace: str) -> int:
        return int(bool(self.within(kind, namespace)))

    def concern(self, key: Key, namespaces: Set[str]) -> None: ...


def to(
    subset: str | None, weight: int | None = None, host: str = "podinfo", **more: Any
) -> dict[str, Any]:
    destination = {"host": host, **({"subset": subset} if subset else {}), **more}
    return {"destination": destination, **({"weight": weight} if weight is not None else {})}


def virtual_service(*http: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    managed = more.pop("managed", [])
    metadata = {
        "name": "podinfo",
        "namespace": "demo",
        "resourceVersion": "7",
        "managedFields": managed,
    }
    body = {"hosts": ["*"], "gateways": ["podinfo", "mesh"], "http": list(http)} | more
    return VIRTUALSERVICES, {"metadata": metadata, "spec": body}


def rule(
    host: str = "podinfo",
    namespace: str = "demo",
    name: str = "podinfo",
    **subsets: Mapping[str, str],
) -> tuple[str, dict[str, Any]]:
    wanted = subsets or {"v1": {"version": "v1"}, "v2": {"version": "v2"}}
    listed = [{"name": subset, "labels": labels} for subset, labels in wanted.items()]
    metadata = {"name": name, "namespace": namespace}
    return DESTINATIONRULES, {"metadata": metadata, "spec": {"host": host, "subsets": listed}}


def service(name: str, namespace: str = "demo", **selector: str) -> tuple[str, dict[str, Any]]:
    metadata = {"name": name, "namespace": namespace}
    return SERVICES, {"metadata": metadata, "spec": {"selector": selector}}


def deployments() -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            DEPLOYMENTS,
            {
                "metadata": {"name": f"podinfo-{slot}", "namespace": "demo"},
                "spec": {"template": {"metadata": {"labels": labels}}},
            },
        )
        for slot, labels in LABELS.items()
    ]


class RecordingWriter:
    """A writer that keeps the patches it is given."""

    def __init__(self) -> None:
        self.patches: list[tuple[str, Key, list[Mapping[str, Any]]]] = []

    async def json_patch(
        self,
        kind: str,
        key: Key,
        operations: Sequence[Mapping[str, Any]],
        *,
        urgency: Urgency = Urgency.RISE,
        of: Key | None = None,
    ) -> None:
        self.patches.append((kind, key, list(operations)))

    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        raise NotImplementedError

    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> None:
        raise NotImplementedError

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        raise NotImplementedError


def read(
    shelf: Shelf, wanted: Spec | None = None, labels: Labels | None = None
) -> Routing | Problem:
    seen = LABELS if labels is None else labels
    return IstioRouter(RecordingWriter()).read(shelf, KEY, wanted or spec(), seen)


def routed(shelf: Shelf, wanted: Spec | None = None, labels: Labels | None = None) -> Routing:
    routing = read(shelf, wanted, labels)
    assert isinstance(routing, Routing), routing
    return routing


def problem(shelf: Shelf, wanted: Spec | None = None, labels: Labels | None = None) -> Problem:
    found = read(shelf, wanted, labels)
    assert isinstance(found, Problem), found
    return found


SPLIT = {"route": [to("v1", 90), to("v2", 10)]}


BY_SERVICE = (
    virtual_service({"route": [to(None, 90, host="blue"), to(None, 10, host="green.demo")]}),
    service("blue", version="v1"),
    service("green", version="v2"),
)
