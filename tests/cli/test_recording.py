"""The past as it was told, and chance that can be repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from canaryd.cli.chance import arrivals, drawn
from canaryd.cli.recording import failing_share, pods, recorded, usual_load
from canaryd.model.gates import GRPC_GOOD
from canaryd.model.past import Column
from canaryd.model.tile import Row

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=10)


def column(number: int, **requests: float) -> Column:
    rows = tuple(Row("v1", pod, count, "200") for pod, count in requests.items())
    return Column(NOON + number * WINDOW, rows)


def test_what_the_server_did_not_give_counts_for_nothing() -> None:
    recording = recorded([column(1, a=5), column(3, a=7)], ("v1", "v2"), WINDOW)
    assert [len(each.rows) for each in recording.columns] == [1, 0, 1]


def test_the_workload_that_served_is_followed_over_a_swap() -> None:
    swapped = Column(NOON + 2 * WINDOW, (Row("v2", "x", 9, "200"), Row("v1", "a", 1, "200")))
    recording = recorded([column(1, a=5), swapped], ("v1", "v2"), WINDOW)
    assert [(row.workload, row.count) for row in recording.columns[1].rows] == [("v1", 9)]


@pytest.mark.parametrize("slots", [("v1", "v2"), ("v2", "v1")])
def test_without_a_request_the_one_that_served_is_still_the_one(slots: tuple[str, ...]) -> None:
    def columns(count: float) -> list[Column]:
        rows = (Row("v2", "x", count, "200"), Row("v2", "y", count, "200"), Row("v1", "a", 0.0))
        return [Column(NOON + number * WINDOW, rows) for number in range(3)]

    quiet = [*columns(0.0)[:1], *columns(3.0)[1:2], *columns(0.0)[2:]]
    recording = recorded(quiet, slots, WINDOW)
    assert [pods([each]) for each in recording.columns] == [("x", "y")] * 3


def test_how_much_a_pod_gets_is_its_mean_while_it_was_there() -> None:
    assert usual_load([column(1, a=4, b=2), column(2, a=6)]) == {"a": 5, "b": 2}


def test_shares_and_chances_are_what_they_say() -> None:
    rows = (Row("v1", "a", 90, "200"), Row("v1", "a", 10, "503"), Row("v1", "a", 50, edge=5.0))
    assert failing_share([Column(NOON, rows)], GRPC_GOOD) == 0.1
    assert failing_share([], GRPC_GOOD) == 0
    source = Random(1)
    assert 9000 < sum(drawn(100, 0.1, source) for _ in range(1000)) < 11000
    assert 900 < sum(drawn(10, 0.1, source) for _ in range(1000)) < 1100
    assert 9500 < sum(arrivals(10, source) for _ in range(1000)) < 10500
    assert 99000 < sum(arrivals(100, source) for _ in range(1000)) < 101000
    assert pods([column(1, b=1, a=1)]) == ("a", "b")


@pytest.mark.parametrize(
    ("count", "chance"),
    [(60, 0.0005), (60, 0.004), (200, 0.0001), (60, 0.5), (60, 0.999), (5000, 0.3), (5000, 0.99)],
)
def test_rare_failures_are_made_as_often_as_is_meant(count: int, chance: float) -> None:
    source, times = Random(7), 20_000
    mean = sum(drawn(count, chance, source) for _ in range(times)) / times
    wrong = 5 * (count * chance * (1 - chance) / times) ** 0.5
    assert mean == pytest.approx(count * chance, abs=wrong)
    assert {drawn(count, p, source) for p in (0.0, 1.0)} == {0.0, count}
