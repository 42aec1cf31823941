"""How long counts could not be used is told by the tiles that were looked at, not by the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.weigh import take_in
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import MissingPolicy, Otherwise
from canaryd.model.status import HoldReason, Phase
from canaryd.model.tile import Tile
from tests.decide.build import held, sec
from tests.decide.counted import (
    ERRORS,
    SLOW,
    a_tile,
    after,
    begun,
    following,
    judged_by,
    many,
    weighed,
)
from tests.decide.scales import gate, scales

AWAY = "partial answer: a store is away"


def impatient(after: float, *, no_data: bool = False) -> Snapshot:
    policy = MissingPolicy(timedelta(seconds=after), Otherwise.ROLL_BACK)
    spec = judged_by(ERRORS, no_data=policy) if no_data else judged_by(ERRORS, unavailable=policy)
    return weighed(gates=(ERRORS,), spec=spec)


def with_tiles(snap: Snapshot, *tiles: Tile) -> Snapshot:
    return replace(snap, counting=replace(snap.counting, tiles=tiles))


def refused(*numbers: int) -> tuple[Tile, ...]:
    return tuple(a_tile(number, reservation=AWAY) for number in numbers)


@pytest.mark.parametrize("read", [32, 120])
def test_a_hiccup_in_what_an_outage_left_behind_rolls_nothing_back(read: int) -> None:
    """Twenty minutes are caught up with, in parts or at once; four spans of them were partial."""
    bad = {28, 29, 30, 31}
    tiles = tuple(refused(n)[0] if n in bad else a_tile(n) for n in range(120))
    decision = decide(with_tiles(impatient(600), *tiles[:read]), after(1211))
    assert decision.status.phase is Phase.PROGRESSING
    assert decision.status.canary_weight > 0


@pytest.mark.parametrize("skew", [None, timedelta()])
def test_after_a_restart_what_was_not_read_yet_is_not_taken_for_bad(
    skew: timedelta | None,
) -> None:
    decision, snap = following(with_tiles(impatient(600), *refused(0, 1, 2, 3)), after(51))
    assert held(decision) is HoldReason.METRICS_UNAVAILABLE
    later = replace(snap, counting=replace(snap.counting, tiles=(), skew=skew))
    decision = decide(later, after(900))
    assert decision.status.phase is Phase.PROGRESSING


def test_one_span_that_cannot_be_used_is_no_reason_to_roll_back_however_short_the_wait() -> None:
    snap = impatient(1)
    for number in range(8):
        tile = refused(number)[0] if number in {4, 5} else a_tile(number)
        decision, snap = following(with_tiles(snap, tile), after(10 * number + 11))
        assert decision.status.phase is Phase.PROGRESSING
    decision, snap = following(with_tiles(snap, *refused(8, 9, 10)), after(121))
    assert snap.status.rejected is not None
    assert snap.status.rejected.reason == "MetricsUnavailable"


def test_time_that_nobody_saw_is_not_time_without_requests() -> None:
    def none(number: int) -> Tile:
        return a_tile(number, canary=(0, 0), primary=(0, 20))

    snap = impatient(300, no_data=True)
    script = [none(0), none(1), *refused(*range(2, 61)), none(61)]
    for number, tile in enumerate(script):
        _, snap = following(with_tiles(snap, tile), after(10 * number + 11))
    assert snap.status.phase is Phase.PROGRESSING
    assert snap.status.hold is not None
    assert snap.status.hold.reason is HoldReason.NO_CANARY_DATA


def test_an_objective_is_about_the_canary_though_nobody_times_the_primary() -> None:
    def found(*whose: str) -> str | None:
        tile = replace(a_tile(slow=(1, 9)), untimed="of … the series are missing", untimed_of=whose)
        return gate(take_in(begun(), (tile,), scales(SLOW)), "slow").unjudged

    assert found("podinfo-v1") is None
    assert found("podinfo-v2") is not None
    assert found() is not None


def test_the_row_is_told_in_the_status_and_ends_with_what_counts() -> None:
    evidence = take_in(begun(), (*many(2), *refused(2, 3, 4)), scales())
    assert evidence.refused is not None
    assert (evidence.refused.since, evidence.refused.lasted) == (after(20), sec(30))
    again = take_in(evidence, (a_tile(5), *refused(6)), scales()).refused
    assert again is not None
    assert (again.since, again.count) == (after(60), 4)
