"""No step goes on by counts that are not of now, however good they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.decide.engine import decide
from canaryd.model.names import Weight
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import Step
from canaryd.model.status import HoldReason, Verdict
from canaryd.model.tile import Counting, Tile
from tests.decide.build import held, sec, told, written
from tests.decide.counted import (
    ERRORS,
    SLO,
    a_tile,
    after,
    counting,
    gate_of,
    judged_by,
    many,
    tiles,
    weighed,
)

LONG = (Step(Weight(10), sec(600), most=sec(1200)), Step(Weight(50), sec(60)))
GOOD = {"canary": (0, 400), "primary": (0, 3600)}


def passed_early() -> Snapshot:
    """A step of ten minutes whose gate has passed after two; so it was written."""
    snap = weighed(*many(12, **GOOD), spec=judged_by(ERRORS, walk=LONG))
    decision = decide(snap, after(121))
    assert gate_of(decision).verdict is Verdict.PASS
    return replace(snap, status=decision.status, counting=counting())


@pytest.mark.parametrize(
    "known",
    [Counting(), counting(), counting(*many(13, **GOOD))],
    ids=["nothing was asked yet", "the clock is known", "one tile has come"],
)
def test_after_a_restart_a_step_that_had_passed_waits_for_what_was_counted_meanwhile(
    known: Counting,
) -> None:
    decision = decide(replace(passed_early(), counting=known), after(720))
    assert (written(decision), told(decision), held(decision)) == ([], [], None)


def test_after_a_restart_a_canary_that_turned_bad_meanwhile_is_taken_back() -> None:
    missed = (*tiles(*range(12, 18), **GOOD), *tiles(*range(18, 70), canary=(160, 400)))
    decision = decide(replace(passed_early(), counting=counting(*missed)), after(720))
    assert told(decision) == ["RolledBack"]


def test_once_everything_was_read_the_step_that_had_passed_goes_on() -> None:
    missed = tiles(*range(12, 70), **GOOD)
    decision = decide(replace(passed_early(), counting=counting(*missed)), after(720))
    assert written(decision) == [50]


def warned(tile: Tile) -> Tile:
    return replace(tile, reservation="the answer is partial: one store is away")


def not_scraped(tile: Tile) -> Tile:
    return replace(tile, rows=(), pods=())


def in_a_gap(tile: Tile) -> Tile:
    return replace(tile, pods=tuple(replace(pod, at_start=None, known=True) for pod in tile.pods))


def stale(tile: Tile) -> Tile:
    late = timedelta(minutes=5)
    pods = (replace(pod, at_end=tile.end - late, at_start=tile.start - late) for pod in tile.pods)
    return replace(tile, pods=tuple(pods))


@pytest.mark.parametrize("spoilt", [warned, not_scraped, in_a_gap, stale])
def test_while_the_latest_counts_could_not_be_used_a_step_that_had_passed_is_held(
    spoilt: object,
) -> None:
    assert callable(spoilt)
    bad = [spoilt(a_tile(number, canary=(400, 400))) for number in range(12, 60)]
    blind = replace(passed_early(), counting=counting(*bad))
    decision = decide(blind, after(611))
    assert (written(decision), held(decision)) == ([], HoldReason.METRICS_UNAVAILABLE)
    again = tiles(60, 61, **GOOD)
    seen = replace(blind, status=decision.status, counting=counting(*bad, *again))
    assert written(decide(seen, after(631))) == [50]


def test_at_full_weight_a_comparison_needs_no_counts_and_an_objective_does() -> None:
    for gate, reasons in ((ERRORS, ["Promoted"]), (SLO, [])):
        snap = weighed(gates=(gate,), index=2, counted={"skew": None})
        assert told(decide(snap, after(3600))) == reasons
