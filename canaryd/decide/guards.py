"""Facts that come before any judgement: who moved what under us."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from canaryd.decide import narrate
from canaryd.decide.draft import Draft, Stage, sure
from canaryd.decide.moves import (
    PUT_BACK,
    REJECTED_AGAIN,
    roll_back,
    start_rollout,
    tell_failure,
)
from canaryd.model.names import FIELD_MANAGER, NO_TRAFFIC
from canaryd.model.spec import Severity
from canaryd.model.status import Cap, CapReason, Contest, Phase, Promoted

LOSSES_ALLOWED = 2
"""The canary may lose all its ready pods this often; the next time it is rolled back."""


def weights_edited(draft: Draft) -> Draft:
    """Somebody else wrote the weights: restored once; the second in the window is a contest."""
    status, writer = draft.status, draft.routing.writer or "an unknown writer"
    contest, window = status.contest, draft.snap.waits.contest_window
    if contest is not None and draft.now >= contest.last_at + window:
        contest = None
    taken_back = status.phase is Phase.ROLLING_BACK and draft.observed == NO_TRAFFIC
    if writer == FIELD_MANAGER or draft.observed == status.canary_weight or taken_back:
        draft = draft.change(contest=contest)
        return draft.wake(contest.last_at + window) if contest else draft
    seen = min(draft.observed, status.canary_weight)
    if contest is None:
        contest = Contest(writer, draft.now, draft.now, 1, seen)
        sentence = (
            f"{writer} changed the canary's weight from {status.canary_weight} % to "
            f"{draft.observed} %; {narrate.restored(draft)}"
        )
        draft = draft.tell("WeightSet", sentence, Severity.WARN)
    else:
        low = min(seen, contest.weight)
        contest = replace(
            contest, writer=writer, last_at=draft.now, count=contest.count + 1, weight=low
        )
    return draft.change(contest=contest).wake(draft.now + window)


def serving_slot_moved(draft: Draft) -> Draft:
    """A push to the slot that serves cannot be guarded: say so at once, pretend nothing."""
    promoted, primary = draft.status.promoted, draft.primary
    if promoted is None or primary.revision in (None, promoted.revision):
        return draft
    revision = sure(primary.revision)
    sentence = (
        f"{primary.name}, which serves users, was changed to {narrate.images(primary)} "
        f"({revision}): canaryd cannot guard a push to the serving slot; "
        f"push to {draft.canary.name} instead (see canaryd slot {draft.snap.key.name})"
    )
    draft = draft.tell("ServingSlotChanged", sentence, Severity.WARN)
    return draft.change(promoted=Promoted(revision, draft.now, primary.images))


def target_moved(draft: Draft) -> Draft:
    """The canary is no longer the judged revision: no traffic; a new rollout once it has a name."""
    if draft.status.rollout is None:
        return draft
    canary, rollout, cap = draft.canary, draft.rollout, draft.status.cap
    if canary.revision is None:
        return take_off(draft) if canary.moved else draft
    if canary.revision == rollout.revision:
        moved = cap is not None and cap.reason is CapReason.TARGET_MOVED
        return draft.change(cap=None) if moved else draft
    if rollout.failure is None:
        return other_revision(draft)
    rejected = draft.status.rejected
    if canary.revision in (rollout.previous, rejected.revision if rejected else None):
        return draft  # nothing to release: it is being taken back, as it should be
    return supersede(tell_failure(draft))


def other_revision(draft: Draft) -> Draft:
    """The canary holds another revision than the judged one: an abort, or a new rollout."""
    canary, rejected = draft.canary, draft.status.rejected
    if rejected is not None and canary.revision == rejected.revision:
        return roll_back(draft, REJECTED_AGAIN, rejected_again(draft))
    if canary.revision == draft.rollout.previous:
        why = f"{canary.name} was put back to {canary.revision}, which it held before the rollout"
        return roll_back(draft, PUT_BACK, why)
    return supersede(draft)


def supersede(draft: Draft) -> Draft:
    """Begin anew with what was pushed in mid-rollout."""
    new = draft.canary.revision
    gone = f"{draft.rollout.revision} was superseded by {new} at {draft.observed} %"
    draft = draft.tell("Superseded", gone, Severity.WARN)
    return start_rollout(draft, "it was pushed while another revision was being released")


def rejected_again(draft: Draft) -> str:
    """Say that a known bad revision came back, and how to insist."""
    return (
        f"{draft.canary.name} holds {draft.canary.revision} again, which was rejected before; "
        f"it gets no traffic. To try it all the same: canaryd retry {draft.snap.key.name} "
        f"-n {draft.snap.key.namespace}"
    )


def take_off(draft: Draft) -> Draft:
    """Cap the weight to 0 from the watch event of a push on, before the revision has a name."""
    if draft.status.cap is not None:
        return draft
    message = (
        f"Deployment {draft.canary.name} was changed in mid-rollout: no traffic until it is known"
    )
    return draft.change(cap=Cap(CapReason.TARGET_MOVED, message, draft.now))


def canary_lost(draft: Draft) -> Draft:
    """No pod of the canary is ready: weight 0, back after readiness, the third time is the end."""
    cap = draft.status.cap
    entered = draft.status.step is not None or draft.status.phase is Phase.PROMOTING
    if not draft.running or not entered:
        return draft
    if cap is not None:
        return way_back(draft, cap) if cap.reason is CapReason.CANARY_LOST else draft
    if draft.canary.ready > 0 or draft.canary.moved:
        return draft
    losses = draft.rollout.losses + 1
    draft = draft.change_rollout(losses=losses)
    why = narrate.readiness(draft.canary, draft.needed)
    if losses > LOSSES_ALLOWED:
        sentence = narrate.rolled_back(draft, f"no pod was ready for the third time: {why}")
        return roll_back(draft, "CanaryLost", sentence)
    back = narrate.span(return_after(draft))
    message = f"no pod of the canary is ready: weight 0, back after {back} of readiness ({why})"
    draft = draft.tell("WeightSet", message, Severity.WARN)
    return draft.change(cap=Cap(CapReason.CANARY_LOST, message, draft.now))


def return_after(draft: Draft) -> timedelta:
    """How long the canary must be ready before it gets traffic again; doubles with each loss."""
    wait: timedelta = draft.snap.waits.readiness_return * 2 ** (draft.rollout.losses - 1)
    return wait


def way_back(draft: Draft, cap: Cap) -> Draft:
    """Lift the cap after unbroken readiness."""
    if not draft.ready or draft.canary.revision != draft.rollout.revision:
        return draft.change(cap=replace(cap, ready_since=None))
    since = cap.ready_since or draft.now
    due = since + return_after(draft)
    if draft.now < due or draft.snap.stale:
        return draft.change(cap=replace(cap, ready_since=since)).wake(due)
    sentence = (
        f"{draft.canary.name} was ready for {narrate.span(return_after(draft))}: traffic returns"
    )
    return draft.tell("WeightSet", sentence).change(cap=None)


GUARDS: tuple[Stage, ...] = (weights_edited, serving_slot_moved, target_moved, canary_lost)
