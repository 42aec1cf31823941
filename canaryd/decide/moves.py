"""The transitions of a rollout: start, enter a step, roll back, promote; each told once."""

from __future__ import annotations

from dataclasses import replace

from canaryd.decide import narrate
from canaryd.decide.draft import Draft
from canaryd.model.names import NO_TRAFFIC, Weight
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Failure,
    Phase,
    Promoted,
    Rejected,
    Rollout,
    StepState,
)

PUT_BACK = "PutBack"
"""The idle slot holds again what it held before the rollout."""
REJECTED_AGAIN = "RejectedAgain"
"""A revision was pushed that had been rejected before."""
ABORTED = "Aborted"
"""A person asked for it."""


def start_rollout(draft: Draft, why: str) -> Draft:
    """Begin a rollout of the idle slot's revision, without traffic until it is ready."""
    status, canary = draft.status, draft.canary
    assert canary.revision is not None
    assert status.idle_slot is not None
    before = status.rollout.previous if status.rollout is not None else status.idle_revision
    retried = status.rejected is not None and status.rejected.revision == canary.revision
    rejected = None if retried else status.rejected
    seq = status.notices[-1].seq + 1 if status.notices else 1
    rollout = Rollout(
        id=f"{draft.snap.key.name}-{canary.revision}-{seq}",
        revision=canary.revision,
        started_at=draft.now,
        previous=before if before != canary.revision else None,
        images=canary.images,
    )
    draft = draft.change(
        phase=Phase.PROGRESSING,
        rollout=rollout,
        idle_revision=canary.revision,
        rejected=rejected,
        step=None,
        cap=None,
        gates=(),
    )
    sentence = f"rollout of {canary.name} ({narrate.images(canary)}, {canary.revision}) started: {why}"
    return draft.tell("RolloutStarted", sentence)


def largest_step(draft: Draft, weight: Weight) -> int:
    """The index of the largest step not above the weight; -1 when all are above."""
    steps = draft.snap.spec.analysis.steps
    return max((i for i, step in enumerate(steps) if step.weight <= weight), default=-1)


def enter(draft: Draft, index: int, weight: Weight | None = None) -> Draft:
    """Enter a step; its clock starts when its weight is live."""
    steps = draft.snap.spec.analysis.steps
    step = StepState(
        index=index,
        count=len(steps),
        weight=weight if weight is not None else steps[index].weight,
        entered_at=draft.now,
    )
    return draft.change(step=step, gates=())


def enter_and_tell(draft: Draft, index: int) -> Draft:
    """Enter a step because the one before was passed."""
    draft = enter(draft, index)
    step = draft.status.step
    assert step is not None
    name = draft.canary.name
    asks = ", then waits for approval" if draft.snap.spec.analysis.steps[index].approval else ""
    return draft.tell("StepEntered", f"{name} enters {narrate.step_name(step)}{asks}")


def begin_promotion(draft: Draft) -> Draft:
    """Give the canary all traffic; the roles are swapped when that is written."""
    return draft.change(phase=Phase.PROMOTING, cap=None)


def roll_back(draft: Draft, reason: str, message: str) -> Draft:
    """Take the traffic back; the revision is rejected when that is written."""
    draft = draft.change_rollout(failure=Failure(reason, message))
    draft = draft.change(phase=Phase.ROLLING_BACK, cap=None)
    return replace(draft, advance=None, holds=())


def finish_promotion(draft: Draft) -> Draft:
    """Swap the roles: the canary's slot serves, the other is idle."""
    status, canary, old = draft.status, draft.canary, draft.primary
    sentence = (
        f"{canary.name} ({narrate.images(canary)}) promoted: it serves all traffic, "
        f"{old.name} is the idle slot now; push the next version there"
    )
    draft = draft.tell("Promoted", sentence)
    return draft.change(
        phase=Phase.IDLE,
        primary_slot=status.idle_slot,
        idle_slot=status.primary_slot,
        idle_revision=old.revision or old.last_revision,
        promoted=Promoted(draft.rollout.revision, draft.now, canary.images),
        rejected=None,
        rollout=None,
        step=None,
        cap=None,
        contest=None,
        canary_weight=NO_TRAFFIC,
    )


TOLD_AS = {PUT_BACK: "Aborted", ABORTED: "Aborted", REJECTED_AGAIN: "RejectedRevision"}
"""The reason of the notice for failures that are nobody's bad release."""


def finish_rollback(draft: Draft) -> Draft:
    """The canary has no traffic any more: write down what became of its revision."""
    rollout, failure = draft.rollout, draft.rollout.failure
    assert failure is not None
    severity = Severity.WARN if failure.reason in TOLD_AS else Severity.ERROR
    draft = draft.tell(TOLD_AS.get(failure.reason, "RolledBack"), failure.message, severity)
    draft = draft.change(phase=Phase.IDLE, rollout=None, step=None, cap=None)
    if failure.reason == PUT_BACK:
        return draft.change(idle_revision=rollout.previous, rejected=None)
    if failure.reason == REJECTED_AGAIN:
        assert draft.status.rejected is not None
        return draft.change(idle_revision=draft.status.rejected.revision)
    rejected = Rejected(rollout.revision, failure.reason, failure.message, draft.now)
    return draft.change(idle_revision=rollout.revision, rejected=rejected)
