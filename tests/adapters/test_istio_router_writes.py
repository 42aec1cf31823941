"""Which two weights canaryd writes, bound to what it read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from canaryd.adapters.routers.istio import IstioRouter
from canaryd.model.errors import ConflictError
from canaryd.model.names import SlotName, Weight
from canaryd.wire.watch import VIRTUALSERVICES
from tests.adapters.fakes import KEY
from tests.adapters.routes import (
    LABELS,
    SPLIT,
    RecordingWriter,
    Shelf,
    deployments,
    rule,
    spec,
    to,
    virtual_service,
)


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
