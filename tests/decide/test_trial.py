"""A rollout in thought walks, fails and ends as a real one would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from canaryd.decide.trial import Course, Outcome, Source, trial
from canaryd.model.gates import EvidenceGate, Evidential
from canaryd.model.spec import Step
from canaryd.model.tile import Background, Row, Tile
from tests.decide.build import MINUTE, T0, sec, steps
from tests.decide.counted import (
    BAD,
    ERRORS,
    EVEN,
    EVERY,
    FEW,
    LATENCY,
    SLO,
    THIN,
    a_tile,
    after,
)

LAG = sec(1)
FINE: dict[str, Any] = {"canary": (1, 400), "primary": (9, 3600)}
FIVE = timedelta(minutes=5)


def course(*gates: EvidenceGate, walk: tuple[Step, ...] | None = None) -> Course:
    return Course(
        rules=Evidential(gates or (ERRORS,)),
        steps=walk or steps(10, 50),
        canary="podinfo-v2",
        primary="podinfo-v1",
        lag=LAG,
    )


def always(**counts: Any) -> Source:
    """The same counts for ever."""
    return lambda start, step: a_tile((start - T0) // EVERY, **counts)


def by_step(counts: Callable[[Step], dict[str, Any]], *, until: datetime) -> Source:
    """Counts that depend on the step, and none from then on."""

    def source(start: datetime, step: Step) -> Tile | None:
        return always(**counts(step))(start, step) if start < until else None

    return source


def walked(source: Source, of: Course | None = None, *, known: Background | None = EVEN) -> Outcome:
    return trial(of or course(), source, known, begin_at=T0)


def test_a_healthy_canary_walks_all_steps_in_their_least_time() -> None:
    found = walked(always(**FINE))
    assert (found.failed, found.finished, found.inconclusive) == (None, True, 0)
    assert found.step == 1
    # a tile is known a second after its end, and the second step begins then
    assert found.after == sec(61) + sec(60)


def test_tiles_next_to_a_change_of_weight_are_no_evidence() -> None:
    found = walked(always(**FINE))
    # 12 tiles were seen; the first of each step reaches to within 5 s of the rise
    assert found.canary_requests == 400 * (12 - 2)
    early = walked(always(**FINE), replace(course(), settles=sec(60)))
    assert early.after > found.after


def test_it_begins_where_it_is_told_to_and_tells_how_long_it_took_from_there() -> None:
    asked: list[datetime] = []

    def source(start: datetime, step: Step) -> Tile:
        asked.append(start)
        return a_tile((start - T0) // EVERY, **FINE)

    later = trial(course(), source, EVEN, begin_at=after(7200))
    assert asked[:2] == [after(7200), after(7210)]
    assert later == walked(always(**FINE))


def test_a_bad_canary_is_taken_back_by_the_gate_that_sees_it() -> None:
    found = walked(always(**BAD))
    assert (found.failed, found.finished, found.step) == ("errors", False, 0)
    assert sec(21) <= found.after < MINUTE
    assert found.canary_requests == 100 * (found.after // EVERY - 1)
    assert walked(always(**BAD), course(SLO)).failed == "slo"
    slow = always(canary=(1, 100), slow=(30, 9))
    assert walked(slow, course(ERRORS, LATENCY)).failed == "latency"


def test_a_canary_that_fails_under_more_load_is_taken_back_in_that_step() -> None:
    source = by_step(lambda step: FINE if step.weight == 10 else BAD, until=after(3600))
    found = walked(source)
    assert (found.failed, found.step) == ("errors", 1)
    assert found.after > sec(61)


def test_most_requests_failing_ends_it_in_two_tiles_even_next_to_the_rise() -> None:
    found = walked(always(canary=(95, 100)))
    assert (found.failed, found.after) == ("most requests failed", sec(21))
    assert found.step == 0


def test_where_the_past_ends_it_is_not_finished() -> None:
    found = walked(by_step(lambda step: FINE, until=after(90)))
    assert (found.failed, found.finished, found.step) == (None, False, 1)
    assert found.after == sec(91)


def test_without_any_past_nothing_happened() -> None:
    found = walked(lambda start, step: None)
    assert found == Outcome(None, timedelta(), 0, 0, finished=False)


def test_a_step_that_time_alone_passed_is_counted() -> None:
    found = walked(always(**FEW), course(walk=steps(10, 30, 50)))
    assert (found.failed, found.finished, found.step) == (None, True, 2)
    assert found.inconclusive == 3
    assert found.after == pytest.approx(3 * FIVE, abs=sec(30))


def test_what_looks_bad_does_not_go_on_by_time_alone() -> None:
    def source(start: datetime, step: Step) -> Tile | None:
        doubtful = {"canary": (4, 100)} if after(10) < start <= after(40) else FEW
        return always(**doubtful)(start, step) if start < after(1200) else None

    found = walked(source)
    assert (found.failed, found.finished, found.step) == (None, False, 0)


WHOLE = steps(10, 100)
NO_PRIMARY = {"canary": (1, 4000), "primary": (0, 0)}


def test_at_full_weight_there_is_nothing_to_compare_with_and_it_ends_all_the_same() -> None:
    source = by_step(lambda step: FINE if step.weight == 10 else NO_PRIMARY, until=after(3600))
    found = walked(source, course(walk=WHOLE))
    assert (found.failed, found.finished, found.inconclusive) == (None, True, 0)
    assert found.after == sec(61) + MINUTE


def test_at_full_weight_an_objective_counts() -> None:
    missed = {"canary": (400, 4000), "primary": (0, 0)}
    source = by_step(lambda step: FINE if step.weight == 10 else missed, until=after(3600))
    found = walked(source, course(ERRORS, SLO, walk=WHOLE))
    assert (found.failed, found.step) == ("slo", 1)


@pytest.mark.parametrize("known", [None, THIN], ids=["unknown", "thin"])
def test_where_nobody_knows_how_pods_differ_a_bad_canary_waits_for_a_person(
    known: Background | None,
) -> None:
    worse = by_step(lambda step: BAD, until=after(900))
    found = walked(worse, known=known)
    assert (found.failed, found.finished, found.step) == (None, False, 0)
    assert found.undecided
    assert (walked(worse).failed, walked(worse).undecided) == ("errors", False)


def test_an_objective_that_the_primary_misses_as_well_is_not_the_canarys_fault() -> None:
    missed: dict[str, Any] = {"canary": (10, 100), "primary": (90, 900)}
    found = walked(by_step(lambda step: missed, until=after(900)), course(SLO))
    assert (found.failed, found.finished, found.step) == (None, False, 0)
    alone = by_step(lambda step: BAD, until=after(900))
    assert walked(alone, course(SLO)).failed == "slo"


def test_a_canary_that_gets_no_request_is_waited_for() -> None:
    silent = by_step(lambda step: {"canary": (0, 0)}, until=after(900))
    found = walked(silent)
    assert (found.failed, found.finished, found.step) == (None, False, 0)


def test_counts_that_belong_to_nobody_hold_it() -> None:
    def lost(start: datetime, step: Step) -> Tile | None:
        tile = always(**FINE)(start, step)
        if tile is None or start >= after(900):
            return None
        return replace(tile, rows=(*tile.rows, Row("unknown", "", 3.0, code="503")))

    found = walked(lost)
    assert (found.failed, found.finished, found.canary_requests) == (None, False, 0)


def test_what_nobody_may_be_blamed_for_takes_no_time_of_the_step() -> None:
    def outage(start: datetime, step: Step) -> Tile | None:
        tile = always(**FINE)(start, step)
        if tile is not None and after(20) <= start < after(50):
            return replace(tile, rows=(*tile.rows, Row("unknown", "", 3.0, code="503")))
        return tile

    assert walked(outage).after == walked(always(**FINE)).after + sec(30)


def test_latencies_that_nobody_knows_rest_on_no_requests() -> None:
    found = walked(always(**FINE), course(LATENCY, walk=steps(10)), known=None)
    assert (found.finished, found.canary_requests, found.inconclusive) == (True, 0, 1)
