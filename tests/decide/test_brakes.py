"""Why nothing advances: brakes and contests; which hold is shown, and when it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.names import NO_TRAFFIC, Weight
from canaryd.model.snapshot import Verb
from canaryd.model.status import (
    Contest,
    Hold,
    HoldReason,
    Pause,
    Phase,
)
from tests.decide.build import (
    IDLE,
    MINUTE,
    PRIMARY,
    SEEN,
    T0,
    V2,
    a_sample,
    a_snapshot,
    a_spec,
    a_workload,
    an_analysis,
    answers,
    ask,
    at_step,
    held,
    sec,
    told,
    weights,
    with_work,
    written,
)
from tests.decide.written import after

PAUSE = Pause("ann", "lunch", T0)
CONTEST = Contest("argocd", T0, T0, 2, weights(50).share(V2))
PASSING = answers()


BRAKED = [
    pytest.param({"stale": "silent"}, HoldReason.API_UNAVAILABLE, id="stale watch"),
    pytest.param({"spec": a_spec(suspend=True)}, HoldReason.SUSPENDED, id="suspended"),
    pytest.param({"rollout": {"paused": PAUSE}}, HoldReason.PAUSED, id="paused"),
    pytest.param({"status": {"contest": CONTEST}}, HoldReason.WEIGHTS_CONTESTED, id="contested"),
]


@pytest.mark.parametrize(("changes", "reason"), BRAKED)
def test_a_brake_takes_the_advance_away(changes: dict[str, object], reason: HoldReason) -> None:
    decision = decide(at_step(1, samples=PASSING, **changes), T0 + MINUTE)
    assert (decision.actions, told(decision)) == ((), ["HoldStarted"])
    assert decision.status.hold is not None
    assert decision.status.hold.reason is reason
    assert decision.status.step is not None
    assert decision.status.step.index == 1


@pytest.mark.parametrize(("changes", "reason"), BRAKED)
def test_a_brake_does_not_stop_a_rollback(changes: dict[str, object], reason: HoldReason) -> None:
    known = dict(changes)
    known["rollout"] = {"failed_checks": 1, **dict(changes.get("rollout", {}))}  # type: ignore[call-overload]
    decision = decide(at_step(1, samples=answers(a_sample(90)), **known), T0 + MINUTE)
    assert (written(decision), decision.status.phase) == ([0], Phase.IDLE)
    assert reason is not None


@pytest.mark.parametrize(("changes", "reason"), BRAKED[:3])
def test_a_brake_does_not_restore_a_rise(changes: dict[str, object], reason: HoldReason) -> None:
    decision = decide(at_step(1, **changes | {"routing": weights(20, writer="helm")}), T0)
    assert (decision.actions, decision.status.canary_weight) == ((), 20)
    assert decision.status.hold is not None
    assert decision.status.hold.reason is reason


@pytest.mark.parametrize(("changes", "reason"), BRAKED[:3])
def test_a_brake_is_for_rollouts_only(changes: dict[str, object], reason: HoldReason) -> None:
    known = {key: value for key, value in changes.items() if key != "rollout"}
    snap = with_work(a_snapshot(**known), canary=a_workload("podinfo-v2", SEEN))
    assert decide(snap, T0).status.hold is None
    assert reason is not None


def test_a_pause_says_who_and_why_and_how_to_go_on() -> None:
    hold = decide(at_step(rollout={"paused": PAUSE}), T0).status.hold
    assert hold is not None
    assert hold.message == "paused by ann: lunch; go on with: canaryd resume podinfo -n demo"
    hold = decide(at_step(rollout={"paused": replace(PAUSE, reason="")}), T0).status.hold
    assert hold is not None
    assert hold.message.startswith("paused by ann; go on")


def test_the_most_important_hold_is_shown() -> None:
    snap = at_step(
        1,
        stale="silent",
        spec=a_spec(suspend=True),
        rollout={"paused": PAUSE},
        samples=answers(a_sample(None)),
    )
    assert held(decide(snap, T0 + MINUTE)) is HoldReason.API_UNAVAILABLE
    assert held(decide(replace(snap, stale=None), T0 + MINUTE)) is HoldReason.NO_CANARY_DATA
    assert (
        held(decide(replace(snap, stale=None, samples=PASSING), T0 + MINUTE))
        is HoldReason.SUSPENDED
    )


def test_a_hold_is_told_once_and_keeps_its_beginning() -> None:
    known = Hold(HoldReason.API_UNAVAILABLE, "silent for 2m", T0)
    snap = at_step(stale="silent for 3m", status={"hold": known})
    decision = decide(snap, T0 + MINUTE)
    assert decision.tidings == ()
    assert decision.status.hold == replace(known, message="silent for 3m")


@pytest.mark.parametrize(
    ("reason", "news"),
    [(HoldReason.API_UNAVAILABLE, ["HoldEnded"]), (HoldReason.PAUSED, [])],
    ids=["nobody's fault", "a person's wish"],
)
def test_the_end_of_a_hold_is_told_unless_a_person_ended_it(
    reason: HoldReason, news: list[str]
) -> None:
    assert told(decide(at_step(status={"hold": Hold(reason, "", T0)}), T0)) == news


# --- somebody else writes the weights ---


@pytest.mark.parametrize(("edited", "to"), [(80, 50), (20, 50)], ids=["raised", "lowered"])
def test_an_edit_is_restored_once_and_its_writer_named(edited: int, to: int) -> None:
    snap = at_step(1, routing=weights(edited, writer="argocd"))
    decision = decide(snap, T0 + sec(5))
    assert (written(decision), told(decision)) == ([to], ["WeightSet"])
    assert decision.tidings[0].sentence == (
        f"argocd changed the canary's weight from 50 % to {edited} %; canaryd restores it once;"
        " to take the release back: canaryd abort podinfo -n demo"
    )
    contest = Contest("argocd", T0 + sec(5), T0 + sec(5), 1, weights(min(edited, 50)).share(V2))
    assert decision.status.contest == contest
    assert decision.status.step is not None
    assert decision.status.step.live_since == T0 + sec(5)


def test_the_second_edit_is_a_contest_in_which_the_lower_weight_stands() -> None:
    snap = at_step(
        1,
        routing=weights(80, writer="argocd"),
        status={"contest": replace(CONTEST, count=1, weight=Weight(20))},
    )
    decision = decide(snap, T0 + MINUTE)
    assert written(decision) == [20]
    assert decision.status.contest is not None
    assert (decision.status.contest.count, decision.status.contest.weight) == (2, 20)
    assert decision.status.hold is not None
    assert "argocd keeps writing the weights of VirtualService podinfo" in (
        decision.status.hold.message
    )
    assert decision.wake_at == T0 + 11 * MINUTE


def test_the_contest_is_over_after_ten_quiet_minutes() -> None:
    snap = at_step(1, routing=weights(20), status={"contest": CONTEST, "canary_weight": 20})
    assert decide(snap, T0 + sec(599)).actions == ()
    decision = decide(snap, T0 + sec(600))
    assert (written(decision), decision.status.contest) == ([50], None)


def test_canaryds_own_write_before_a_crash_is_no_edit() -> None:
    assert decide(at_step(1, routing=weights(100)), T0).status.contest is None


def test_a_writer_without_a_name_is_an_unknown_one() -> None:
    decision = decide(at_step(1, routing=weights(80, writer=None)), T0)
    assert decision.tidings[0].sentence.startswith("an unknown writer changed")


def test_where_the_pair_sums_to_90_a_pause_leaves_the_step_live() -> None:
    snap = at_step(
        routing=weights(4, total=90),
        status={"canary_weight": 5},
        rollout={"paused": PAUSE},
        spec=a_spec(an_analysis(steps=(replace(an_analysis().steps[0], weight=Weight(5)),))),
    )
    step = replace(snap.status.step, weight=Weight(5), count=1)  # type: ignore[type-var]
    decision = decide(replace(snap, status=replace(snap.status, step=step)), T0 + sec(9))
    assert decision.actions == ()
    assert decision.status.step == step
    interrupted = replace(snap.status, step=step, canary_weight=NO_TRAFFIC)
    decision = decide(replace(snap, status=interrupted), T0 + sec(9))
    assert (decision.actions, decision.status.canary_weight) == ((), 5)


def test_a_foreign_weight_at_rest_is_taken_back() -> None:
    snap = with_work(
        a_snapshot(status=IDLE, routing=weights(30, writer="helm")),
        canary=a_workload("podinfo-v2", SEEN),
        primary=PRIMARY,
    )
    decision = decide(snap, T0)
    assert written(decision) == [0]
    assert decision.tidings[0].sentence == (
        "helm changed the canary's weight from 0 % to 30 %; canaryd puts it back: nothing is being"
        " released; to give the traffic to podinfo-v2: kubectl rollout restart"
        " deployment/podinfo-v2 -n demo, then canaryd promote podinfo -n demo"
    )


def test_a_canary_at_rest_whose_weights_somebody_keeps_writing_is_not_said_to_be_ready() -> None:
    status = replace(IDLE, contest=replace(CONTEST, count=1, weight=Weight(0)))
    snap = with_work(
        a_snapshot(status=status, routing=weights(100, writer="kubectl-edit")),
        canary=a_workload("podinfo-v2", SEEN),
        primary=PRIMARY,
    )
    decision = decide(snap, T0 + MINUTE)
    assert written(decision) == [0]
    facts = {c.type: c for c in after(snap, decision).conditions}
    assert (facts["Ready"].status, facts["Ready"].reason) == ("False", "WeightsContested")
    assert "podinfo-v1 serves, so that they are put back each time" in facts["Ready"].message
    assert "waits until 10m pass without such a write" in facts["Ready"].message
    assert "abort" not in facts["Ready"].message


def test_of_a_canary_that_is_being_deleted_nothing_rises_and_what_is_bad_falls() -> None:
    good = decide(at_step(samples=answers(), deleting=True), T0 + MINUTE)
    assert (written(good), held(good)) == ([], HoldReason.SUSPENDED)
    asked = at_step(1, requests=(ask(Verb.ABORT),), deleting=True)
    assert written(decide(asked, T0 + MINUTE)) == [0]
