"""What canaryd says when it cannot tell the two weights, and what it mentions when it can."""

from __future__ import annotations

from typing import Any

import pytest

from canaryd.model.names import SlotName
from canaryd.model.spec import Spec
from tests.adapters.routes import (
    SPLIT,
    V1,
    V2,
    Shelf,
    problem,
    routed,
    rule,
    service,
    spec,
    to,
    virtual_service,
)


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
            "ServiceMatchesBothSlots",
            "Service demo/podinfo selects {app: podinfo}, which the pods of slot v2 have, too:"
            " they get v1's requests at any weight; give v1 a subset, or a Service of its own",
        ),
        (
            [
                virtual_service({"route": [to(None, 90), to("v2", 10)]}),
                rule(),
                service("podinfo", app="podinfo"),
            ],
            spec(subsets=(None, "v2")),
            "ServiceMatchesBothSlots",
            "they get v1's requests at any weight",
        ),
        (
            [
                virtual_service({"route": [to("v1", 90), to("v1", 10, host="podinfo.demo")]}),
                rule(v1={"version": "v1"}),
            ],
            spec(subsets=("v1", "v1")),
            "RouteAmbiguous",
            "no destination that is v1's alone; give each slot one of its own, by `subset`",
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


MAIN = {"name": "main", **SPLIT}
BETA = {"match": [{"headers": {"x-beta": {"exact": "1"}}}]}


@pytest.mark.parametrize(
    ("http", "kind", "words", "reached"),
    [
        (
            [{"name": "beta", **BETA, "route": [to("v1", 50), to("v2", 50)]}, MAIN],
            "RouteNotFollowed",
            "http[0] (beta) of VirtualService demo/podinfo splits both slots, too, and keeps its",
            {V1, V2},
        ),
        (
            [{"route": [to("v1")]}, MAIN],
            "RouteHidden",
            "http[0] of VirtualService demo/podinfo has no match and takes every request, so that"
            " http[1], whose weights are set, gets none",
            set(),
        ),
        (
            [MAIN | {"mirror": {"host": "podinfo", "subset": "v2"}}],
            "RequestsMirrored",
            "http[0] (main) of VirtualService demo/podinfo mirrors requests to slot v2",
            {V2},
        ),
        (
            [MAIN | {"mirrors": [to("v1")]}],
            "RequestsMirrored",
            "mirrors requests to slot v1",
            {V1},
        ),
    ],
    ids=["splits, too", "hides it", "mirror", "mirrors"],
)
def test_ways_past_the_weights_are_mentioned(
    http: list[dict[str, Any]], kind: str, words: str, reached: set[SlotName]
) -> None:
    routing = routed(Shelf(virtual_service(*http), rule()), spec("main"))
    assert [advice.type for advice in routing.advice] == [kind]
    assert words in routing.advice[0].message
    assert routing.reached == reached


def test_routes_that_no_request_reaches_are_no_way_past_the_weights() -> None:
    behind = {"name": "behind", **BETA, "route": [to("v1", 50), to("v2", 50)]}
    routing = routed(Shelf(virtual_service(MAIN, behind), rule()), spec("main"))
    assert (routing.advice, routing.reached) == ((), frozenset())


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
