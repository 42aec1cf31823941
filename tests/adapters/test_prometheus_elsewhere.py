"""Requests that somebody else counts than was asked: the waypoint does, in ambient mode."""

from __future__ import annotations

import pytest

from canaryd.model.gates import Reporter
from canaryd.model.tile import Tile
from tests.adapters.asking import TIME, Line, asking, lines, spans, steady, tile_question, tile_told
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import Behaviour, http, misbehaving


def reported(*reporters: str, workload: str = "podinfo-v1") -> list[Line]:
    sides = {"destination_workload_namespace": "demo", "destination_workload": workload}
    stamp = [NOON.timestamp(), "1"]
    return [{"metric": {**sides, "reporter": reporter}, "value": stamp} for reporter in reporters]


DESTINATION, SOURCE, WAYPOINT = Reporter.DESTINATION, Reporter.SOURCE, Reporter.WAYPOINT


@pytest.mark.parametrize(
    ("asked", "there", "named"),
    [
        (DESTINATION, ("source", "waypoint"), WAYPOINT),
        (WAYPOINT, ("destination", "source"), DESTINATION),
        (DESTINATION, ("source",), SOURCE),
        (SOURCE, ("waypoint",), WAYPOINT),
    ],
)
async def test_who_counts_the_requests_instead_is_told(
    asked: Reporter, there: tuple[str, ...], named: Reporter
) -> None:
    question = tile_question(reporter=asked)
    told = await tile_told(spans(), lines(*reported(*there)), asked=question)
    assert isinstance(told, Tile)
    assert (told.rows, told.pods, told.counted_by) == ((), (), named)


NOBODY_ELSE: dict[str, Behaviour] = {
    "nobody": lines(),
    "whom we asked, and somebody unheard of": lines(*reported("destination", "newcomer")),
    "a stranger's waypoint": lines(*reported("waypoint", workload="stranger")),
    "no workload": lines({"metric": {"reporter": "waypoint"}, "value": [1, "1"]}),
    "nonsense": lines("what?"),
    "another kind of answer": spans(),
    "trouble": http(500, b"no"),
}


@pytest.mark.parametrize("name", NOBODY_ELSE)
async def test_a_tile_without_any_series_is_one_when_nobody_else_is_known_to_count(
    name: str,
) -> None:
    told = await tile_told(spans(), NOBODY_ELSE[name])
    assert isinstance(told, Tile)
    assert (told.rows, told.pods, told.counted_by) == ((), (), None)


async def test_only_canaries_without_any_series_are_asked_about_again() -> None:
    script = spans(*steady()), lines(*reported("waypoint", workload="other-v2"))
    async with misbehaving(*script) as server, asking(server) as metrics:
        told = await metrics.tiles([tile_question(), tile_question("other")], time=TIME)
        assert len(server.heard) == 2
        query = server.heard[1].form["query"]
    assert "podinfo" not in query
    assert "reporter=" not in query
    assert "rate(" in query, "what was counted long ago tells nothing"
    named = {key.name: tile.counted_by for key, tile in told.items() if isinstance(tile, Tile)}
    assert named == {"podinfo": None, "other": WAYPOINT}
