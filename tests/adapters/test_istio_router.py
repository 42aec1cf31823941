"""Which two weights canaryd reads: the route to both slots, and whose destinations are."""

from __future__ import annotations

from typing import Any

import pytest

from canaryd.model.names import SlotName
from canaryd.model.snapshot import Routing
from tests.adapters.routes import (
    BY_SERVICE,
    LABELS,
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


def test_without_subsets_the_services_tell_whose_a_destination_is() -> None:
    assert routed(Shelf(*BY_SERVICE), spec(subsets=(None, None))).weights == {V1: 90, V2: 10}


@pytest.mark.parametrize("gone", [V1, V2])
def test_without_subsets_a_slot_whose_deployment_is_gone_can_be_taken_off_the_traffic(
    gone: SlotName,
) -> None:
    left = {slot: labels for slot, labels in LABELS.items() if slot != gone}
    routing = routed(Shelf(*BY_SERVICE), spec(subsets=(None, None)), left)
    assert routing.weights == {V1: 90, V2: 10}


def among(*hosts: str) -> dict[str, Any]:
    return {"route": [to(None, 50, host=host) for host in hosts]}


@pytest.mark.parametrize(
    "http",
    [
        [among("blue", "green", "legacy")],
        [among("blue", "legacy"), among("blue", "green", "legacy")],
        [among("blue", "legacy"), among("blue", "green")],
    ],
    ids=["two are left", "in another route one is", "in two routes one is"],
)
def test_whose_a_destination_is_is_never_guessed(http: list[dict[str, Any]]) -> None:
    shelf = Shelf(virtual_service(*http), service("blue", version="v1"))
    problem(shelf, spec(subsets=(None, None)), {V1: LABELS[V1]})


def test_a_slot_whose_deployment_is_gone_may_have_a_service_without_selector() -> None:
    shelf = Shelf(virtual_service(among("blue", "green")), service("blue", version="v1"))
    routing = routed(shelf, spec(subsets=(None, None)), {V1: LABELS[V1]})
    assert routing.weights == {V1: 50, V2: 50}
