"""No step is passed, and no policy is kept waiting, by counts that are not of now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from canaryd.decide.engine import decide
from canaryd.model.gates import Evidential
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import MissingPolicy, Otherwise
from canaryd.model.status import HoldReason, Phase
from canaryd.model.tile import Tile
from tests.decide.build import V2, held, sec, steps
from tests.decide.counted import ERRORS, NAMES, SLO, a_tile, after, following, judged_by, weighed

SOON = MissingPolicy(timedelta(minutes=2), Otherwise.ROLL_BACK)
ON = MissingPolicy(timedelta(minutes=2), Otherwise.ADVANCE)
AWAY = "partial answer: a store is away"


def walked(snap: Snapshot, tile: Callable[[int], Tile], *, tiles: int) -> tuple[float, Snapshot]:
    """Decide as each tile comes; returns when the rollout ended, or the last instant."""
    for number in range(tiles):
        snap = replace(snap, counting=replace(snap.counting, tiles=(tile(number),)))
        _, snap = following(snap, after(10 * number + 11))
        if snap.status.phase is not Phase.PROGRESSING:
            return 10 * number + 11, snap
    return 10 * tiles + 1, snap


def primary_gone(number: int) -> Tile:
    """Four in ten of the canary's requests fail, and nobody scrapes the primary."""
    if number < 6:
        return a_tile(number)
    tile = a_tile(number, canary=(40, 100), primary=(0, 0))
    pods = tuple(
        pod if pod.workload == NAMES[V2] else replace(pod, at_end=None) for pod in tile.pods
    )
    return replace(tile, pods=pods, rows=tuple(r for r in tile.rows if r.workload == NAMES[V2]))


def partial(number: int) -> Tile:
    return a_tile(number) if number < 3 else a_tile(number, reservation=AWAY)


@pytest.mark.parametrize("tile", [primary_gone, partial])
def test_counts_that_cannot_be_used_are_missing_data_and_their_policy_holds(
    tile: Callable[[int], Tile],
) -> None:
    gates = (ERRORS,)
    snap = weighed(gates=gates, spec=judged_by(*gates, unavailable=SOON))
    ended, snap = walked(snap, tile, tiles=40)
    assert ended <= 201
    assert snap.status.rejected is not None
    assert snap.status.rejected.reason == "MetricsUnavailable"
    assert "for more than 2m" in snap.status.rejected.message
    patient = weighed(gates=gates, spec=judged_by(*gates))
    _, snap = walked(patient, tile, tiles=40)
    assert snap.status.hold is not None
    assert snap.status.hold.reason is HoldReason.METRICS_UNAVAILABLE


def test_who_wants_to_go_on_without_counts_does_so() -> None:
    gates = (ERRORS,)
    snap = weighed(gates=gates, spec=judged_by(*gates, unavailable=ON))
    _, snap = walked(snap, partial, tiles=60)
    assert snap.status.step is not None
    assert snap.status.step.index > 0


def test_a_span_or_two_that_cannot_be_used_hold_nothing() -> None:
    snap = weighed(gates=(ERRORS,))
    _, snap = walked(snap, lambda n: partial(n) if n in {4, 5} else a_tile(n), tiles=7)
    assert snap.status.hold is None


def test_where_nothing_is_compared_any_more_counts_are_not_needed() -> None:
    """At 100 % a comparison rests on nothing; an objective still does."""
    unread = tuple(a_tile(number, reservation=AWAY) for number in range(5))
    assert held(decide(weighed(*unread, index=2), after(51))) is None
    promised = weighed(*unread, gates=(ERRORS, SLO), index=2)
    assert held(decide(promised, after(51))) is HoldReason.METRICS_UNAVAILABLE


@pytest.mark.parametrize("one_in", [3, 8, 1000])
def test_a_refused_span_now_and_then_does_not_put_off_what_is_due_without_requests(
    one_in: int,
) -> None:
    def quiet(number: int) -> Tile:
        if number < 3:
            return a_tile(number)
        if number % one_in == 0:
            return a_tile(number, reservation="another server answered than before")
        return a_tile(number, canary=(0, 0), primary=(0, 20))

    snap = weighed(gates=(ERRORS,), spec=judged_by(ERRORS, no_data=SOON))
    ended, snap = walked(snap, quiet, tiles=60)
    assert ended < 180
    assert snap.status.rejected is not None
    assert snap.status.rejected.reason == "NoCanaryData"


def test_time_alone_passes_no_step_of_which_nothing_was_counted_yet() -> None:
    """As with spans of five minutes, or a server that tells ten minutes late."""
    slow = Evidential((ERRORS,), evaluate_every=sec(300))
    spec = judged_by(ERRORS, evidence=slow)
    snap = weighed(gates=(ERRORS,), spec=spec)
    for seconds in range(20, 1100, 20):
        decision, snap = following(snap, after(seconds))
        assert decision.status.step is not None
        assert decision.status.step.index == 0


def test_each_step_is_heard_for_three_spans_whatever_it_asks_for() -> None:
    walk = tuple(replace(step, most=sec(20), least=sec(10)) for step in steps(10, 50, 100))

    def unclear(number: int) -> Tile:
        return a_tile(number, canary=(1, 20), primary=(9, 180))

    snap = weighed(gates=(ERRORS,), spec=judged_by(ERRORS, walk=walk))
    entered: list[int] = []
    for number in range(4):
        snap = replace(snap, counting=replace(snap.counting, tiles=(unclear(number),)))
        _, snap = following(snap, after(10 * number + 11))
        assert snap.status.step is not None
        entered.append(snap.status.step.index)
    assert entered == [0, 0, 1, 1]


def set_back(tiles: int) -> Snapshot:
    """The metrics server's clock goes back by twenty minutes, and no tile comes any more."""
    snap = weighed(gates=(ERRORS,))
    for number in range(tiles):
        snap = replace(snap, counting=replace(snap.counting, tiles=(a_tile(number),)))
        _, snap = following(snap, after(10 * number + 11))
    return replace(snap, counting=replace(snap.counting, tiles=(), skew=sec(-1200)))


def test_a_servers_clock_that_is_set_back_holds_until_it_has_caught_up() -> None:
    snap = set_back(6)
    decision = decide(snap, after(71))
    assert held(decision) is HoldReason.METRICS_UNAVAILABLE
    assert decision.status.hold is not None
    assert "what was counted ends 19m49s after" in decision.status.hold.message
    for seconds in (400, 800, 1200):
        decision, snap = following(snap, after(seconds))
        assert decision.status.step is not None
        assert decision.status.step.index == 0
    caught_up = decide(snap, after(1260))
    assert held(caught_up) is None


def none(number: int) -> Tile:
    return a_tile(number, canary=(0, 0))


@pytest.mark.parametrize("back", [0, 600])
def test_silence_is_noticed_although_canaryds_clock_was_set_back(back: float) -> None:
    snap = weighed(gates=(ERRORS,))

    def ours(number: int) -> datetime:
        return after(10 * number + 11 - back)

    changes = (after(5),)
    evidence = snap.status.evidence
    assert evidence is not None
    status = replace(snap.status, evidence=replace(evidence, changes=changes))
    snap = replace(snap, status=status, counting=replace(snap.counting, skew=sec(back)))
    holds: set[HoldReason | None] = set()
    for number in range(12):
        tile = replace(none(number), skew=sec(back))
        snap = replace(snap, counting=replace(snap.counting, tiles=(tile,)))
        decision, snap = following(snap, ours(number))
        holds.add(held(decision))
    assert holds & {HoldReason.NO_CANARY_DATA, HoldReason.TRAFFIC_NOT_FOLLOWING}
