"""Latency buckets: how many requests were slower than an edge."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from canaryd.decide.tiles import Side, read
from canaryd.model.tile import ALL, Row
from tests.decide.build import T0, V2
from tests.decide.counted import NEW_POD, a_pod, outcomes, timings
from tests.decide.frame import FRAME, bare


@dataclass(frozen=True)
class Histogram:
    """Rows of two pods of the canary, and what is known of its slow requests then."""

    rows: tuple[Row, ...]
    timed: float
    slow: dict[float, float] = field(default_factory=dict[float, float])


def edge_rows(pod: str, below: dict[float, float]) -> tuple[Row, ...]:
    return tuple(Row("podinfo-v2", pod, count, edge=edge) for edge, count in below.items())


HISTOGRAMS: dict[str, Histogram] = {
    "what is not below an edge was slower": Histogram(
        edge_rows(NEW_POD, {50: 60, 100: 90, ALL: 100}), 100, {50: 40, 100: 10}
    ),
    "several pods are added": Histogram(
        (*edge_rows(NEW_POD, {50: 60, ALL: 100}), *edge_rows("second", {50: 5, ALL: 10})),
        110,
        {50: 45},
    ),
    "rows of one pod and edge are added": Histogram(
        (*edge_rows(NEW_POD, {50: 60, ALL: 100}), *edge_rows(NEW_POD, {50: 5, ALL: 10})),
        110,
        {50: 45},
    ),
    "only edges that all pods have are compared": Histogram(
        (
            *edge_rows(NEW_POD, {25: 1, 50: 60, 100: 90, ALL: 100}),
            *edge_rows("second", {50: 5, 75: 6, 100: 7, ALL: 10}),
        ),
        110,
        {50: 45, 100: 13},
    ),
    "a pod without its whole is left out": Histogram(
        (*edge_rows(NEW_POD, {50: 60, 100: 90}), *edge_rows("second", {50: 5, ALL: 10})),
        10,
        {50: 5},
    ),
    "without any whole nothing was timed": Histogram(edge_rows(NEW_POD, {50: 60}), 0),
    "buckets a moment apart are no negative count": Histogram(
        edge_rows(NEW_POD, {50: 101, ALL: 100}), 100, {50: 0}
    ),
}


@pytest.mark.parametrize("case", HISTOGRAMS.values(), ids=HISTOGRAMS)
def test_a_histogram_says_how_many_were_slow(case: Histogram) -> None:
    counts, refusal = read(bare(*case.rows, pods=(a_pod(V2, "second", T0),)), FRAME)
    assert refusal is None
    assert counts is not None
    assert counts.canary == Side(0, 0, case.timed, case.slow)


def test_requests_that_were_timed_are_not_counted_as_requests() -> None:
    tile = bare(*outcomes(V2, NEW_POD, 1, 100), *timings(V2, NEW_POD, 10, 98))
    counts, _ = read(tile, FRAME)
    assert counts is not None
    assert counts.canary == Side(100, 1, 98, {100: 10})
