"""At rest, taking over, and a push at any time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import Decision, SetWeight
from canaryd.model.names import Weight
from canaryd.model.snapshot import Snapshot, Verb
from canaryd.model.status import HoldReason, Phase, Promoted, Rejected, Status
from tests.decide.build import (
    CANARY,
    IDLE,
    MINUTE,
    NEW,
    OLD,
    OTHER,
    PRIMARY,
    SEEN,
    T0,
    V1,
    V2,
    a_sample,
    a_snapshot,
    a_spec,
    a_workload,
    answers,
    ask,
    at_rest,
    at_step,
    told,
    weights,
    with_work,
    written,
)

REJECTED = Rejected(NEW, "CheckFailed", "failed check 2 of 2", T0, previous=SEEN)


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


@pytest.mark.parametrize(
    ("canary", "phase", "news"),
    [
        pytest.param(
            a_workload("podinfo-v2", OTHER),
            Phase.PROGRESSING,
            ["Superseded", "RolloutStarted"],
            id="a push in mid-rollout begins anew",
        ),
        pytest.param(
            a_workload("podinfo-v2", SEEN), Phase.IDLE, ["Aborted"], id="undo is an abort"
        ),
        pytest.param(
            replace(CANARY, revision=None, moved=True),
            Phase.PROGRESSING,
            ["HoldStarted"],
            id="weight 0 from the watch event of a push on",
        ),
    ],
)
def test_a_push_in_mid_rollout(canary: object, phase: Phase, news: list[str]) -> None:
    decision = decide(with_work(at_step(1), canary=canary), T0)  # type: ignore[arg-type]
    assert (decision.status.phase, written(decision)) == (phase, [0])
    assert told(decision) == news


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
    decision = decide(with_work(at_step(1, samples=answers()), canary=canary), T0 + MINUTE)
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
    held = decide(failed, T0 + MINUTE).status
    assert (held.phase, held.canary_weight) == (Phase.ROLLING_BACK, 50)
    stays = decide(replace(failed, status=held), T0 + MINUTE)
    assert (stays.tidings, stays.actions) == ((), ())
    fix = replace(failed, status=held, workloads={**failed.workloads, V2: a_workload("b", OTHER)})
    decision = decide(fix, T0 + MINUTE)
    assert told(decision) == ["RolledBack", "Superseded", "RolloutStarted"]
    assert decision.status.rejected is not None
    assert decision.status.rejected.revision == NEW
    assert (decision.actions, decision.status.canary_weight) == ((), 50)
    undone = replace(failed, status=held, workloads={**failed.workloads, V2: a_workload("b", SEEN)})
    assert decide(undone, T0 + MINUTE).status.phase is Phase.ROLLING_BACK


def test_a_rollout_is_numbered_by_its_first_notice() -> None:
    retry = a_snapshot(
        status=replace(IDLE, rejected=REJECTED, idle_revision=NEW), requests=(ask(Verb.RETRY),)
    )
    rollout = decide(retry, T0).status.rollout
    assert rollout is not None
    assert (rollout.id, rollout.previous) == (f"podinfo-{NEW}-1", SEEN)
