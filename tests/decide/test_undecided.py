"""What time alone decides: steps in which evidence is neither good nor bad."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.names import Weight
from canaryd.model.status import HoldReason
from tests.decide.build import (
    held,
    sec,
    step_state,
    steps,
    told,
    weights,
    written,
)
from tests.decide.counted import (
    ERRORS,
    EVEN,
    FEW,
    LATENCY,
    a_tile,
    after,
    begun,
    counting,
    gate_of,
    judged_by,
    many,
    tiles,
    walked,
    weighed,
)


def test_what_is_undecided_at_the_most_stay_goes_on_and_says_what_it_excludes() -> None:
    decision, _, now = walked(weighed(), many(60, **FEW))
    assert (told(decision), written(decision)) == (["StepEntered"], [50])
    assert after(300) <= now < after(312)
    assert decision.tidings[0].sentence == (
        "podinfo-v2 enters step 2 of 3 (50 %); the step before was inconclusive: errors: "
        "canary 0 % (0 of 90) vs primary 0 % (0 of 810); excluded for the canary: more than 5.72 %"
    )


def test_it_wakes_at_the_most_stay() -> None:
    decision = decide(weighed(*many(7, **FEW)), after(71))
    assert decision.wake_at == after(300)
    counted = many(28, canary=(0, 3), primary=(0, 27))
    assert decide(weighed(*counted), after(300)).actions


def test_what_was_counted_while_nobody_looked_comes_first() -> None:
    """A daemon that was away for minutes: its first look has none of the tiles of that time."""
    decision = decide(weighed(*many(7, **FEW)), after(300))
    assert not decision.actions
    assert decision.status.hold is None
    unknown = weighed(*many(28, canary=(0, 3), primary=(0, 27)), counted={"skew": None})
    assert not decide(unknown, after(300)).actions
    still = replace(step_state(), running_since=None, stayed=sec(90))
    assert decide(weighed(status={"step": still}), after(301)).actions == ()


def test_a_take_over_below_the_first_step_has_its_most_stay() -> None:
    below = step_state(-1, 5)
    snap = weighed(*many(31, **FEW), status={"step": below, "canary_weight": Weight(5)})
    snap = replace(snap, routing=weights(5))
    assert decide(snap, after(299)).actions == ()
    assert written(decide(snap, after(311))) == [10]


def test_a_promotion_says_that_its_last_step_was_inconclusive() -> None:
    spec = judged_by(ERRORS, walk=steps(10))
    snap = weighed(spec=spec, status={"evidence": begun()})
    decision, _, _ = walked(snap, many(60, **FEW))
    assert told(decision) == ["Promoted"]
    assert "; its last step was inconclusive: errors: canary 0 % (0 of 90)" in (
        decision.tidings[0].sentence
    )


def test_what_looks_bad_at_the_most_stay_waits_for_more_requests() -> None:
    doubtful = (*many(3, canary=(4, 100)), *tiles(*range(3, 31), **FEW))
    decision = decide(weighed(*doubtful), after(311))
    assert (held(decision), written(decision)) == (HoldReason.EVIDENCE_AGAINST, [])
    assert decision.status.hold is not None
    assert decision.status.hold.message.endswith(
        "too much to go on, not enough to roll back: more requests will decide"
    )
    better = weighed(*doubtful, *tiles(*range(31, 40), canary=(0, 300), primary=(27, 2700)))
    assert written(decide(better, after(401))) == [50]


@pytest.mark.parametrize("reservation", ["a warning of the server"])
def test_time_alone_passes_no_step_while_the_counts_cannot_be_used(reservation: str) -> None:
    unread = tuple(replace(a_tile(n), reservation=reservation) for n in range(31))
    decision = decide(weighed(*unread), after(311))
    assert held(decision) is HoldReason.METRICS_UNAVAILABLE
    assert decision.status.hold is not None
    assert decision.status.hold.message == (
        "31 intervals counted for nothing, the last because a warning of the server"
    )
    one = weighed(*many(30, **FEW), *unread[30:])
    hold = decide(one, after(311)).status.hold
    assert hold is not None
    assert hold.message.startswith("one interval counted for nothing, the last because")
    again = replace(one, counting=counting(*many(30, **FEW), *unread[30:], a_tile(31, **FEW)))
    assert written(decide(again, after(321))) == [50]


def test_latencies_that_nobody_knows_are_inconclusive() -> None:
    edgeless = replace(EVEN, edges=())
    snap = weighed(*many(31), gates=(LATENCY,), status={"background": edgeless})
    snap = replace(snap, counting=replace(snap.counting, background=edgeless))
    decision = decide(snap, after(71))
    assert gate_of(decision, "latency").message == (
        "latency: not known yet which latencies tell; no bucket edge to compare at"
    )
    assert gate_of(decision, "latency").samples == 0
    late = decide(snap, after(311))
    assert written(late) == [50]
    assert "latency: nothing could be compared" in late.tidings[0].sentence
