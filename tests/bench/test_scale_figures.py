"""Figures of a window, each worked out by hand."""

from __future__ import annotations

import pytest

from bench.scale.figures import Result, Spread, result, spread, together
from bench.scale.growth import mean, objects, slope
from bench.scale.scenarios import round_of
from tests.bench.made import STATUS, a_result, released, window

RELEASED = (*released("a/one", at=100), *released("a/two", at=103))


def summed(count: int = 2, *, releases: int = 2) -> Result:
    return result(
        "release",
        count,
        window(RELEASED),
        way="thresholds",
        interval=10,
        ticks=12,
        more={"promoted": 2},
        releases=releases,
    )


def test_a_spread_tells_nearest_ranks_whatever_the_order() -> None:
    hundred = [float(n) for n in range(100, 0, -1)]
    assert spread(hundred) == Spread(100, 50.0, 90.0, 99.0, 100.0)
    assert str(spread([3.0])) == "3.00/3.00/3.00"
    assert str(spread([])) == "-"


def test_requests_are_told_per_release_per_tick_and_per_advancing_tick() -> None:
    found = summed()
    assert found.number("requests") == 2 * 21
    assert found.number("requests each") == 21
    assert found.number("requests per tick") == 3.5
    assert found.number("requests per advancing tick") == 3
    assert found.per_release(STATUS) == 8
    assert found.per_tick(STATUS) == 1
    assert found.each("patch virtualservices") == 6
    assert found.per_release("get canaries") == 0
    assert found.per_tick("get canaries") is None
    assert found.per_tick("update leases") is None


def test_the_lease_is_among_the_requests_by_kind_and_in_no_sum() -> None:
    found = summed()
    assert found.requests["update leases"] == 20
    assert found.number("writes") == 2 * 21


def test_the_processor_is_told_per_tick_and_per_release() -> None:
    found = summed()
    assert found.number("CPU ms per tick") == 3000 / 12
    assert found.number("CPU ms each") == 3000 / 2
    assert found.number("CPU % of a core") == pytest.approx(3.0)
    assert found.number("CPU % in the busiest thread") == pytest.approx(2.5)
    assert found.number("decisions each") == 28
    assert found.number("machine busy %") == 50
    assert found.number("etcd CPU %") == 10


def test_without_a_release_what_is_of_each_is_of_each_canary() -> None:
    found = summed(4, releases=0)
    assert found.number("requests each") == 10.5
    assert found.per_release(STATUS) == 0


def test_queries_are_counted_by_tick_and_a_tile_has_two_sides() -> None:
    found = summed()
    assert found.number("Prometheus queries per tick") == 50 / 12
    assert found.number("workloads asked") == 100
    assert "CPU ms per tile" not in found.figures
    tiles = result(
        "release",
        2,
        window(asked=window().asked + type(window().asked)({"tiles": 60})),
        way="evidence",
        interval=10,
        ticks=12,
        more={},
        releases=2,
    )
    assert tiles.number("tiles each") == 15
    assert tiles.number("CPU ms per tile") == 100


def test_refusals_for_being_too_many_are_told() -> None:
    refused = window().requests + type(window().requests)({f"{STATUS} 429": 3})
    found = result(
        "idle", 1, window(requests=refused), way="thresholds", interval=10, ticks=1, more={}
    )
    assert found.number("refused for being too many") == 3


def test_writes_of_weights_less_than_a_debounce_apart_are_one_batch() -> None:
    found = together([10.55, 10.0, 10.09, 10.14, 10.29, 12.5])
    assert found["weights written together"] == Spread(4, 1, 3, 3, 3)
    kept_open = found["debounce kept open s"]
    assert isinstance(kept_open, Spread)
    assert kept_open.most == pytest.approx(0.24)
    assert found["seconds without a weight written %"] == pytest.approx(100 / 3)
    assert together([]) == {}


def test_a_figure_that_is_no_number_is_not_taken_for_one() -> None:
    with pytest.raises(TypeError):
        a_result(figures={"late s": spread([1.0])}).number("late s")


def test_memory_that_grows_has_the_slope_of_its_line() -> None:
    assert slope([(0.0, 100.0), (0.5, 103.0), (1.0, 106.0)]) == pytest.approx(6.0)
    assert slope([(0.0, 100.0), (0.5, 90.0), (1.0, 100.0)]) == pytest.approx(0.0)
    assert slope([(0.2, 100.0)]) == 0.0
    assert mean([(0.0, 1.0), (9.0, 3.0)]) == 2.0
    assert mean([]) == 0.0


def test_objects_are_compared_from_the_end_of_the_warm_up() -> None:
    censuses = [
        (0.0, {"a": 1, "b": 1, "allocated blocks": 10}),
        (0.2, {"a": 10, "b": 5, "allocated blocks": 50}),
        (1.0, {"a": 14, "b": 4, "c": 1, "allocated blocks": 70}),
    ]
    found = objects(censuses)
    assert (found["objects after warm-up"], found["objects at the end"]) == (15, 19)
    assert found["allocated blocks, then and at the end"] == "50 70"
    assert found["more of"] == "a +4, c +1"
    assert objects([]) == {}


def test_the_deciding_round_begins_with_the_first_of_its_answers() -> None:
    assert round_of([1.0, 10.0, 10.4, 11.3]) == 10.0  # each less than a second after the last
    assert round_of([1.0, 10.0, 11.1]) == 11.1
    assert round_of([5.0]) == 5.0
