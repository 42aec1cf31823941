"""Answers without a value: never a failed check, each kind with its own policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.decide.engine import decide
from canaryd.model.answered import Answered
from canaryd.model.snapshot import Sample, Snapshot
from canaryd.model.spec import MissingPolicy, Otherwise
from canaryd.model.status import (
    Gate,
    Hold,
    HoldReason,
    Missing,
    Pause,
    Phase,
    Verdict,
)
from tests.decide.build import (
    MINUTE,
    T0,
    a_sample,
    a_snapshot,
    a_spec,
    an_analysis,
    answers,
    at_step,
    held,
    sec,
    started,
    told,
    written,
)

PAUSE = Pause("ann", "lunch", T0)
KINDS = [
    pytest.param(Answered.NO_DATA, HoldReason.NO_CANARY_DATA, id="no data"),
    pytest.param(Answered.UNAVAILABLE, HoldReason.METRICS_UNAVAILABLE, id="unavailable"),
    pytest.param(Answered.REFUSED, HoldReason.QUERY_REFUSED, id="refused"),
]


def silent(answered: Answered, at: float = 60) -> dict[str, Sample]:
    return answers(a_sample(None, at=at, answered=answered, detail="words"))


def spec_with(policy: MissingPolicy) -> object:
    return a_spec(an_analysis(no_data=policy, unavailable=policy))


@pytest.mark.parametrize(("answered", "reason"), KINDS)
def test_no_value_holds_and_is_no_failed_check(answered: Answered, reason: HoldReason) -> None:
    decision = decide(at_step(1, samples=silent(answered)), T0 + MINUTE)
    status = decision.status
    assert status.hold == Hold(reason, "request-success-rate: words", T0 + MINUTE)
    assert status.rollout is not None
    assert status.rollout.failed_checks == 0
    assert status.gates[0].verdict is Verdict.NO_DATA
    assert status.gates[0].missing == Missing(reason, T0 + MINUTE)
    assert decision.actions == ()


@pytest.mark.parametrize(
    ("answered", "reason"),
    KINDS[1:],
)
def test_before_any_traffic_the_metrics_server_must_answer(
    answered: Answered, reason: HoldReason
) -> None:
    snap = a_snapshot(status=started(), samples=silent(answered, at=0))
    decision = decide(snap, T0)
    assert (decision.actions, held(decide(snap, T0 + sec(0)))) == ((), reason)


def gone_silent(answered: Answered, reason: HoldReason, **changes: object) -> Snapshot:
    gate = Gate("request-success-rate", Verdict.NO_DATA, "", T0, missing=Missing(reason, T0))
    return at_step(1, samples=silent(answered), status={"gates": (gate,)}, **changes)


POLICY = MissingPolicy(timedelta(minutes=5), Otherwise.ROLL_BACK)


@pytest.mark.parametrize(("answered", "reason"), KINDS)
def test_after_the_policys_time_it_rolls_back(answered: Answered, reason: HoldReason) -> None:
    snap = gone_silent(answered, reason, spec=spec_with(POLICY))
    early = decide(snap, T0 + sec(299))
    late = decide(snap, T0 + sec(300))
    assert early.status.phase is Phase.PROGRESSING
    if reason is HoldReason.QUERY_REFUSED:
        assert (late.status.phase, early.wake_at) == (Phase.PROGRESSING, None)
    else:
        assert (late.status.phase, early.wake_at) == (Phase.IDLE, T0 + sec(300))
        assert "request-success-rate: words, for more than 5m" in late.tidings[0].sentence


def test_the_default_is_to_hold_for_ever() -> None:
    snap = gone_silent(Answered.NO_DATA, HoldReason.NO_CANARY_DATA)
    assert held(decide(snap, T0 + sec(999_999))) is HoldReason.NO_CANARY_DATA


def test_after_the_policys_time_it_advances_and_is_not_held_again() -> None:
    spec = spec_with(replace(POLICY, then=Otherwise.ADVANCE))
    snap = gone_silent(Answered.NO_DATA, HoldReason.NO_CANARY_DATA, spec=spec)
    assert held(decide(snap, T0 + sec(299))) is HoldReason.NO_CANARY_DATA
    assert written(decide(snap, T0 + sec(300))) == [100]
    paused = gone_silent(
        Answered.NO_DATA, HoldReason.NO_CANARY_DATA, spec=spec, rollout={"paused": PAUSE}
    )
    assert held(decide(paused, T0 + sec(300))) is HoldReason.PAUSED


def test_another_kind_of_silence_has_its_own_time() -> None:
    spec = spec_with(POLICY)
    snap = gone_silent(Answered.UNAVAILABLE, HoldReason.NO_CANARY_DATA, spec=spec)
    assert held(decide(snap, T0 + sec(300))) is HoldReason.METRICS_UNAVAILABLE


def test_a_more_important_hold_does_not_reset_the_time() -> None:
    snap = gone_silent(Answered.NO_DATA, HoldReason.NO_CANARY_DATA, spec=spec_with(POLICY))
    hold = Hold(HoldReason.API_UNAVAILABLE, "silent", T0 + sec(290))
    snap = replace(snap, status=replace(snap.status, hold=hold))
    assert decide(snap, T0 + sec(300)).status.phase is Phase.IDLE


def test_the_first_policy_that_rolls_back_is_enough() -> None:
    queue = replace(an_analysis().metrics[0], name="queue", query="up")
    analysis = an_analysis(metrics=(*an_analysis().metrics, queue), no_data=POLICY)
    gates = tuple(
        Gate(name, Verdict.NO_DATA, name, T0, missing=Missing(HoldReason.NO_CANARY_DATA, T0))
        for name in ("request-success-rate", "queue")
    )
    decision = decide(at_step(1, spec=a_spec(analysis), status={"gates": gates}), T0 + sec(300))
    assert told(decision) == ["RolledBack"]


def test_a_restart_forgets_the_sample_and_not_the_hold() -> None:
    snap = replace(gone_silent(Answered.NO_DATA, HoldReason.NO_CANARY_DATA), samples={})
    assert held(decide(snap, T0 + MINUTE)) is HoldReason.NO_CANARY_DATA
    older = replace(snap.status.step, live_since=T0 + sec(1))  # type: ignore[type-var]
    again = replace(snap, status=replace(snap.status, step=older))
    assert held(decide(again, T0 + MINUTE)) is None
    assert decide(again, T0 + sec(2)).status.gates[0].verdict is Verdict.UNDECIDED


def test_a_verdict_stands_until_the_next_and_is_counted_once() -> None:
    gate = Gate("request-success-rate", Verdict.FAIL, "bad", T0 + MINUTE, 1.0)
    rollout = {"failed_checks": 1, "failed_at": T0 + MINUTE}
    snap = at_step(1, status={"gates": (gate,)}, rollout=rollout)
    status = decide(snap, T0 + sec(70)).status
    assert status.gates == (gate,)
    assert status.rollout == snap.status.rollout


def test_nothing_is_judged_while_the_steps_weight_is_not_live() -> None:
    step = replace(at_step(1).status.step, live_since=None, running_since=None)  # type: ignore[type-var]
    snap = at_step(1, status={"step": step}, samples=answers(a_sample(1)), stale="silent")
    assert decide(snap, T0 + MINUTE).status.gates == ()


def test_silence_from_before_the_weight_was_live_does_not_count() -> None:
    spec = spec_with(replace(POLICY, then=Otherwise.ADVANCE))
    snap = gone_silent(Answered.NO_DATA, HoldReason.NO_CANARY_DATA, spec=spec)
    step = replace(at_step(1).status.step, live_since=T0 + sec(60))  # type: ignore[type-var]
    snap = replace(snap, status=replace(snap.status, step=step))
    assert held(decide(snap, T0 + sec(300))) is HoldReason.NO_CANARY_DATA
    assert decide(snap, T0 + sec(300)).wake_at == T0 + sec(360)
