"""The past as a release that never was: nothing is invented, and the canary has its weight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import Any

import pytest

from canaryd.cli.playing import Play, Regression
from canaryd.cli.recording import CANARY, recorded, usual_load
from canaryd.model.names import Weight
from canaryd.model.past import Column
from canaryd.model.tile import Row, Tile

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=10)
PODS = ("a", "b", "c", "d")
HALF = Weight(50)


def column(number: int, **requests: float) -> Column:
    rows = tuple(Row("v1", pod, count, "200") for pod, count in requests.items())
    return Column(NOON + number * WINDOW, rows)


def play(columns: Sequence[Column], order: Sequence[str], **more: Any) -> Play:
    recording = recorded(columns, ("v1",), WINDOW)
    given: dict[str, Any] = {"seed": "1", "warm_up": timedelta(seconds=30), **more}
    load = usual_load(recording.columns)
    return Play(recording, recording.columns, order, load=load, **given)


def tile(played: Play, weight: int = 50) -> Tile:
    found = played.tile(Weight(weight))
    assert found is not None
    return found


def requests(found: Tile, *, canary: bool) -> float:
    mine = [row for row in found.rows if row.edge is None and (row.workload == CANARY) is canary]
    return sum(row.count for row in mine)


def test_a_pod_plays_the_canary_and_the_rest_the_primary() -> None:
    played = play([column(1, a=5, b=5)], "b")
    made = tile(played)
    assert [(row.workload, row.count) for row in made.rows] == [(CANARY, 5), ("v1", 5)]
    assert all(pod.warm for pod in made.pods)
    assert played.tile(HALF) is None


@pytest.mark.parametrize("weight", [1, 5, 10, 25, 33, 50, 75, 90])
@pytest.mark.parametrize("pods", [2, 3, 4])
def test_the_canary_has_its_weight_of_the_requests(weight: int, pods: int) -> None:
    made = tile(play([column(1, **dict.fromkeys(PODS[:pods], 1e6))], "b"), weight)
    mine, others = (requests(made, canary=side) for side in (True, False))
    assert mine / (mine + others) == pytest.approx(weight / 100, abs=0.002)
    # One side has all that it had, and the pods that come nearest to the weight waste little.
    assert mine + others >= 1e6


def test_a_quiet_service_gives_the_canary_no_more_than_its_weight() -> None:
    """Also in spans in which the other side has no request at all."""
    source = Random(3)
    columns = [
        column(number, a=float(source.random() < 0.5), b=float(source.random() < 0.5))
        for number in range(1, 4000)
    ]
    played = play(columns, "b")
    made = [tile(played, 10) for _ in columns]
    mine, others = (sum(requests(each, canary=side) for each in made) for side in (True, False))
    assert mine / (mine + others) == pytest.approx(0.1, abs=0.02)


def test_more_pods_join_the_canary_with_its_weight_and_none_goes_back() -> None:
    columns = [column(number, **dict.fromkeys(PODS, 100)) for number in range(1, 6)]
    played = play(columns, ("c", "d", "a", "b"))
    weights = (10, 40, 60, 90, 100)
    found = [
        {row.pod for row in tile(played, weight).rows if row.workload == CANARY}
        for weight in weights
    ]
    assert found == [{"c"}, {"c", "d"}, {"c", "d"}, {"c", "d", "a"}, {"c", "d", "a"}]


def test_at_full_weight_the_primary_gets_nothing() -> None:
    made = tile(play([column(1, a=70, b=80)], "b"), 100)
    assert (requests(made, canary=True), requests(made, canary=False)) == (80, 0)


def test_a_pod_that_leaves_is_replaced_and_the_last_one_is_the_primarys() -> None:
    played = play([column(1, a=5, b=5), column(2, a=5, c=5), column(3, a=5)], "b")
    found = [{row.pod for row in tile(played).rows if row.workload == CANARY} for _ in range(3)]
    assert found == [{"b"}, {"a"}, set()]


def test_what_failed_and_what_was_slow_stay_as_frequent_as_they_were() -> None:
    rows = tuple(
        row
        for pod in "ab"
        for row in (
            Row("v1", pod, 9e5, "200"),
            Row("v1", pod, 1e5, "500"),
            Row("v1", pod, 7e5, edge=5.0),
            Row("v1", pod, 9e5, edge=25.0),
            Row("v1", pod, 1e6, edge=inf),
        )
    )
    made = tile(play([Column(NOON, rows)], "b", timed=True), 10)
    mine = {(row.code, row.edge): row.count for row in made.rows if row.workload == CANARY}
    total = mine["200", None] + mine["500", None]
    assert total == pytest.approx(1e6 / 9, rel=0.01)
    assert mine["500", None] / total == pytest.approx(0.1, rel=0.03)
    assert mine["", 5.0] / mine["", inf] == pytest.approx(0.7, rel=0.01)
    assert mine["", 25.0] / mine["", inf] == pytest.approx(0.9, rel=0.01)
    assert mine["", 5.0] <= mine["", 25.0] <= mine["", inf]
    assert not made.untimed


def test_where_no_request_was_timed_the_tile_says_so_as_the_daemons_does() -> None:
    one, other = (
        tile(play([column(1, a=5, b=5)], "b", timed=timed)).untimed for timed in (True, False)
    )
    assert "histograms" in one
    assert other == ""
    assert not tile(play([column(1)], "b", timed=True)).untimed


def test_a_pod_that_came_is_warm_only_after_its_warm_up() -> None:
    columns = [column(1, a=5), *(column(n, a=5, b=5) for n in range(2, 8))]
    played = play(columns, "b")
    warm = [[pod.warm for pod in tile(played).pods if pod.pod == "b"] for _ in columns]
    assert warm == [[], [False], [False], [False], [True], [True], [True]]


def test_only_the_canary_is_made_worse_and_no_request_is_lost() -> None:
    columns = [column(1, a=1000, b=1000)]
    made = tile(play(columns, "b", worse=Regression(5, 0.1)))
    failed = sum(row.count for row in made.rows if row.code == "500")
    assert 60 < failed < 140
    assert requests(made, canary=True) == 1000
    assert all(row.workload == CANARY for row in made.rows if row.code == "500")


def test_a_fault_is_made_of_the_same_requests_as_the_healthy_release() -> None:
    columns = [column(number, a=1000, b=1000, c=1000) for number in range(1, 9)]
    healthy, faulty = play(columns, "b"), play(columns, "b", worse=Regression(5, 0.1))
    for _ in columns:
        one, other = tile(healthy, 5), tile(faulty, 5)
        assert requests(one, canary=True) == requests(other, canary=True)
