"""From a push to promoted or rejected: the rules of a rollout, one sentence each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import Decision, Observe, SetWeight
from canaryd.model.names import Revision, Weight
from canaryd.model.snapshot import Snapshot, Verb
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import HoldReason, Phase, Promoted, Rejected, Status
from tests.decide.build import (
    CANARY,
    IDLE,
    MINUTE,
    NEW,
    OLD,
    OTHER,
    PRIMARY,
    ROLLOUT,
    SEEN,
    T0,
    V1,
    V2,
    a_sample,
    a_snapshot,
    a_spec,
    a_workload,
    an_analysis,
    answers,
    ask,
    at_step,
    sec,
    started,
    steps,
    weights,
    with_work,
)


def told(decision: Decision) -> list[str]:
    return [news.reason for news in decision.tidings]


def written(decision: Decision) -> list[int]:
    return [action.weight for action in decision.actions]


def at_rest(**changes: object) -> Snapshot:
    """Nothing new: the idle slot holds what was seen."""
    snap = a_snapshot(**changes)
    return with_work(snap, canary=a_workload("podinfo-v2", SEEN))


REJECTED = Rejected(NEW, "CheckFailed", "failed check 2 of 2", T0, previous=SEEN)
AFTER_A_MINUTE = T0 + MINUTE


@pytest.mark.parametrize(
    ("snap", "phase", "news"),
    [
        pytest.param(at_rest(), Phase.IDLE, [], id="nothing new, nothing to do"),
        pytest.param(a_snapshot(), Phase.PROGRESSING, ["RolloutStarted"], id="a push starts"),
        pytest.param(
            a_snapshot(spec=a_spec(suspend=True)),
            Phase.PROGRESSING,
            ["RolloutStarted", "HoldStarted"],
            id="a push while suspended starts, and is held",
        ),
        pytest.param(
            with_work(a_snapshot(), canary=replace(CANARY, revision=None, moved=True)),
            Phase.IDLE,
            [],
            id="a push starts when its revision has a name",
        ),
        pytest.param(
            a_snapshot(status=replace(IDLE, rejected=REJECTED)),
            Phase.IDLE,
            ["RejectedRevision"],
            id="a revision pushed again after its rejection is not started",
        ),
        pytest.param(
            a_snapshot(status=replace(IDLE, rejected=REJECTED, idle_revision=NEW)),
            Phase.IDLE,
            [],
            id="that it was pushed again is told once",
        ),
        pytest.param(
            with_work(
                a_snapshot(status=replace(IDLE, rejected=REJECTED, idle_revision=NEW)),
                canary=a_workload("podinfo-v2", SEEN),
            ),
            Phase.IDLE,
            ["PutBack"],
            id="putting the slot back after a rejection is no push",
        ),
        pytest.param(
            with_work(a_snapshot(), primary=replace(PRIMARY, revision=OTHER)),
            Phase.PROGRESSING,
            ["ServingSlotChanged", "RolloutStarted"],
            id="a push to the serving slot is said at once and does not stop the other",
        ),
        pytest.param(
            with_work(at_rest(), primary=replace(PRIMARY, revision=None, moved=True)),
            Phase.PROGRESSING,
            ["RolloutStarted"],
            id="a serving slot without a name is not yet news",
        ),
    ],
)
def test_at_rest(snap: Snapshot, phase: Phase, news: list[str]) -> None:
    decision = decide(snap, T0)
    assert (decision.status.phase, told(decision), written(decision)) == (phase, news, [])


def test_the_serving_slots_new_revision_is_what_serves_now() -> None:
    snap = with_work(at_rest(), primary=replace(PRIMARY, revision=OTHER, images={"podinfo": "x"}))
    assert decide(snap, T0).status.promoted == Promoted(OTHER, T0, {"podinfo": "x"})


def test_a_rollout_knows_what_the_slot_held_before() -> None:
    rollout = decide(a_snapshot(), T0).status.rollout
    assert rollout is not None
    assert (rollout.revision, rollout.previous, rollout.id) == (NEW, SEEN, "podinfo-new-1")


def test_before_the_rejected_revision_the_slot_held_what_counts() -> None:
    status = replace(IDLE, rejected=replace(REJECTED, revision=OTHER), idle_revision=OTHER)
    rollout = decide(a_snapshot(status=status), T0).status.rollout
    assert rollout is not None
    assert rollout.previous == SEEN


@pytest.mark.parametrize(
    ("observed", "index", "step_weight", "writes"),
    [
        (0, None, None, []),
        (7, -1, 7, []),
        (10, 0, 10, []),
        (49, 0, 10, [10]),
        (50, 1, 50, []),
    ],
    ids=[
        "without traffic the other slot is noted as seen",
        "below the first step the observed weight is step 0",
        "on a step it begins there",
        "between two steps it begins at the lower one",
        "with equal weights the first slot is the primary",
    ],
)
def test_take_over(
    observed: int, index: int | None, step_weight: int | None, writes: list[int]
) -> None:
    decision = decide(a_snapshot(status=Status(), routing=weights(observed, writer="helm")), T0)
    status = decision.status
    assert (status.primary_slot, status.idle_slot) == (V1, V2)
    assert status.promoted == Promoted(OLD, T0, PRIMARY.images)
    step = status.step and (status.step.index, status.step.weight)
    assert step == (None if index is None else (index, step_weight))
    assert written(decision) == writes
    assert told(decision) == (["TakenOver"] if index is None else ["RolloutStarted", "WeightSet"])


def test_the_slot_with_more_weight_is_the_primary() -> None:
    status = decide(a_snapshot(status=Status(), routing=weights(90)), T0).status
    assert (status.primary_slot, status.idle_slot, status.canary_weight) == (V2, V1, 10)


def test_a_pair_that_sums_to_three_is_taken_over_without_blaming_anybody() -> None:
    routing = replace(weights(1, total=3, writer="helm"), total=100)
    decision = decide(a_snapshot(status=Status(), routing=routing), T0)
    assert (written(decision), decision.status.contest) == ([10], None)


@pytest.mark.parametrize("slot", [V1, V2])
def test_nothing_is_taken_over_before_both_revisions_are_known(slot: object) -> None:
    snap = a_snapshot(status=Status(), requests=(ask(Verb.ABORT),))
    work = {
        name: replace(w, revision=None) if name == slot else w for name, w in snap.workloads.items()
    }
    assert decide(replace(snap, workloads=work), T0) == Decision(status=Status())


def test_slots_of_another_name_are_taken_over_anew() -> None:
    spec = a_spec()
    blue = replace(spec.slots[1], name="blue")
    snap = at_step(1, spec=replace(spec, slots=(spec.slots[0], blue)))  # type: ignore[arg-type]
    routing = replace(weights(50), weights={V1: 50, "blue": 50})
    work = {V1: PRIMARY, "blue": CANARY}
    decision = decide(replace(snap, workloads=work, routing=routing), T0)  # type: ignore[arg-type]
    assert (decision.status.idle_slot, told(decision)) == ("blue", ["RolloutStarted", "WeightSet"])


@pytest.mark.parametrize(
    ("snap", "at", "step", "writes"),
    [
        pytest.param(a_snapshot(status=started()), 0, None, [], id="no answer yet, no traffic"),
        pytest.param(
            a_snapshot(status=started(), samples=answers(a_sample(at=-1))),
            0,
            None,
            [],
            id="an answer from before the rollout does not count",
        ),
        pytest.param(
            a_snapshot(status=started(), samples=answers(a_sample(None, at=0))),
            0,
            0,
            [10],
            id="the server answers that it knows nothing of the canary yet",
        ),
        pytest.param(
            at_step(samples=answers(a_sample(at=60))), 60, 1, [50], id="stay over, sample passes"
        ),
        pytest.param(at_step(samples=answers()), 59, 0, [], id="not before the least stay"),
        pytest.param(at_step(), 3600, 0, [], id="not without a sample"),
        pytest.param(
            at_step(samples=answers(a_sample(at=59))),
            120,
            0,
            [],
            id="not on a sample whose window began before the step",
        ),
        pytest.param(
            at_step(samples=answers(a_sample(90))), 60, 0, [], id="not after a failed check"
        ),
        pytest.param(
            at_step(2, samples=answers()), 60, None, [], id="after the last step it is promoted"
        ),
        pytest.param(
            at_step(1, samples=answers(), spec=a_spec(an_analysis(steps=steps(10, 50)))),
            60,
            None,
            [100],
            id="promotion goes from the last step to 100 at once",
        ),
        pytest.param(
            at_step(-1, samples=answers()),
            60,
            0,
            [10],
            id="below the first step it stays an interval",
        ),
        pytest.param(
            a_snapshot(status=started(), spec=a_spec(skip_analysis=True)),
            0,
            None,
            [100],
            id="skipAnalysis: 100 as soon as ready",
        ),
        pytest.param(
            with_work(
                a_snapshot(status=started(), spec=a_spec(skip_analysis=True)),
                canary=replace(CANARY, ready=2),
            ),
            0,
            None,
            [],
            id="skipAnalysis: not before it is ready",
        ),
    ],
)
def test_steps(snap: Snapshot, at: float, step: int | None, writes: list[int]) -> None:
    decision = decide(snap, T0 + sec(at))
    assert decision.status.step is None or decision.status.step.index == step
    assert (decision.status.step is None) is (step is None)
    assert written(decision) == writes


def test_promotion_swaps_the_roles() -> None:
    decision = decide(at_step(2, samples=answers()), AFTER_A_MINUTE)
    after = decision.status
    assert (after.phase, after.primary_slot, after.idle_slot) == (Phase.IDLE, V2, V1)
    assert (after.canary_weight, after.idle_revision) == (0, OLD)
    assert after.promoted == Promoted(NEW, AFTER_A_MINUTE, CANARY.images)
    assert (told(decision), decision.observe) == (["Promoted"], ())


def test_a_promotion_that_another_canaryd_began_is_finished() -> None:
    snap = at_step(2, status={"phase": Phase.PROMOTING})
    assert decide(snap, T0).status.primary_slot == V2
    lost = with_work(snap, canary=replace(CANARY, ready=0))
    decision = decide(lost, T0)
    assert (written(decision), decision.status.phase) == ([0], Phase.PROMOTING)


def test_a_rise_onto_fewer_pods_than_its_share_is_warned_of() -> None:
    snap = with_work(
        at_step(samples=answers()),
        canary=replace(CANARY, replicas=1, ready=1),
        primary=replace(PRIMARY, replicas=10, ready=10),
    )
    (news,) = decide(snap, AFTER_A_MINUTE).tidings
    assert news.sentence == (
        "podinfo-v2 enters step 2 of 3 (50 %), with 1 ready pods where 50 % of podinfo-v1's would be 5"
    )


def test_the_step_that_asks_for_approval_says_so_and_waits() -> None:
    walk = (steps(10)[0], replace(steps(50)[0], approval=True), steps(100)[0])
    spec = a_spec(an_analysis(steps=walk))
    entering = decide(at_step(samples=answers(), spec=spec), AFTER_A_MINUTE)
    assert entering.tidings[0].sentence.endswith("step 2 of 3 (50 %), then waits for approval")
    snap = at_step(1, samples=answers(), spec=spec)
    waiting = decide(snap, AFTER_A_MINUTE)
    assert waiting.status.hold is not None
    assert waiting.status.hold.reason is HoldReason.APPROVAL_NEEDED
    assert waiting.status.hold.message == (
        "step 2 of 3 (50 %) waits for approval: canaryd approve podinfo -n demo --step 2"
    )
    approved = at_step(1, samples=answers(), spec=spec, rollout={"approved_step": 1})
    assert written(decide(approved, AFTER_A_MINUTE)) == [100]
    other = at_step(1, samples=answers(), spec=spec, rollout={"approved_step": 0})
    assert written(decide(other, AFTER_A_MINUTE)) == []


@pytest.mark.parametrize(
    ("walk", "index", "weight", "news"),
    [
        ((10, 50, 100), 1, 50, []),
        ((20, 50, 80, 100), 1, 50, []),
        ((40, 100), 0, 40, ["StepEntered"]),
        ((30, 40, 60), 1, 40, ["StepEntered"]),
        ((60, 100), -1, 50, ["StepEntered"]),
        ((50,), 0, 50, ["StepEntered"]),
    ],
    ids=[
        "the same steps change nothing",
        "more steps around it change nothing but the count",
        "the largest step not above the weight",
        "also when the index is the same",
        "below the first step: the weight stays",
        "fewer steps",
    ],
)
def test_steps_edited_in_mid_rollout(
    walk: tuple[int, ...], index: int, weight: int, news: list[str]
) -> None:
    snap = at_step(
        1, spec=a_spec(an_analysis(steps=steps(*walk))), requests=(ask(Verb.APPROVE, step=2),)
    )
    decision = decide(snap, T0 + sec(5))
    step = decision.status.step
    assert step is not None
    assert (step.index, step.weight, step.count) == (index, weight, len(walk))
    assert step.entered_at == (T0 + sec(5) if news else T0)
    assert told(decision) == news


def test_an_approval_does_not_outlive_its_step() -> None:
    spec = a_spec(an_analysis(steps=steps(20, 40)))
    decision = decide(at_step(1, rollout={"approved_step": 1}, spec=spec), T0)
    assert decision.status.rollout is not None
    assert decision.status.rollout.approved_step is None


def test_an_edit_before_the_first_step_needs_nothing() -> None:
    snap = a_snapshot(status=started(), spec=a_spec(an_analysis(steps=steps(1))))
    assert decide(snap, T0).status.step is None


def test_what_is_observed_before_and_in_a_step() -> None:
    before = decide(a_snapshot(), T0).observe
    within = decide(at_step(), T0).observe
    wish = Observe(SUCCESS_RATE, None, MINUTE, T0, V2)
    assert before == (wish,)
    assert within == (replace(wish, first_at=T0 + MINUTE),)


def test_nothing_is_observed_of_a_canary_that_cannot_answer() -> None:
    unready = replace(CANARY, ready=0)
    assert decide(with_work(a_snapshot(), canary=unready), T0).observe == ()
    assert decide(with_work(at_step(), canary=unready), T0).observe == ()
    assert decide(at_rest(), T0).observe == ()
    assert (
        decide(at_step(rollout={"skip_steps": True}, spec=a_spec(suspend=True)), T0).observe == ()
    )


def test_the_steps_clock_tells_when_to_look_again() -> None:
    assert decide(at_step(), T0 + sec(20)).wake_at == AFTER_A_MINUTE


def test_the_clock_starts_when_the_weight_is_live() -> None:
    decision = decide(at_step(samples=answers()), AFTER_A_MINUTE)
    assert decision.status.step is not None
    assert decision.status.step.live_since == decision.status.step.running_since == AFTER_A_MINUTE
    assert decision.wake_at == T0 + 2 * MINUTE


def test_a_hold_stops_the_clock_and_what_ran_counts() -> None:
    snap = at_step(stale="the watch of Deployments is silent")
    held = decide(snap, T0 + sec(40)).status
    assert held.step is not None
    assert (held.step.stayed, held.step.running_since) == (sec(40), None)
    again = decide(replace(snap, status=held, stale=None), T0 + sec(100))
    assert again.wake_at == T0 + sec(120)
    assert told(again) == ["HoldEnded"]


def test_a_failed_check_is_told_and_the_one_with_number_threshold_rolls_back() -> None:
    first = decide(at_step(1, samples=answers(a_sample(98))), AFTER_A_MINUTE)
    assert (first.status.phase, told(first)) == (Phase.PROGRESSING, ["CheckFailed"])
    assert first.tidings[0].sentence == (
        "failed check 1 of 2: request-success-rate was 98 % over 1m, outside its bound of at least 99 %"
    )
    snap = at_step(1, status=vars_of(first), samples=answers(a_sample(97.5, at=120)))
    second = decide(snap, T0 + 2 * MINUTE)
    assert (second.status.phase, written(second), told(second)) == (Phase.IDLE, [0], ["RolledBack"])
    sentence = (
        "podinfo-v2 (podinfo:new) rolled back from 50 %: failed check 2 of 2: request-success-rate"
        " was 97.5 % over 1m, outside its bound of at least 99 %"
    )
    assert second.tidings[0].sentence == sentence
    rejected = Rejected(NEW, "CheckFailed", sentence, T0 + 2 * MINUTE, previous=SEEN)
    assert (second.status.rejected, second.status.idle_revision) == (rejected, NEW)


def vars_of(decision: Decision) -> dict[str, object]:
    status = decision.status
    return {"rollout": status.rollout, "gates": status.gates, "step": status.step}


@pytest.mark.parametrize(
    ("at", "count"),
    [(100, 1), (119, 1), (120, 2)],
    ids=["soon after", "just within the interval", "an interval later"],
)
def test_at_most_one_failed_check_per_interval(at: float, count: int) -> None:
    rollout = {"failed_checks": 1, "failed_at": AFTER_A_MINUTE}
    spec = a_spec(an_analysis(threshold=9))
    snap = at_step(spec=spec, rollout=rollout, samples=answers(a_sample(98, at=at)))
    after = decide(snap, T0 + sec(at)).status.rollout
    assert after is not None
    assert after.failed_checks == count


def test_many_metrics_that_fail_together_are_one_failed_check() -> None:
    queue = replace(an_analysis().metrics[0], name="queue", query="up")
    spec = a_spec(an_analysis(metrics=(*an_analysis().metrics, queue)))
    samples = answers(a_sample(98), replace(a_sample(1), metric="queue"))
    decision = decide(at_step(spec=spec, samples=samples), AFTER_A_MINUTE)
    assert decision.status.rollout is not None
    assert decision.status.rollout.failed_checks == 1
    assert "98 %" in decision.tidings[0].sentence
    assert "queue was 1 over 1m" in decision.tidings[0].sentence


@pytest.mark.parametrize(
    ("canary", "phase", "news"),
    [
        pytest.param(a_workload("podinfo-v2", OTHER), Phase.PROGRESSING, ["Superseded", "RolloutStarted", "HoldStarted"], id="a push in mid-rollout begins anew"),
        pytest.param(a_workload("podinfo-v2", SEEN), Phase.IDLE, ["Aborted"], id="undo is an abort"),
        pytest.param(replace(CANARY, revision=None, moved=True), Phase.PROGRESSING, ["HoldStarted"], id="weight 0 from the watch event of a push on"),
    ],
)  # fmt: skip
def test_a_push_in_mid_rollout(canary: object, phase: Phase, news: list[str]) -> None:
    decision = decide(with_work(at_step(1), canary=canary), T0)  # type: ignore[arg-type]
    assert (decision.status.phase, written(decision)) == (phase, [0])
    assert told(decision) == news or told(decision) == news[:2]


def test_undo_after_two_pushes_goes_back_to_what_was_held_before_the_first() -> None:
    second = decide(with_work(at_step(1), canary=a_workload("podinfo-v2", OTHER)), T0)
    assert second.status.rollout is not None
    assert second.status.rollout.previous == SEEN


def test_put_back_leaves_an_older_rejection_alone() -> None:
    older = replace(REJECTED, revision=OTHER)
    snap = at_step(1, status={"rejected": older})
    after = decide(with_work(snap, canary=a_workload("podinfo-v2", SEEN)), T0).status
    assert (after.rejected, after.idle_revision) == (older, SEEN)


def test_a_rejected_revision_in_mid_rollout_gets_no_traffic() -> None:
    older = replace(REJECTED, revision=OTHER)
    snap = at_step(1, status={"rejected": older})
    decision = decide(with_work(snap, canary=a_workload("podinfo-v2", OTHER)), T0)
    assert (told(decision), written(decision)) == (["RejectedRevision"], [0])
    assert (decision.status.rejected, decision.status.idle_revision) == (older, OTHER)


@pytest.mark.parametrize("moved", [True, False])
def test_a_revision_without_a_name_moves_nothing_up(moved: bool) -> None:
    canary = replace(CANARY, revision=None, moved=moved, paused=not moved)
    decision = decide(with_work(at_step(1, samples=answers()), canary=canary), AFTER_A_MINUTE)
    assert written(decision) == ([0] if moved else [])
    assert decision.status.hold is not None
    assert decision.status.hold.reason is HoldReason.CANARY_NOT_READY


def test_the_cap_of_a_push_is_lifted_when_it_was_none() -> None:
    moved = with_work(at_step(1), canary=replace(CANARY, revision=None, moved=True))
    capped = decide(moved, T0).status
    again = decide(replace(moved, status=capped, routing=weights(0)), T0)
    assert (again.status.cap, again.actions) == (capped.cap, ())
    back = a_snapshot(status=capped, routing=weights(0))
    assert decide(back, T0).actions == (SetWeight(V2, Weight(50), rises=True),)


def test_a_failure_that_is_superseded_stays_rejected() -> None:
    """No safe side: the bad release still serves, and the fix is pushed."""
    failed = with_work(
        at_step(1, samples=answers(a_sample(90)), rollout={"failed_checks": 1}),
        primary=replace(PRIMARY, ready=0),
    )
    held = decide(failed, AFTER_A_MINUTE).status
    assert (held.phase, held.canary_weight) == (Phase.ROLLING_BACK, 50)
    stays = decide(replace(failed, status=held), AFTER_A_MINUTE)
    assert (stays.tidings, stays.actions) == ((), ())
    fix = replace(failed, status=held, workloads={**failed.workloads, V2: a_workload("b", OTHER)})
    decision = decide(fix, AFTER_A_MINUTE)
    assert told(decision) == ["RolledBack", "Superseded", "RolloutStarted"]
    assert decision.status.rejected is not None
    assert decision.status.rejected.revision == NEW
    assert (decision.actions, decision.status.canary_weight) == ((), 50)
    undone = replace(failed, status=held, workloads={**failed.workloads, V2: a_workload("b", SEEN)})
    assert decide(undone, AFTER_A_MINUTE).status.phase is Phase.ROLLING_BACK


def test_a_rollout_is_numbered_by_its_first_notice() -> None:
    retry = a_snapshot(
        status=replace(IDLE, rejected=REJECTED, idle_revision=NEW), requests=(ask(Verb.RETRY),)
    )
    rollout = decide(retry, T0).status.rollout
    assert rollout is not None
    assert (rollout.id, rollout.previous) == (f"podinfo-{NEW}-1", SEEN)
    assert rollout.id == replace(ROLLOUT, revision=Revision("x")).id
    assert timedelta() <= MINUTE
