"""A router that remembers what it saw says at any time what one that just began would say."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from canaryd.adapters.routers.istio import IstioRouter
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Problem, Routing
from canaryd.wire.watch import OBJECTS
from tests.adapters.fakes import KEY
from tests.adapters.routes import (
    LABELS,
    SPLIT,
    RecordingWriter,
    Shelf,
    rule,
    service,
    spec,
    to,
    virtual_service,
)

Body = tuple[str, Mapping[str, Any]]


class World(Shelf):
    """A store whose objects change."""

    def __init__(self, *objects: Body) -> None:
        super().__init__()
        self.changes = 0
        self.looked_for = 0
        self.concerned: dict[Key, Set[str]] = {}
        for body in objects:
            self.put(body)

    def put(self, made: Body) -> None:
        kind, body = made
        meta = body["metadata"]
        self.changes += 1
        self._objects[kind, meta["namespace"], meta["name"]] = msgspec.json.decode(
            msgspec.json.encode(body), type=OBJECTS[kind]
        )

    def drop(self, made: Body) -> None:
        kind, body = made
        self.changes += 1
        self._objects.pop((kind, body["metadata"]["namespace"], body["metadata"]["name"]), None)

    @override
    def within(self, kind: str, namespace: str) -> list[Any]:
        self.looked_for += 1
        return super().within(kind, namespace)

    @override
    def stamp(self, kind: str, namespace: str) -> int:
        return 1 + self.changes

    @override
    def concern(self, key: Key, namespaces: Set[str]) -> None:
        self.concerned[key] = namespaces


FOREIGN = "podinfo.mesh.svc.cluster.local"
ROUTES = [
    virtual_service(SPLIT),
    virtual_service({"route": [to("v1", 80), to("v2", 20)]}),
    virtual_service({"route": [to("v1"), to("v2")]}),
    virtual_service({"route": [to("v1", 100)]}),
    virtual_service({"route": [to("v1", 70, FOREIGN), to("v2", 30, FOREIGN)]}),
    virtual_service({"route": [to(None, 60, "one"), to(None, 40, "two")]}),
]
THINGS = [
    *ROUTES,
    rule(),
    rule(v1={"version": "v1"}),
    rule(v1={"version": "v1"}, v2={"app": "podinfo"}),
    rule(v1={"version": "v1"}, v2={"version": "v3"}),
    rule("elsewhere"),
    rule(name="more", v2={"version": "v2"}),
    rule(FOREIGN, "mesh"),
    rule(FOREIGN, "mesh", v1={"version": "v1"}, v2={"version": "none"}),
    service("one", version="v1"),
    service("one", version="none"),
    service("two", version="v2"),
    service("two", version="v1"),
]
OTHER_LABELS = {SlotName("v1"): LABELS[SlotName("v1")], SlotName("v2"): {"version": "v9"}}
SPECS = [spec(), spec("there"), spec(subsets=(None, None))]


def fresh() -> IstioRouter:
    return IstioRouter(RecordingWriter())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(THINGS),
            st.booleans(),
            st.sampled_from(SPECS),
            st.sampled_from([LABELS, OTHER_LABELS]),
        ),
        max_size=25,
    )
)
def test_whatever_changes_is_seen(changes: list[tuple[Body, bool, Any, Any]]) -> None:
    world, old = World(ROUTES[0], rule()), fresh()
    for thing, stays, wanted, labels in changes:
        world.put(thing) if stays else world.drop(thing)
        for _ in range(2):
            known = old.read(world, KEY, wanted, labels)
            assert known == fresh().read(world, KEY, wanted, labels)


@pytest.mark.parametrize(
    ("before", "wanted", "change", "reason"),
    [
        (
            [ROUTES[0], rule()],
            spec(),
            rule(v1={"version": "v1"}, v2={"version": "v3"}),
            "SubsetMatchesNoPod",
        ),
        ([ROUTES[0], rule()], spec(), ROUTES[2], "WeightsAbsent"),
        (
            [ROUTES[4], rule(FOREIGN, "mesh")],
            spec(),
            rule(FOREIGN, "mesh", v1={"version": "v1"}),
            "SubsetNotFound",
        ),
        (
            [ROUTES[5], service("one", version="v1"), service("two", version="v2")],
            spec(subsets=(None, None)),
            service("two", version="none"),
            "DestinationMissing",
        ),
    ],
    ids=["rule", "route", "rule of another namespace", "service"],
)
def test_a_change_for_the_worse_is_told(
    before: list[Body], wanted: Any, change: Body, reason: str
) -> None:
    world, router = World(*before), fresh()
    assert isinstance(router.read(world, KEY, wanted, LABELS), Routing)
    world.put(change)
    found = router.read(world, KEY, wanted, LABELS)
    assert isinstance(found, Problem)
    assert found.reason == reason


def test_while_nothing_changes_nothing_is_looked_through_again() -> None:
    world = World(ROUTES[0], *(rule(f"host-{n}", name=f"rule-{n}") for n in range(50)))
    world.put(rule())
    router = fresh()
    first = router.read(world, KEY, spec(), LABELS)
    again = router.read(world, KEY, spec(), {slot: dict(names) for slot, names in LABELS.items()})
    assert again is first
    assert world.looked_for == 1


def test_a_weight_that_changes_does_not_have_the_rules_sorted_again() -> None:
    class Steady(World):
        @override
        def stamp(self, kind: str, namespace: str) -> int:
            return 1

    world, router = Steady(ROUTES[0], rule()), fresh()
    router.read(world, KEY, spec(), LABELS)
    world.put(ROUTES[1])
    found = router.read(world, KEY, spec(), LABELS)
    assert isinstance(found, Routing)
    assert found.weights == {"v1": 80, "v2": 20}
    assert world.looked_for == 1


def test_another_store_is_looked_through_anew() -> None:
    router = fresh()
    assert isinstance(router.read(World(ROUTES[0], rule()), KEY, spec(), LABELS), Routing)
    assert isinstance(router.read(World(ROUTES[0]), KEY, spec(), LABELS), Problem)


def test_the_store_learns_which_namespaces_matter() -> None:
    world, router = World(ROUTES[4], rule(FOREIGN, "mesh")), fresh()
    for _ in range(2):
        world.concerned.clear()  # the Canary may have been made anew meanwhile
        router.read(world, KEY, spec(), LABELS)
        assert world.concerned == {KEY: {"demo", "mesh"}}


def test_a_canary_that_is_gone_is_forgotten() -> None:
    world, router = World(ROUTES[0], rule()), fresh()
    first = router.read(world, KEY, spec(), LABELS)
    router.forget(KEY)
    router.forget(KEY)
    again = router.read(world, KEY, spec(), LABELS)
    assert again == first
    assert again is not first
