"""The transitions of a rollout: start, enter a step, roll back, promote; each told once."""

from __future__ import annotations

from dataclasses import replace

from canaryd.decide import narrate
from canaryd.decide.draft import Draft, sure
from canaryd.decide.gates import enter_evidence
from canaryd.model.names import ALL_TRAFFIC, NO_TRAFFIC, Revision, Weight
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Failure,
    Gate,
    Phase,
    Promoted,
    Rejected,
    Rollout,
    Status,
    StepState,
    Verdict,
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
    revision = sure(canary.revision)
    before, rejected = held_before(status), status.rejected
    if rejected is not None and rejected.revision == revision:
        rejected = None  # a person asked for a retry
    rollout = Rollout(
        id=f"{draft.snap.key.name}-{revision}-{status.newest + 1}",
        revision=revision,
        started_at=draft.now,
        previous=before if before != revision else None,
        images=canary.images,
    )
    draft = draft.change(
        phase=Phase.PROGRESSING,
        rollout=rollout,
        idle_revision=revision,
        rejected=rejected,
        step=None,
        cap=None,
        gates=(),
        evidence=None,
    )
    what = f"{canary.name} ({narrate.images(canary)}, {revision})"
    return draft.tell("RolloutStarted", f"rollout of {what} started: {why}")


def held_before(status: Status) -> Revision | None:
    """What the idle slot held when nothing was being released: not what was rejected since."""
    if status.rollout is not None:
        return status.rollout.previous
    rejected = status.rejected
    if rejected is not None and rejected.revision == status.idle_revision:
        return rejected.previous
    return status.idle_revision


def largest_step(draft: Draft, weight: Weight) -> int:
    """The index of the largest step not above the weight; -1 when all are above."""
    steps = draft.snap.spec.analysis.steps
    return max((i for i, step in enumerate(steps) if step.weight <= weight), default=-1)


def enter(draft: Draft, index: int, observed: Weight = NO_TRAFFIC) -> Draft:
    """Enter a step, or stay at `observed` below the first; its clock starts when that is live."""
    steps = draft.snap.spec.analysis.steps
    step = StepState(
        index=index,
        count=len(steps),
        weight=steps[index].weight if index >= 0 else observed,
        entered_at=draft.now,
    )
    draft = draft.change_rollout(approved_step=None)  # it counts for one step only
    return enter_evidence(draft.change(step=step, gates=()))


def enter_and_tell(draft: Draft, index: int) -> Draft:
    """Enter a step because the one before was passed."""
    judged = draft.status.gates
    draft = enter(draft, index)
    step = sure(draft.status.step)
    asks = ", then waits for approval" if draft.snap.spec.analysis.steps[index].approval else ""
    thin = narrate.thin(draft, step.weight)
    left_open = inconclusive(judged, "the step before")
    sentence = f"{draft.canary.name} enters {narrate.step_name(step)}{asks}{thin}{left_open}"
    severity = Severity.WARN if thin else Severity.INFO
    return draft.tell("StepEntered", sentence, severity, gates=judged)


def inconclusive(judged: tuple[Gate, ...], which: str) -> str:
    """Say that time alone passed a step, and what its gates said; else nothing."""
    left_open = "; ".join(gate.message for gate in judged if gate.verdict is Verdict.UNDECIDED)
    return f"; {which} was inconclusive: {left_open}" if left_open else ""


def begin_promotion(draft: Draft) -> Draft:
    """Give the canary all traffic; the roles are swapped when that is written."""
    return draft.change(phase=Phase.PROMOTING)


def roll_back(draft: Draft, reason: str, message: str) -> Draft:
    """Take the traffic back; the revision is rejected when that is written."""
    draft = draft.change_rollout(failure=Failure(reason, message))
    draft = draft.change(phase=Phase.ROLLING_BACK, cap=None)
    return replace(draft, advance=None, holds=())


def finish_promotion(draft: Draft) -> Draft:
    """Swap the roles: the canary's slot serves, the other is idle."""
    status, canary, old = draft.status, draft.canary, draft.primary
    served = status.promoted.revision if status.promoted else None  # if it is gone by now
    skipped = draft.rollout.skip_steps or draft.snap.spec.skip_analysis
    sentence = (
        f"{canary.name} ({narrate.images(canary)}) promoted{narrate.thin(draft, ALL_TRAFFIC)}: "
        "it serves all traffic, "
        f"{old.name} is the idle slot now; push the next version there"
        f"{'' if skipped else inconclusive(status.gates, 'its last step')}"
    )
    draft = draft.tell("Promoted", sentence)
    return draft.change(
        phase=Phase.IDLE,
        primary_slot=status.idle_slot,
        idle_slot=status.primary_slot,
        idle_revision=old.revision or old.last_revision or served,
        promoted=Promoted(draft.rollout.revision, draft.now, canary.images),
        swapped_at=draft.now,
        rejected=None,
        rollout=None,
        step=None,
        evidence=None,
        cap=None,
        contest=None,
        canary_weight=NO_TRAFFIC,
    )


TOLD_AS = {PUT_BACK: "Aborted", ABORTED: "Aborted", REJECTED_AGAIN: "RejectedRevision"}
"""The reason of the notice for failures that are nobody's bad release."""


def tell_failure(draft: Draft) -> Draft:
    """Say why the rollout ends, and reject its revision unless that is not to blame."""
    rollout, failure = draft.rollout, sure(draft.rollout.failure)
    severity = Severity.WARN if failure.reason in TOLD_AS else Severity.ERROR
    draft = draft.tell(TOLD_AS.get(failure.reason, "RolledBack"), failure.message, severity)
    if failure.reason in (PUT_BACK, REJECTED_AGAIN):
        return draft
    rejected = Rejected(
        revision=rollout.revision,
        reason=failure.reason,
        message=failure.message,
        at=draft.now,
        previous=rollout.previous,
    )
    return draft.change(rejected=rejected)


def finish_rollback(draft: Draft) -> Draft:
    """The canary has no traffic any more: write down what became of its revision."""
    rollout, draft = draft.rollout, tell_failure(draft)
    seen, reason = rollout.revision, sure(rollout.failure).reason
    if reason == REJECTED_AGAIN:
        seen = sure(draft.status.rejected).revision
    elif reason == PUT_BACK:
        seen = sure(rollout.previous)
    return draft.change(
        phase=Phase.IDLE, rollout=None, step=None, evidence=None, cap=None, idle_revision=seen
    )
