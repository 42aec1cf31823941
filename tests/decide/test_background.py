"""How the primary's pods vary: from an hour of columns to dispersions, edges and amounts."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from canaryd.decide.background import background
from canaryd.model.gates import GRPC_GOOD
from canaryd.model.past import Column, by_series
from canaryd.model.tile import ALL, Background, Row

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=10)
HOUR = 360


def end(number: int, of: int = HOUR) -> datetime:
    """The end of a column, of which the last ends now."""
    return NOW - (of - 1 - number) * WINDOW


def hour(cells: Iterable[tuple[Row, ...]]) -> tuple[Column, ...]:
    every = list(cells)
    return tuple(Column(end(number, len(every)), rows) for number, rows in enumerate(every))


def told(
    columns: tuple[Column, ...],
    *,
    served_since: datetime = NOW - timedelta(days=1),
    warm_up: timedelta = timedelta(),
    window: timedelta = WINDOW,
    named: tuple[float, ...] = (),
) -> Background:
    return background(
        by_series(columns),
        primary="v1",
        canary="v2",
        served_since=served_since,
        window=window,
        grpc_good=GRPC_GOOD,
        asked_at=NOW,
        warm_up=warm_up,
        named=named,
    )


def served(pod: str, requests: float, errors: float = 0.0, workload: str = "v1") -> tuple[Row, ...]:
    return (
        Row(workload, pod, requests - errors, code="200"),
        Row(workload, pod, errors, code="503"),
    )


def timed(pod: str, up_to: dict[float, float]) -> tuple[Row, ...]:
    return tuple(Row("v1", pod, count, edge=edge) for edge, count in up_to.items())


def even(pods: int, rate: float = 0.02, requests: int = 100) -> tuple[Column, ...]:
    """Pods that fail independently, each request alike."""
    chance = random.Random(7)
    return hour(
        sum(
            (
                served(f"a{pod}", requests, sum(chance.random() < rate for _ in range(requests)))
                for pod in range(pods)
            ),
            (),
        )
        for _ in range(HOUR)
    )


def test_pods_that_fail_independently_are_as_even_as_chance_allows() -> None:
    assert told(even(3)).errors == pytest.approx(1.0, abs=0.25)


def test_one_bad_pod_makes_the_errors_uneven() -> None:
    columns = hour(served("a", 100, 5) + served("b", 100) + served("c", 100) for _ in range(HOUR))
    assert told(columns).errors > 10


def test_one_pod_alone_is_compared_with_itself() -> None:
    bursts = hour(served("a", 100, 50 if number % 90 < 3 else 0) for number in range(HOUR))
    calm = hour(served("a", 100, 2) for _ in range(HOUR))
    assert told(bursts).errors > 10
    assert told(calm).errors == pytest.approx(1.0, abs=0.05)


def test_pods_that_followed_one_another_are_one_pod() -> None:
    columns = hour(
        served("a" if number < 200 else "b", 100, 50 if number % 90 < 3 else 0)
        for number in range(HOUR)
    )
    known = told(columns)
    assert known.errors > 10
    assert known.pods == 1


@pytest.mark.parametrize(
    ("pods", "columns", "hours", "sufficient"),
    [
        (3, 360, 3.0, True),
        (3, 230, 3 * 230 / 360, False),
        (1, 360, 1.0, True),
        (1, 200, 0.5, False),
    ],
)
def test_it_says_how_much_was_seen(
    pods: int, columns: int, hours: float, *, sufficient: bool
) -> None:
    rows = sum((served(f"a{pod}", 20) for pod in range(pods)), ())
    known = told(hour(rows for _ in range(columns)))
    assert known.pods == pods
    assert known.pod_hours == pytest.approx(hours, abs=0.1)
    assert known.sufficient is sufficient
    assert known.rate == pytest.approx(2.0 * pods)
    assert known.asked_at == NOW


def test_pods_that_died_count_for_as_long_as_they_were_seen() -> None:
    columns = hour(
        served("a", 10) + served("b", 10) + (served("dead", 10) if number < 180 else ())
        for number in range(HOUR)
    )
    known = told(columns)
    assert known.pods == 2
    assert known.pod_hours == pytest.approx(2.5)


def test_before_the_swap_the_other_workload_served() -> None:
    swap = end(179)
    columns = hour(
        served("old", 100, 0, "v2") + served("idle", 1, 1, "v1")
        if number < 180
        else served("new", 100, 0, "v1") + served("pushed", 50, 50, "v2")
        for number in range(HOUR)
    )
    known = told(columns, served_since=swap)
    assert known.errors == 1.0
    assert known.pod_hours == pytest.approx(1.0)
    assert known.rate == pytest.approx(10.0)


def test_the_column_of_the_swap_itself_is_left_out() -> None:
    columns = hour(served("a", 10) + served("b", 10, 0, "v2") for _ in range(HOUR))
    known = told(columns, served_since=end(179) - WINDOW / 2)
    assert known.pod_hours == pytest.approx((HOUR - 1) / HOUR)


def test_a_release_that_mended_the_error_rate_is_no_unevenness() -> None:
    columns = hour(
        served("a", 100, 10, "v2") + served("b", 100, 10, "v2")
        if number < 100
        else served("c", 100) + served("d", 100)
        for number in range(HOUR)
    )
    assert told(columns, served_since=end(99)).errors < 1.5


@pytest.mark.parametrize(
    ("code", "grpc", "bad"),
    [
        ("0", "", True),
        ("503", "", True),
        ("404", "", False),
        ("200", "14", True),
        ("200", "5", False),
    ],
)
def test_an_error_is_what_it_is_in_tiles(code: str, grpc: str, *, bad: bool) -> None:
    columns = hour(
        (
            Row("v1", "a", 5, code=code, grpc=grpc),
            Row("v1", "a", 95, code="200", grpc="0"),
            Row("v1", "b", 100, code="200", grpc="0"),
        )
        for _ in range(HOUR)
    )
    assert (told(columns).errors > 10) is bad


@pytest.mark.parametrize(
    ("up_to", "edges"),
    [
        # all in the telling range, and the first edge below it
        ({10: 600.0, 25: 900.0, 50: 990.0, 100: 999.0, 250: 1000.0, ALL: 1000.0}, [25, 50, 100]),
        # wholly under the first edge: it is told all the same
        ({10: 1000.0, 25: 1000.0, ALL: 1000.0}, [10]),
        # from too much to nearly nothing at once
        ({10: 100.0, 25: 999.0, 50: 1000.0, ALL: 1000.0}, [25]),
        # exactly at the ends of the range
        ({10: 700.0, 25: 998.0, 50: 998.1, ALL: 1000.0}, [10, 25, 50]),
        # nothing finite tells
        ({10: 100.0, ALL: 1000.0}, []),
        # no request was timed
        ({10: 0.0, ALL: 0.0}, []),
    ],
)
def test_the_edges_that_tell_and_always_the_first_beyond(
    up_to: dict[float, float], edges: list[float]
) -> None:
    columns = hour(timed("a", up_to) + timed("b", up_to) for _ in range(HOUR))
    assert [edge.edge for edge in told(columns).edges] == edges


def test_of_many_edges_the_slowest_eight_are_told() -> None:
    up_to = {float(edge): 700.0 + 29 * edge for edge in range(1, 11)} | {ALL: 1000.0}
    columns = hour(timed("a", up_to) for _ in range(HOUR))
    assert [edge.edge for edge in told(columns).edges] == [float(edge) for edge in range(3, 11)]


def test_each_edge_has_a_dispersion_and_a_tail_of_its_own() -> None:
    columns = hour(
        timed("a", {10: 90.0, 50: 98.0, 100: 100.0, ALL: 100.0})
        + timed("b", {10: 90.0, 50: 90.0, 100: 100.0, ALL: 100.0})
        for _ in range(HOUR)
    )
    first, second, last = told(columns).edges
    assert first.dispersion == 1.0
    assert second.dispersion > 5
    assert [edge.tail for edge in (first, second, last)] == pytest.approx([0.1, 0.06, 0.0])


def test_only_edges_that_all_pods_have_are_told() -> None:
    columns = hour(
        timed("a", {10: 90.0, 50: 99.9, ALL: 100.0}) + timed("b", {50: 99.9, ALL: 100.0})
        for _ in range(HOUR)
    )
    assert [edge.edge for edge in told(columns).edges] == [50]


def test_buckets_that_were_flushed_late_make_no_negative_counts() -> None:
    columns = hour(timed("a", {10: 101.0, ALL: 100.0}) for _ in range(HOUR))
    (edge,) = told(columns).edges
    assert (edge.edge, edge.tail, edge.dispersion) == (10, 0.0, 1.0)


def test_an_hour_of_nothing_is_not_sufficient() -> None:
    for columns in ((), hour(() for _ in range(HOUR))):
        known = told(columns)
        assert (known.pods, known.pod_hours, known.rate, known.edges) == (0, 0.0, 0.0, ())
        assert not known.sufficient


COLD = timedelta(seconds=25)
"""A warm-up that ends within a third column."""


def test_failures_of_a_pods_warm_up_are_no_unevenness() -> None:
    columns = hour(
        served("a", 100)
        + served("b", 100)
        + (served("new", 100, 90 if number < 103 else 0) if number >= 100 else ())
        for number in range(HOUR)
    )
    assert told(columns).errors > 10
    known = told(columns, warm_up=COLD)
    assert known.errors == 1.0
    assert known.pod_hours == pytest.approx((2 * HOUR + 257) / HOUR)
    assert told(columns, warm_up=timedelta(seconds=20)).errors > 10


def test_pods_that_were_there_at_first_are_past_their_warm_up() -> None:
    columns = hour(served("a", 100, 5) + served("b", 100) for _ in range(HOUR))
    assert told(columns, warm_up=COLD) == told(columns)


def test_a_pods_warm_up_is_counted_in_columns_in_which_it_was_seen() -> None:
    columns = hour(
        served("a", 100) + (served("b", 100) if number in {100, 200, 300, 301} else ())
        for number in range(HOUR)
    )
    assert told(columns, warm_up=COLD).pod_hours == pytest.approx((HOUR + 1) / HOUR)
