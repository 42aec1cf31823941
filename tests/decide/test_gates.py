"""Rollouts judged by evidence: what is decided, when, and in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canaryd.decide.engine import decide
from canaryd.model.names import Weight
from canaryd.model.snapshot import Snapshot, Verb
from canaryd.model.spec import Step
from canaryd.model.status import HoldReason, Phase, Verdict
from tests.decide.build import (
    MINUTE,
    RATE,
    a_sample,
    a_snapshot,
    answers,
    ask,
    held,
    sec,
    started,
    steps,
    told,
    written,
)
from tests.decide.counted import (
    BAD,
    ERRORS,
    EVEN,
    FEW,
    LATENCY,
    SLO,
    THIN,
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

# --- a healthy canary ---


def test_a_healthy_canary_goes_on_as_soon_as_it_is_proven_and_its_least_stay_is_over() -> None:
    fine = {"canary": (1, 400), "primary": (9, 3600)}
    decision, _, now = walked(weighed(), many(30, **fine))
    assert (told(decision), written(decision)) == (["StepEntered"], [50])
    assert now == after(61)
    assert "inconclusive" not in decision.tidings[0].sentence


def test_with_fewer_requests_it_stays_longer_than_the_least_stay_and_not_to_the_most() -> None:
    fine = {"canary": (0, 20), "primary": (2, 180)}
    decision, before, now = walked(weighed(), many(30, **fine))
    assert written(decision) == [50]
    assert after(61) < now < after(300)
    assert before.gates[0].verdict is Verdict.UNDECIDED
    assert before.hold is None


def test_before_the_least_stay_nothing_advances_however_good_it_is() -> None:
    snap = weighed(*many(5, canary=(1, 4000), primary=(9, 36_000)))
    decision = decide(snap, after(51))
    assert gate_of(decision).verdict is Verdict.PASS
    assert (decision.actions, decision.wake_at) == ((), after(60))


def test_after_the_last_step_it_is_promoted() -> None:
    spec = judged_by(ERRORS, walk=steps(10))
    snap = weighed(spec=spec, status={"evidence": begun()})
    decision, _, _ = walked(snap, many(30, canary=(1, 400), primary=(9, 3600)))
    assert (told(decision), decision.status.phase) == (["Promoted"], Phase.IDLE)
    assert "inconclusive" not in decision.tidings[0].sentence
    assert decision.status.evidence is None
    assert decision.status.background == EVEN


# --- a bad one ---


def test_a_regression_rolls_back_in_the_very_decision_that_takes_in_the_deciding_tile() -> None:
    decision, before, now = walked(weighed(), many(30, **BAD))
    assert (told(decision), written(decision)) == (["RolledBack"], [0])
    assert now < after(60)
    rejected = decision.status.rejected
    assert rejected is not None
    assert rejected.reason == "WorseThanPrimary"
    assert (decision.status.phase, decision.status.evidence) == (Phase.IDLE, None)
    assert decision.count is None
    assert before.phase is Phase.PROGRESSING
    assert [gate.verdict for gate in before.gates] == [Verdict.UNDECIDED]


def test_latency_alone_is_enough() -> None:
    slow = {"canary": (1, 100), "slow": (20, 9)}
    decision, before, _ = walked(weighed(gates=(ERRORS, LATENCY)), many(30, **slow))
    assert told(decision) == ["RolledBack"]
    assert "latency above 100 ms: canary 20 % (" in decision.tidings[0].sentence
    assert [gate.verdict for gate in before.gates] == [Verdict.UNDECIDED] * 2


def test_of_two_gates_that_fail_the_first_ends_the_rollout() -> None:
    snap = weighed(*many(9, canary=(20, 100)), gates=(ERRORS, SLO))
    decision = decide(snap, after(91))
    assert told(decision) == ["RolledBack"]
    assert decision.tidings[0].sentence.startswith(
        "podinfo-v2 (podinfo:new) rolled back from 10 %: errors: canary 20 %"
    )
    swapped = decide(weighed(*many(9, canary=(20, 100)), gates=(SLO, ERRORS)), after(91))
    rejected = swapped.status.rejected
    assert rejected is not None
    assert rejected.reason == "ObjectiveMissed"


def test_an_outage_that_both_share_does_not_roll_back() -> None:
    shared = {"canary": (30, 100), "primary": (270, 900)}
    snap = weighed(*many(2), *tiles(*range(2, 12), **shared), *tiles(*range(12, 20)))
    decision = decide(snap, after(201))
    assert told(decision) == ["StepEntered"]


def test_an_objective_that_only_the_canary_misses_rolls_back() -> None:
    decision, _, _ = walked(weighed(gates=(SLO,)), many(30, **BAD))
    assert told(decision) == ["RolledBack"]
    rejected = decision.status.rejected
    assert rejected is not None
    assert rejected.reason == "ObjectiveMissed"


def test_an_objective_that_both_miss_holds_for_the_environment() -> None:
    snap = weighed(*many(9, canary=(10, 100), primary=(90, 900)), gates=(SLO,))
    decision = decide(snap, after(91))
    assert (held(decision), written(decision)) == (HoldReason.ENVIRONMENT, [])
    assert decision.status.step is not None
    assert decision.status.step.running_since is None


def test_evidence_of_an_unknown_dispersion_holds_for_a_person_and_rolls_back_once_it_is_known() -> (
    None
):
    snap = weighed(status={"background": THIN}, counted={"background": THIN})
    decision, _, now = walked(snap, many(30, canary=(20, 100)))
    assert (told(decision), held(decision)) == (["HoldStarted"], HoldReason.DISPERSION_UNKNOWN)
    assert written(decision) == []
    known = replace(EVEN, asked_at=now)
    later = replace(snap, status=decision.status, counting=counting(background=known))
    assert told(decide(later, now + sec(1))) == ["RolledBack"]
    promoted = replace(snap, status=decision.status, requests=(ask(Verb.PROMOTE),))
    assert written(decide(promoted, now + sec(1))) == [100]


def test_never_known_is_held_as_well() -> None:
    snap = weighed(*many(9, canary=(20, 100)), status={"background": None})
    snap = replace(snap, counting=replace(snap.counting, background=None))
    decision = decide(snap, after(91))
    assert held(decision) is HoldReason.DISPERSION_UNKNOWN
    assert decision.status.hold is not None
    assert "0 of 2 pod-hours only" in decision.status.hold.message
    assert "in about 60 min" in decision.status.hold.message


def test_a_thin_background_makes_an_older_one_more_careful_and_no_more() -> None:
    calm, wild = replace(THIN, asked_at=after(5)), replace(THIN, asked_at=after(5), errors=9.0)
    for new, errors in ((calm, 1.0), (wild, 9.0)):
        known = decide(weighed(counted={"background": new}), after(6)).status.background
        assert known == replace(EVEN, errors=errors)
    newer = replace(EVEN, asked_at=after(5), errors=2.0)
    assert decide(weighed(counted={"background": newer}), after(6)).status.background == newer
    thin = weighed(status={"background": THIN}, counted={"background": wild})
    assert decide(thin, after(6)).status.background == wild
    older = weighed(counted={"background": replace(newer, asked_at=after(-5))})
    assert decide(older, after(6)).status.background == EVEN


# --- at 100 % ---


def test_at_full_weight_a_comparison_does_not_stand_in_the_way() -> None:
    snap = weighed(*many(7, canary=(5, 1000), primary=(0, 0)), index=2)
    decision = decide(snap, after(71))
    assert told(decision) == ["Promoted"]
    early = decide(snap, after(51))
    assert gate_of(early).verdict is Verdict.PASS
    assert gate_of(early).message == "errors: at 100 % there is no primary to compare with"


def test_at_full_weight_an_objective_counts() -> None:
    bad = many(9, canary=(100, 1000), primary=(0, 0))
    assert told(decide(weighed(*bad, gates=(SLO,), index=2), after(91))) == ["RolledBack"]
    few = many(9, canary=(0, 1), primary=(0, 0))
    waits = decide(weighed(*few, gates=(ERRORS, SLO), index=2), after(91))
    assert [gate.verdict for gate in waits.status.gates] == [Verdict.PASS, Verdict.UNDECIDED]
    assert waits.actions == ()


# --- other ways to be judged ---


def test_skipping_the_analysis_asks_for_nothing_and_weighs_nothing() -> None:
    spec = replace(judged_by(ERRORS), skip_analysis=True)
    decision = decide(a_snapshot(spec=spec, status=started()), after(1))
    assert (written(decision), decision.count) == ([100], None)
    mid = decide(weighed(*many(9, **BAD), spec=spec), after(91))
    assert written(mid) == [100]


def mixed(**changes: Any) -> Snapshot:
    spec = judged_by(ERRORS, metrics=(RATE,))
    return weighed(*many(7, canary=(1, 400), primary=(9, 3600)), spec=spec, **changes)


def test_threshold_and_evidence_gates_must_both_pass() -> None:
    assert written(decide(mixed(samples=answers()), after(71))) == [50]
    missing = decide(mixed(), after(71))
    assert (missing.actions, [g.verdict for g in missing.status.gates]) == (
        (),
        [Verdict.UNDECIDED, Verdict.PASS],
    )
    failing = decide(mixed(samples=answers(a_sample(50))), after(71))
    assert told(failing) == ["CheckFailed"]
    assert failing.status.rollout is not None
    assert failing.status.rollout.failed_checks == 1


def test_evidence_is_no_failed_check() -> None:
    spec = judged_by(ERRORS, metrics=(RATE,), threshold=1)
    snap = weighed(
        *many(9, canary=(20, 100)),
        spec=spec,
        samples=answers(),
        status={"background": THIN},
        counted={"background": THIN},
    )
    decision = decide(snap, after(91))
    assert held(decision) is HoldReason.DISPERSION_UNKNOWN
    assert decision.status.rollout is not None
    assert decision.status.rollout.failed_checks == 0


def test_an_approval_is_asked_for_when_the_evidence_is_in() -> None:
    walk = (Step(Weight(10), MINUTE, approval=True), *steps(50, 100))
    spec = judged_by(ERRORS, walk=walk)
    fine = many(7, canary=(1, 400), primary=(9, 3600))
    assert held(decide(weighed(*fine, spec=spec), after(71))) is HoldReason.APPROVAL_NEEDED
    assert held(decide(weighed(*many(7, **FEW), spec=spec), after(71))) is None
