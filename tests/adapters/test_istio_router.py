"""Which two weights canaryd reads and writes, and what it says when it cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from canaryd.adapters.routers.istio import IstioRouter
from canaryd.model.errors import ConflictError
from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.snapshot import Problem, Routing
from canaryd.model.spec import Analysis, MissingPolicy, Otherwise, Slot, Spec
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
        self, kind: str, key: Key, operations: Sequence[Mapping[str, Any]]
    ) -> None:
        self.patches.append((kind, key, list(operations)))

    async def patch_status(
        self, kind: str, key: Key, patch: Mapping[str, Any], *, resource_version: str
    ) -> None:
        raise NotImplementedError

    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> None:
        raise NotImplementedError

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        raise NotImplementedError


def read(shelf: Shelf, wanted: Spec | None = None) -> Routing | Problem:
    return IstioRouter(RecordingWriter()).read(shelf, KEY, wanted or spec(), LABELS)


def routed(shelf: Shelf, wanted: Spec | None = None) -> Routing:
    routing = read(shelf, wanted)
    assert isinstance(routing, Routing), routing
    return routing


def problem(shelf: Shelf, wanted: Spec | None = None) -> Problem:
    found = read(shelf, wanted)
    assert isinstance(found, Problem), found
    return found


SPLIT = {"route": [to("v1", 90), to("v2", 10)]}


def test_the_podinfo_case_is_read_without_a_word() -> None:
    routing = routed(Shelf(virtual_service(SPLIT), rule()))
    assert routing == Routing({V1: 90, V2: 10}, 100, "7", labels=LABELS)


@pytest.mark.parametrize(
    ("http", "route", "weights"),
    [
        ([{"route": [to("v2", 10), to("v1", 90)]}], None, (90, 10)),
        ([{"route": [to("v1"), to("v2", 10)]}], None, (None, 10)),
        ([{"route": [to("v1", 100), to("v2")]}], None, (100, None)),
        (
            [{"match": [{"uri": {"exact": "/x"}}], "route": [to("v1")]}, SPLIT, {"route": []}],
            None,
            (90, 10),
        ),
        (
            [{"name": "a", **SPLIT}, {"name": "b", "route": [to("v1", 40), to("v2", 60)]}],
            "b",
            (40, 60),
        ),
        ([{"redirect": {"uri": "/"}}, SPLIT], None, (90, 10)),
    ],
    ids=["turned around", "first absent", "second absent", "among others", "named", "redirect"],
)
def test_the_route_to_both_slots_is_found(
    http: list[dict[str, Any]], route: str | None, weights: tuple[int | None, int | None]
) -> None:
    routing = routed(Shelf(virtual_service(*http), rule()), spec(route))
    assert (routing.weights[V1], routing.weights[V2]) == weights
    assert routing.total == 100


@pytest.mark.parametrize(
    ("http", "total"),
    [
        ([to("v1", 30), to("v2", 10), to(None, 60, host="legacy")], 40),
        ([to("v1", 30), to("v2", 10), to(None, 0, host="legacy")], 100),
        ([to("v1", 30), to("v2", 10), to(None, host="legacy")], 100),
    ],
    ids=["others serve", "others have 0", "others have none"],
)
def test_the_pairs_sum_is_kept_only_where_others_have_a_share(
    http: list[dict[str, Any]], total: int
) -> None:
    assert routed(Shelf(virtual_service({"route": http}), rule())).total == total


HOSTS = ["podinfo", "podinfo.demo", "podinfo.demo.svc", "podinfo.demo.svc.cluster.local"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("of_rule", HOSTS)
def test_a_host_is_the_same_in_all_its_forms(host: str, of_rule: str) -> None:
    http = {"route": [to("v1", 90, host=host), to("v2", 10, host=host)]}
    assert routed(Shelf(virtual_service(http), rule(of_rule))).total == 100


def test_a_rule_in_the_hosts_namespace_counts_and_one_elsewhere_does_not() -> None:
    host = "podinfo.apps.svc.cluster.local"
    http = {"route": [to("v1", 90, host=host), to("v2", 10, host=host)]}
    assert routed(Shelf(virtual_service(http), rule("podinfo", "apps"))).total == 100
    assert problem(Shelf(virtual_service(http), rule("podinfo", "demo"))).reason == "SubsetNotFound"
    assert problem(Shelf(virtual_service(http), rule(host, "else"))).reason == "SubsetNotFound"


def test_subsets_may_be_spread_over_several_rules_of_one_host() -> None:
    rules = rule(v1={"version": "v1"}), rule(name="second", v2={"version": "v2"})
    assert routed(Shelf(virtual_service(SPLIT), *rules)).weights[V2] == 10


def test_of_two_routes_with_subsets_of_the_same_names_the_one_to_the_slots_pods_counts() -> None:
    other = {"route": [to("v1", 50, host="ratings"), to("v2", 50, host="ratings")]}
    ratings = rule(
        "ratings",
        name="ratings",
        v1={"app": "ratings", "version": "v1"},
        v2={"app": "ratings", "version": "v2"},
    )
    routing = routed(Shelf(virtual_service(other, SPLIT), rule(), ratings))
    assert routing.weights == {V1: 90, V2: 10}


BY_SERVICE = (
    virtual_service({"route": [to(None, 90, host="blue"), to(None, 10, host="green.demo")]}),
    service("blue", version="v1"),
    service("green", version="v2"),
)


def test_without_subsets_the_services_tell_whose_a_destination_is() -> None:
    assert routed(Shelf(*BY_SERVICE), spec(subsets=(None, None))).weights == {V1: 90, V2: 10}


@pytest.mark.parametrize(
    ("objects", "wanted", "reason", "words"),
    [
        ([], spec(), "VirtualServiceNotFound", "VirtualService demo/podinfo is not there"),
        ([virtual_service()], spec(), "RouteNotFound", "subset v1 and subset v2"),
        ([virtual_service(SPLIT), rule()], spec("x"), "RouteNotFound", "add `name: x`"),
        (
            [virtual_service(SPLIT, SPLIT), rule()],
            spec(),
            "RouteAmbiguous",
            "2 http routes lead to both v1 and v2 (http[0], http[1]); name one of them",
        ),
        (
            [virtual_service({"name": "x"}, {"name": "x"}), rule()],
            spec("x"),
            "RouteAmbiguous",
            "several http routes are named x",
        ),
        (
            [virtual_service({"route": [to("v1")]}), rule()],
            spec(),
            "DestinationMissing",
            "add to its route: - {destination: {host: podinfo, subset: v2}, weight: 0}",
        ),
        (
            [virtual_service({"name": "main", "route": [to("v2", 1)]}), rule()],
            spec("main"),
            "DestinationMissing",
            "http[0] of VirtualService demo/podinfo has no destination for subset v1",
        ),
        (
            [virtual_service({"route": [to("v1", 1), to("v2", 1), to("v2", 1, port=1)]}), rule()],
            spec(),
            "RouteAmbiguous",
            "no destination that is v2's alone",
        ),
        (
            [virtual_service(SPLIT), rule(v1={"version": "v1"}, v2={"version": "2"})],
            spec(),
            "SubsetMatchesNoPod",
            "subset v2 of DestinationRule demo/podinfo selects {version: 2}, but the pods of"
            " Deployment podinfo-v2 have {app: podinfo, extra: x, version: v2}",
        ),
        (
            [virtual_service(SPLIT), rule(v1={"version": "v1"}, v2={"app": "podinfo"})],
            spec(),
            "SubsetMatchesBothSlots",
            "which the pods of slot v1 have, too",
        ),
        (
            [virtual_service(SPLIT), rule(v1={"version": "v1"})],
            spec(),
            "SubsetNotFound",
            "add to DestinationRule demo/podinfo under subsets: - {name: v2, labels: {app:",
        ),
        (
            [virtual_service({"route": [to("v1"), to("v2")]}), rule()],
            spec(),
            "WeightsAbsent",
            "add to the destination of the slot that serves (for example v1): weight: 100",
        ),
        (
            [virtual_service({"route": [to("v1", 0), to("v2", 0)]}), rule()],
            spec(),
            "WeightsAbsent",
            "are both 0",
        ),
        (
            [
                virtual_service({"route": [to(None, 90), to(None, 10, host="green")]}),
                service("podinfo", app="podinfo"),
                service("green", version="v2"),
            ],
            spec(subsets=(None, None)),
            "RouteAmbiguous",
            "no destination that is v2's alone; give each slot one of its own, by `subset`",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
def test_what_cannot_be_told_is_said_with_what_to_do(
    objects: list[Any], wanted: Spec, reason: str, words: str
) -> None:
    found = problem(Shelf(*objects), wanted)
    assert found.reason == reason
    assert words in found.message


def managed(manager: str, minute: int, *, http: bool = True) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:spec": {"f:http" if http else "f:hosts": {}}}
    time = f"2026-11-21T12:{minute:02}:00Z"
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


@pytest.mark.parametrize(
    ("entries", "writer"),
    [
        ([], None),
        ([managed("argocd", 1), managed("kubectl-edit", 3), managed("helm", 2)], "kubectl-edit"),
        ([managed("argocd", 1), managed("istiod", 9, http=False)], "argocd"),
        ([managed("argocd", 9), managed("canaryd", 1)], "canaryd"),
        ([{"manager": "old", "fieldsV1": {"f:metadata": {}}}], None),
    ],
    ids=["nobody", "the last", "of the routes", "canaryd itself", "nobody known"],
)
def test_who_wrote_the_weights_is_named(entries: list[Any], writer: str | None) -> None:
    assert routed(Shelf(virtual_service(SPLIT, managed=entries), rule())).writer == writer


def test_callers_inside_the_mesh_that_pass_the_route_by_are_mentioned() -> None:
    [advice] = routed(Shelf(virtual_service(SPLIT, gateways=["front"]), rule())).advice
    assert advice.type == "MeshTrafficNotSplit"
    assert "gateways: [front, mesh]" in advice.message
    assert "hosts: - podinfo.demo.svc.cluster.local" in advice.message
    assert not routed(Shelf(virtual_service(SPLIT, gateways=[]), rule())).advice


def test_a_header_route_that_stays_with_one_slot_is_mentioned() -> None:
    match = {"headers": {"x-canary": {"exact": "true"}}}
    http = [
        {"match": [match], "route": [to("v2")]},
        {"match": [match], "route": [to(None, host="legacy")]},
        SPLIT,
    ]
    [advice] = routed(Shelf(virtual_service(*http), rule())).advice
    assert advice.type == "HeaderRoutePinned"
    assert "http[0] of VirtualService demo/podinfo leads to slot v2 only" in advice.message


async def patched(shelf: Shelf, slot: str, weight: int) -> list[Mapping[str, Any]]:
    writer = RecordingWriter()
    wanted = spec()
    await IstioRouter(writer).set_weight(
        shelf, KEY, wanted, wanted.slot(SlotName(slot)), Weight(weight), labels=LABELS
    )
    if not writer.patches:
        return []
    [(kind, key, operations)] = writer.patches
    assert (kind, key) == (VIRTUALSERVICES, KEY)
    return operations


async def test_a_write_is_bound_to_what_was_read_and_touches_two_weights() -> None:
    other = {"match": [{}], "route": [to("v1")]}
    http = {"route": [to(None, host="legacy"), to("v2", 10), to("v1", 90)]}
    shelf = Shelf(virtual_service(other, http), rule(), *deployments())
    assert await patched(shelf, "v2", 25) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {
            "op": "test",
            "path": "/spec/http/1/route/2/destination",
            "value": {"host": "podinfo", "subset": "v1"},
        },
        {
            "op": "test",
            "path": "/spec/http/1/route/1/destination",
            "value": {"host": "podinfo", "subset": "v2"},
        },
        {"op": "add", "path": "/spec/http/1/route/2/weight", "value": 75},
        {"op": "add", "path": "/spec/http/1/route/1/weight", "value": 25},
    ]


@pytest.mark.parametrize(
    ("entries", "weight", "raws"),
    [
        ([to("v1", 90), to("v2", 10)], 0, [100, 0]),
        ([to("v1", 90), to("v2", 10)], 100, [0, 100]),
        ([to("v1", 100), to("v2")], 1, [99, 1]),
        ([to("v1", 1), to("v2", 1)], 50, [50, 50]),
        ([to("v1", 30), to("v2", 10), to(None, 60, host="x")], 50, [20, 20]),
        ([to("v1", 2), to("v2", 1), to(None, 97, host="x")], 5, [3, 0]),
        ([to("v1", 2), to("v2", 1), to(None, 97, host="x")], 100, [0, 3]),
    ],
    ids=["none", "all", "absent", "odd sum", "others", "too small", "others, all"],
)
async def test_the_pair_is_never_left_without_weight(
    entries: list[dict[str, Any]], weight: int, raws: list[int]
) -> None:
    shelf = Shelf(virtual_service({"route": entries}), rule(), *deployments())
    operations = await patched(shelf, "v2", weight)
    assert [each["value"] for each in operations if each["op"] == "add"] == raws


async def test_weights_that_stand_already_are_not_written() -> None:
    shelf = Shelf(virtual_service(SPLIT), rule(), *deployments())
    assert await patched(shelf, "v2", 10) == []
    assert await patched(shelf, "v1", 90) == []


async def test_a_route_that_changed_since_the_decision_is_left_alone() -> None:
    shelf = Shelf(virtual_service({"route": [to("v1", 100)]}), rule(), *deployments())
    with pytest.raises(ConflictError, match="no destination for subset v2"):
        await patched(shelf, "v2", 10)
