"""Bucket edges in tiles: how they are asked for, and what is said where there are none."""

from __future__ import annotations

import math

import pytest

from canaryd.adapters.prometheus.edges import spellings
from canaryd.model.names import Key
from canaryd.model.tile import Tile
from tests.adapters.asking import (
    TIME,
    Line,
    asking,
    lines,
    span,
    spans,
    steady,
    tile_question,
    tile_told,
)
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import Behaviour, http, misbehaving


@pytest.mark.parametrize(
    ("edge", "spelt"),
    [
        (50.0, {"50", "50.0"}),
        (0.5, {"0.5"}),
        (0.1, {"0.1", "0.10000000000000000555111512312578"}),
        (600000.0, {"600000", "600000.0"}),
        (1800000.0, {"1800000", "1800000.0", "1.8e+06"}),
        (math.inf, {"+Inf"}),
    ],
)
def test_an_edge_is_found_however_it_is_spelt(edge: float, spelt: set[str]) -> None:
    assert spelt <= set(spellings(edge))
    assert {float(text) for text in spellings(edge)} == {edge}


async def test_each_canary_gets_only_the_edges_it_asked_for() -> None:
    timed = [
        span("timed", "1", "3", workload=f"{name}-v2", le=le)
        for name in ("a", "b")
        for le in ("50.0", "100.0", "+Inf")
    ]
    timed += [span("timed peak", "1", "3", workload=f"{name}-v2") for name in ("a", "b")]
    script = spans(*steady("a"), *steady("b"), *timed)
    async with misbehaving(script) as server, asking(server) as metrics:
        asked = [tile_question("a", edges=(50.0,)), tile_question("b", edges=(100.0,))]
        told = await metrics.tiles(asked, time=TIME)
    for name, edge in (("a", 50.0), ("b", 100.0)):
        made = told[Key("demo", name)]
        assert isinstance(made, Tile)
        assert {row.edge for row in made.rows} == {None, edge, math.inf}


async def test_requests_that_nobody_timed_are_named() -> None:
    made = await tile_told(spans(*steady()), asked=tile_question(edges=(50.0,)))
    assert isinstance(made, Tile)
    assert made.reservation == ""
    assert "istio_request_duration_milliseconds_bucket are missing" in made.untimed
    assert "native histograms" in made.untimed
    assert sum(row.count for row in made.rows) == 20


async def test_requests_of_one_side_that_nobody_timed_are_named_with_it() -> None:
    """As of a new version whose proxy has native histograms only."""
    timed = [span("timed", "1", "3", workload="podinfo-v1", le=le) for le in ("50.0", "+Inf")]
    peak = span("timed peak", "1", "3", workload="podinfo-v1")
    made = await tile_told(spans(*steady(), *timed, peak), asked=tile_question(edges=(50.0,)))
    assert isinstance(made, Tile)
    assert made.untimed.startswith("of podinfo-v2 the series istio_request_duration")


def timed_at(*edges: str) -> list[Line]:
    """Buckets of both sides' pods, each with two more requests."""
    return [
        made
        for workload in ("podinfo-v1", "podinfo-v2")
        for made in (
            *(span("timed", "1", "3", workload=workload, le=le) for le in edges),
            span("timed peak", "1", "3", workload=workload),
        )
    ]


def edges_there(workload: str, *edges: str) -> list[Line]:
    sides = {"destination_workload_namespace": "demo", "destination_workload": workload}
    return [{"metric": {**sides, "le": le}, "value": [NOON.timestamp(), "1"]} for le in edges]


async def test_an_edge_that_no_bucket_has_is_told_with_those_that_there_are() -> None:
    answer = spans(*steady(), *timed_at("+Inf"))
    there = lines(
        *edges_there("podinfo-v1", "250.0", "500", "5e+02", "+Inf", "25"),
        *edges_there("podinfo-v2", "250", "500", "1000", "+Inf"),
    )
    asked = tile_question(edges=(300.0,))
    async with misbehaving(answer, there) as server, asking(server) as metrics:
        told = await metrics.tiles([asked], time=TIME)
        assert len(server.heard) == 2
        assert "group by" in server.heard[1].form["query"]
    made = told[asked.key]
    assert isinstance(made, Tile)
    assert (made.lacking, made.buckets) == ((300.0,), (250.0, 500.0))
    assert (made.reservation, made.untimed) == ("", "")
    assert sum(row.count for row in made.rows if row.edge is None) == 20


async def test_edges_that_are_all_there_are_asked_for_once() -> None:
    answer = spans(*steady(), *timed_at("50", "+Inf"))
    async with misbehaving(answer) as server, asking(server) as metrics:
        told = await metrics.tiles([tile_question(edges=(50.0,))], time=TIME)
        assert len(server.heard) == 1
    (made,) = told.values()
    assert isinstance(made, Tile)
    assert (made.lacking, made.buckets) == ((), ())


@pytest.mark.parametrize(
    "trouble",
    [
        http(500, b"no"),
        lines({"metric": {"le": "5"}}),
        lines(*edges_there("podinfo-v1", "many")),
        spans(),
    ],
    ids=["an error", "a line without sides", "an edge that is no number", "another kind"],
)
async def test_where_nobody_says_which_edges_there_are_the_tile_counts_all_the_same(
    trouble: Behaviour,
) -> None:
    answer = spans(*steady(), *timed_at("50", "+Inf"))
    made = await tile_told(answer, trouble, asked=tile_question(edges=(50.0, 300.0)))
    assert isinstance(made, Tile)
    assert (made.lacking, made.buckets) == ((300.0,), ())
    assert sum(row.count for row in made.rows if row.edge == 50.0) == 4


async def test_a_side_without_buckets_leaves_those_of_the_other() -> None:
    answer = spans(*steady(), *timed_at("+Inf"))
    for there, buckets in (
        (edges_there("podinfo-v2", "100", "+Inf"), (100.0,)),
        ([], ()),
    ):
        made = await tile_told(answer, lines(*there), asked=tile_question(edges=(300.0,)))
        assert isinstance(made, Tile)
        assert made.buckets == buckets
