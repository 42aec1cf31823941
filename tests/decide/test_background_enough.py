"""When an hour is enough to roll back on, and what a gate's own edges add to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from canaryd.decide.background import telling
from canaryd.model.past import Column
from canaryd.model.tile import ALL, Background
from tests.decide.test_background import HOUR, NOW, even, hour, served, timed, told


@pytest.mark.parametrize(("pods", "hours"), [(1, 0.9), (2, 1.8), (3, 2.0), (10, 2.0)])
def test_no_more_is_needed_than_so_many_pods_can_show_in_an_hour(pods: int, hours: float) -> None:
    assert Background(NOW, pods, 0.0).needed == pytest.approx(hours)


@pytest.mark.parametrize("seconds", [7, 10, 35])
def test_two_pods_that_were_there_all_the_time_are_enough_whatever_the_window(seconds: int) -> None:
    """Nor does it matter that a scrape failed now and then."""
    window = timedelta(seconds=seconds)
    count = timedelta(hours=1) // window
    rows = [
        (*served("a", 100.0), *(served("b", 100.0) if number % 20 else ()))
        for number in range(count)
    ]
    columns = tuple(
        Column(NOW - (count - 1 - number) * window, each) for number, each in enumerate(rows)
    )
    made = told(columns, window=window)
    assert (made.pods, made.sufficient) == (2, True)


def test_an_hour_in_which_nobody_called_tells_nothing() -> None:
    idle = hour((*served("a", 0.0), *served("b", 0.0), *served("c", 0.0)) for _ in range(HOUR))
    made = told(idle)
    assert (made.pods, made.pod_hours, made.sufficient) == (3, 0.0, False)
    assert told(even(3)).sufficient


def test_an_edge_that_an_objective_names_is_known_and_not_compared_at() -> None:
    """At 50 and 100 ms two sides tell something; nearly nothing is slower than a second."""
    below = {50.0: 90.0, 100.0: 99.9, 500.0: 100.0, 1000.0: 100.0, ALL: 100.0}
    columns = hour(
        (*timed("a", below), *timed("b", below), *timed("c", below)) for _ in range(HOUR)
    )
    usual = told(columns)
    assert [edge.edge for edge in usual.edges] == [50.0, 100.0]
    named = told(columns, named=(1000.0, 7777.0))
    assert [edge.edge for edge in named.edges] == [50.0, 100.0, 1000.0]
    assert named.edges[-1].dispersion == 1.0
    assert telling(named.edges) == usual.edges
