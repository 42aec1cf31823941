"""No answer and no requests: what evidence that stays away does to a rollout."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.weigh import take_in
from canaryd.model.answered import Answered
from canaryd.model.gates import Reporter
from canaryd.model.names import Weight
from canaryd.model.spec import MissingPolicy, Otherwise, Step
from canaryd.model.status import Gate, HoldReason, Missing, Verdict
from tests.decide.build import (
    MINUTE,
    T0,
    held,
    sec,
    step_state,
    told,
    written,
)
from tests.decide.counted import (
    BAD,
    ERRORS,
    EVEN,
    SILENT,
    a_tile,
    after,
    counting,
    evidence_of,
    gate_of,
    judged_by,
    many,
    silence,
    weighed,
)
from tests.decide.scales import scales

ROLL_BACK = MissingPolicy(timedelta(minutes=10), Otherwise.ROLL_BACK)
ADVANCE = MissingPolicy(timedelta(minutes=10), Otherwise.ADVANCE)


@pytest.mark.parametrize(("answered", "reason"), SILENT)
def test_silence_holds_and_keeps_the_evidence(answered: Answered, reason: HoldReason) -> None:
    snap = weighed(*many(3), counted=silence(answered, 5))
    decision = decide(snap, after(31))
    assert held(decision) is reason
    gate = gate_of(decision)
    assert gate.message == "errors: the metrics server does not answer"
    assert (gate.verdict, gate.missing) == (Verdict.NO_DATA, Missing(reason, after(5)))
    assert evidence_of(decision).tiles == 3
    assert decision.status.rollout is not None
    assert decision.status.rollout.failed_checks == 0


def test_after_the_policys_time_silence_rolls_back() -> None:
    spec = judged_by(ERRORS, unavailable=ROLL_BACK)
    snap = weighed(spec=spec, counted=silence(at=5))
    early, late = decide(snap, after(604)), decide(snap, after(605))
    assert (held(early), early.wake_at) == (HoldReason.METRICS_UNAVAILABLE, after(605))
    assert told(late) == ["RolledBack"]
    rejected = late.status.rejected
    assert rejected is not None
    assert rejected.reason == "MetricsUnavailable"


UNAVAILABLE = Missing(HoldReason.METRICS_UNAVAILABLE, T0)


def test_silence_is_timed_from_the_live_weight_on() -> None:
    spec = judged_by(ERRORS, unavailable=ROLL_BACK)
    back = replace(step_state(), live_since=after(700))
    for gates in ((), (Gate("errors", Verdict.NO_DATA, "", T0, None, UNAVAILABLE),)):
        status = {"step": back, "gates": gates}
        snap = weighed(spec=spec, status=status, counted=silence(at=5))
        assert decide(snap, after(701)).wake_at == after(1300)


def test_the_time_of_a_silence_survives_a_restart() -> None:
    gate = Gate("errors", Verdict.NO_DATA, "", T0, None, UNAVAILABLE)
    snap = weighed(status={"gates": (gate,)}, counted=silence(at=200))
    assert gate_of(decide(snap, after(201))).missing == UNAVAILABLE
    other = weighed(status={"gates": (gate,)}, counted=silence(Answered.REFUSED, at=200))
    refused = gate_of(decide(other, after(201))).missing
    assert refused == Missing(HoldReason.QUERY_REFUSED, after(200))


def test_evidence_that_suffices_is_not_silenced() -> None:
    snap = weighed(*many(9, **BAD), counted=silence())
    assert told(decide(snap, after(91))) == ["RolledBack"]


# --- no requests ---


NOBODY: dict[str, Any] = {"canary": (0, 0), "primary": (0, 0)}


def test_requests_that_were_due_and_did_not_come_are_missing_data() -> None:
    few = {"canary": (0, 0), "primary": (0, 17)}
    assert held(decide(weighed(*many(2, **few)), after(21))) is None
    decision = decide(weighed(*many(3, **few)), after(31))
    assert held(decision) is HoldReason.NO_CANARY_DATA
    assert gate_of(decision).message == (
        "errors: no request to podinfo-v2 for 30s, where about 6 were expected at 10 %"
    )
    assert gate_of(decision).missing == Missing(HoldReason.NO_CANARY_DATA, T0)


def test_a_canary_that_is_seldom_called_is_not_missed_too_soon() -> None:
    rare = {"canary": (0, 0), "primary": (0, 1)}
    assert held(decide(weighed(*many(10, **rare)), after(101))) is None
    steps_ = (Step(Weight(10), MINUTE, most=timedelta(hours=1)),)
    snap = weighed(*many(60, **rare), spec=judged_by(ERRORS, walk=steps_))
    counts = replace(snap, counting=counting(*many(40, **rare)))
    assert held(decide(counts, after(401))) is None
    quick = judged_by(ERRORS, walk=steps_, no_data=replace(ADVANCE, after=sec(60)))
    hold = weighed(*many(6, **rare), spec=replace(quick, analysis=quick.analysis))
    assert written(decide(hold, after(61))) == [100]


def test_when_a_waypoint_counts_what_was_to_be_counted_at_the_destination_that_is_said() -> None:
    ambient = [
        replace(tile, rows=(), pods=(), counted_by=Reporter.WAYPOINT) for tile in many(3, **NOBODY)
    ]
    decision = decide(weighed(*ambient), after(31))
    assert gate_of(decision).verdict is Verdict.NO_DATA
    assert gate_of(decision).message == (
        "errors: the requests of podinfo-v2 and podinfo-v1 are counted by "
        'reporter="waypoint", as in ambient mode, none for 30s by reporter="destination": '
        "set analysis.reporter to waypoint"
    )
    evidence = decision.status.evidence
    assert evidence is not None
    assert evidence.counted_by is Reporter.WAYPOINT
    mended = take_in(evidence, (a_tile(3),), scales())
    assert mended.counted_by is None


def test_when_nobody_calls_either_side_that_is_said() -> None:
    decision = decide(weighed(*many(3, **NOBODY)), after(31))
    assert gate_of(decision).message == (
        "errors: neither podinfo-v2 nor podinfo-v1 got a request for 30s"
    )
    assert held(decision) is HoldReason.NO_CANARY_DATA


@pytest.mark.parametrize(
    ("policy", "at", "news"),
    [
        (ROLL_BACK, 599, ["HoldStarted"]),
        (ROLL_BACK, 600, ["RolledBack"]),
        (ADVANCE, 599, ["HoldStarted"]),
        (ADVANCE, 600, ["StepEntered"]),
        (replace(ADVANCE, then=Otherwise.HOLD), 99_999, ["HoldStarted"]),
    ],
)
def test_the_policy_for_no_requests_applies_after_its_time(
    policy: MissingPolicy, at: float, news: list[str]
) -> None:
    spec = judged_by(ERRORS, no_data=policy)
    assert told(decide(weighed(*many(3, **NOBODY), spec=spec), after(at))) == news


@pytest.mark.parametrize(
    ("rate", "silent_for", "holds"),
    [(0.0, 3, True), (100.0, 3, True), (1 / 60, 29, False), (1 / 60, 31, True), (0.01, 60, True)],
)
def test_a_service_that_is_seldom_called_does_not_flap_into_a_hold(
    rate: float, silent_for: int, holds: bool
) -> None:
    """None of five requests came that the last hour promises; or `noData.after` is over."""
    known = {"background": replace(EVEN, rate=rate)}
    quiet = many(silent_for, canary=(0, 0), primary=(0, 0))
    snap = weighed(*quiet, status=known, counted=known)
    decision = decide(snap, after(10 * silent_for + 1))
    assert (held(decision) is HoldReason.NO_CANARY_DATA) is holds
