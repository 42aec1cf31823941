"""What tiles are asked for, and what is made of good and of doubtful answers to them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import promql_parser
import pytest

from canaryd.adapters.prometheus import swift, tiles
from canaryd.model.answered import Answered
from canaryd.model.gates import Reporter
from canaryd.model.names import Key
from canaryd.model.question import Failed
from canaryd.model.tile import Tile
from tests.adapters.asking import (
    TIME,
    Line,
    asking,
    exactly,
    line,
    lines,
    span,
    spans,
    steady,
    tile_question,
    tile_told,
)
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import Behaviour, hang, http, misbehaving, refused


def group(*names: str, **changes: object) -> tiles.Group:
    asked = [tile_question(name, **changes) for name in names]  # type: ignore[arg-type]
    (only,) = tiles.grouped(asked, 50)
    return only


async def test_a_tile_is_one_query_from_its_start_to_its_end() -> None:
    async with misbehaving(spans(*steady())) as server, asking(server) as metrics:
        told = await metrics.tiles([tile_question()], time=TIME)
        assert len(server.heard) == 1
        form = server.heard[0].form
        assert (float(form["end"]), float(form["step"])) == (NOON.timestamp(), 10)
        assert float(form["start"]) == NOON.timestamp() - 10
        assert form["timeout"] == "4500ms", "no longer than any instant: all others wait for it"
    made = told[Key("demo", "podinfo")]
    assert isinstance(made, Tile)
    assert (made.start, made.end) == (NOON - timedelta(seconds=10), NOON)
    assert (made.skew, made.scrape, made.reservation) == (TIME.skew, TIME.scrape, "")
    assert [(row.workload, row.code, row.count) for row in made.rows] == [
        ("podinfo-v1", "200", 10.0),
        ("podinfo-v2", "200", 10.0),
    ]
    assert all(pod.warm and pod.known for pod in made.pods)


async def test_fifty_canaries_share_one_query_and_each_gets_its_own_tile() -> None:
    names = [f"app{number}" for number in range(50)]
    everything = [one for name in names for one in steady(name)]
    async with misbehaving(spans(*everything)) as server, asking(server) as metrics:
        told = await metrics.tiles([tile_question(name) for name in names], time=TIME)
        assert len(server.heard) == 1
    for name in names:
        made = told[Key("demo", name)]
        assert isinstance(made, Tile)
        assert {row.workload for row in made.rows} == {f"{name}-v1", f"{name}-v2"}


def test_only_questions_about_the_same_instants_share_a_query() -> None:
    asked = [
        tile_question("a"),
        tile_question("b", after=1),
        tile_question("c", window=20),
        tile_question("d", warm_up=0),
        tile_question("e", reporter=Reporter.SOURCE),
        tile_question("f", edges=(50.0,)),
        tile_question("g", edges=None),
        tile_question("h"),
        replace(tile_question("i"), warm=frozenset({("i-v1", "i-v1-x")})),
    ]
    made = [[one.key.name for one in pack.questions] for pack in tiles.grouped(asked, 50)]
    assert made == [["a", "h"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"], ["i"]]


def test_a_group_asks_for_the_edges_that_anybody_wants_and_for_all_requests() -> None:
    asked = [tile_question("a", edges=(50.0,)), tile_question("b", edges=(100.0, 0.5))]
    (pack,) = tiles.grouped(asked, 50)
    assert pack.edges == frozenset({0.5, 50.0, 100.0, math.inf})
    assert group("a", edges=None).edges is None
    assert group("a").edges == frozenset()


@pytest.mark.parametrize("reporter", list(Reporter))
@pytest.mark.parametrize("edges", [(), (0.1, 50.0, 1800000.0), None])
@pytest.mark.parametrize("closely", [True, False])
def test_what_is_asked_is_promql(
    reporter: Reporter, edges: tuple[float, ...] | None, closely: bool
) -> None:
    asked = group("a", "b.c", edges=edges, reporter=reporter)
    query = tiles.exact(asked) if closely else swift.query(asked)
    promql_parser.parse(query)
    assert ("istio_request_duration" in query) == (edges != ())
    assert ("last_over_time" in query) == closely
    assert f'reporter="{reporter.value}"' in query
    assert "b\\\\.c-v1" in query


async def test_a_pod_of_another_revision_is_nobodys() -> None:
    pod = "podinfo-v2-0000-zzzzz"
    made = await tile_told(
        spans(*steady(), span("counts", "1", "501", pod=pod, response_code="500"))
    )
    assert isinstance(made, Tile)
    assert {row.pod for row in made.rows} == {"podinfo-v1-6d4c-a1b2c", "podinfo-v2-7f9c-a1b2c"}


async def test_a_long_name_is_cut_as_kubernetes_cuts_it() -> None:
    name = "n" * 60
    pod = f"{name}-v2-7f9c-"[:58] + "a1b2c"
    values = {"counts": ("1", "4"), "seen": ("8", "9"), "warm": ("1", "1"), "peak": ("1", "4")}
    made = await tile_told(
        spans(
            *(
                span(part, *both, workload=f"{name}-v2", pod=pod, response_code="200")
                for part, both in values.items()
            )
        ),
        asked=tile_question(name),
    )
    assert isinstance(made, Tile)
    assert [(row.pod, row.count) for row in made.rows] == [(pod, 3.0)]


POD = "podinfo-v2-7f9c-a1b2c"
UNSURE: dict[str, list[Line]] = {
    "was not there at the start": [span("seen", None, "1")],
    "is gone at the end": [span("seen", "1", None)],
    "is not warm": [span("warm", None, "1")],
    "was set back": [span("counts", "100", "7", response_code="200")],
    "was set back and is beyond again": [span("peak", "100", "130")],
    "lost a series": [span("peak", "100", "110.5")],
    "has no peak": [span("peak", "100", None)],
    "was answered for another time": [
        {"metric": span("seen", "1", "1")["metric"], "values": [[5, "1"], [6, "1"]]}
    ],
}


@pytest.mark.parametrize("name", UNSURE)
async def test_a_canary_whose_pod_is_not_sure_is_asked_for_exactly(name: str) -> None:
    changed = {tiles.part_of(one["metric"]): one for one in UNSURE[name]}
    doubtful = [
        changed.get(tiles.part_of(one["metric"]), one) if one["metric"]["pod"] == POD else one
        for one in steady()
    ]
    close = (*exactly(), *exactly("other"), line("known", "1"))
    script = spans(*doubtful, *steady("other")), lines(*close)
    async with misbehaving(*script) as server, asking(server) as metrics:
        told = await metrics.tiles([tile_question(), tile_question("other")], time=TIME)
        assert len(server.heard) == 2
        form = server.heard[1].form
        shifted = name == "was answered for another time"
        assert ("other" in form["query"]) == shifted
        assert float(form["time"]) == NOON.timestamp()
        assert "- istio_requests_total" in form["query"]
    made = told[Key("demo", "podinfo")]
    assert isinstance(made, Tile)
    assert [row.count for row in made.rows] == [10.0, 10.0]


async def test_pods_that_are_known_to_be_warm_are_not_asked_about_and_count() -> None:
    cold = [one for one in steady() if tiles.part_of(one["metric"]) != "warm"]
    pods = frozenset({("podinfo-v1", "podinfo-v1-6d4c-a1b2c"), ("podinfo-v2", POD)})
    known = replace(tile_question(), warm=pods)
    async with misbehaving(spans(*cold)) as server, asking(server) as metrics:
        told = await metrics.tiles([known], time=TIME)
        assert len(server.heard) == 1
        assert '"warm"' not in server.heard[0].form["query"]
    assert told[known.key] == await tile_told(spans(*steady()))


async def test_of_a_pod_that_nobody_remembers_the_server_is_asked_whether_it_is_warm() -> None:
    cold = [one for one in steady() if tiles.part_of(one["metric"]) != "warm"]
    known = replace(tile_question(), warm=frozenset({("podinfo-v1", "podinfo-v1-6d4c-a1b2c")}))
    async with misbehaving(spans(*cold), lines(*exactly())) as server, asking(server) as metrics:
        told = await metrics.tiles([known], time=TIME)
        assert len(server.heard) == 2
        assert '"warm"' in server.heard[1].form["query"]
    made = told[known.key]
    assert isinstance(made, Tile)
    assert all(pod.warm for pod in made.pods)


async def test_a_pod_that_is_new_is_told_from_one_that_was_not_scraped() -> None:
    young = [one for one in exactly() if tiles.part_of(one["metric"]) != "start"]
    first = [one for one in steady() if tiles.part_of(one["metric"]) != "seen"]
    made = await tile_told(spans(*first), lines(*young, line("known", "1")))
    assert isinstance(made, Tile)
    assert {pod.workload: (pod.at_start, pod.known) for pod in made.pods} == {
        "podinfo-v1": (None, False),
        "podinfo-v2": (None, True),
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"warnings": ["one store is away"]}, "one store is away"),
        ({"isPartial": True}, "partial"),
        ({"infos": ["metric might not be a counter"]}, ""),
    ],
)
async def test_a_doubtful_answer_is_a_tile_with_a_reservation(
    more: dict[str, object], said: str
) -> None:
    made = await tile_told(spans(*steady(), **more))
    assert isinstance(made, Tile)
    assert said in made.reservation
    assert bool(made.reservation) == bool(said)


@pytest.mark.parametrize(
    "too_much",
    [
        refused(422, "query processing would load too many samples"),
        refused(400, "the query exceeds the limit of 4 MiB"),
        http(413, b"<html>", kind="text/html"),
        http(200, b" " * (8 << 20) + b" "),
    ],
    ids=["422", "400", "413", "large"],
)
async def test_a_group_that_is_too_much_is_halved(too_much: Behaviour) -> None:
    everything = [one for name in "abcd" for one in steady(name)]
    async with misbehaving(too_much, spans(*everything)) as server, asking(server) as metrics:
        told = await metrics.tiles([tile_question(name) for name in "abcd"], time=TIME)
        assert len(server.heard) == 3
    assert len(told) == 4
    assert all(isinstance(made, Tile) for made in told.values())


async def test_a_single_canary_that_is_too_much_is_told_so() -> None:
    made = await tile_told(refused(422, "too many samples"))
    assert made == Failed(
        Answered.REFUSED, "the metrics server refused the query: too many samples"
    )


async def test_a_dead_server_fails_every_tile_in_words() -> None:
    async with misbehaving(hang) as server, asking(server, deadline=0.2) as metrics:
        asked = [tile_question(f"app{number}", after=number) for number in range(20)]
        told = await metrics.tiles(asked, time=TIME)
    assert len(told) == 20
    assert all(isinstance(made, Failed) and made.detail for made in told.values())
