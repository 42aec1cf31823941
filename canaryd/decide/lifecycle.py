"""Outside a rollout: taking over what is running, and noticing a push."""

from __future__ import annotations

from dataclasses import replace

from canaryd.decide import narrate
from canaryd.decide.canary import first_look
from canaryd.decide.draft import Draft, sure
from canaryd.decide.guards import rejected_again
from canaryd.decide.moves import enter, largest_step, start_rollout
from canaryd.model.names import NO_TRAFFIC
from canaryd.model.snapshot import Problem, Snapshot
from canaryd.model.spec import Severity
from canaryd.model.status import Phase, Promoted, Status


def missing_workloads(snap: Snapshot) -> tuple[Problem, ...]:
    """Deployments that the spec names and nobody has made; no rollout can start without them."""
    if snap.status.rollout is not None:
        return ()  # in a rollout a workload that is gone is a canary that is lost, or no safe side
    return tuple(
        Problem(
            "TargetNotFound",
            f"Deployment {work.name} (spec.slots, slot {name}) does not exist in namespace "
            f"{snap.key.namespace}; create it or mend spec.slots[].targetRef.name",
        )
        for name, work in snap.workloads.items()
        if not work.exists
    )


def forget_slots(draft: Draft) -> Draft:
    """Slots that were renamed in the spec are other slots: they are taken over anew."""
    status = draft.status
    known = {None, *draft.snap.workloads}
    if status.primary_slot in known and status.idle_slot in known:
        return draft
    afresh = Status(
        rejected=status.rejected,
        conditions=status.conditions,
        notices=status.notices,
        delivered=status.delivered,
    )
    return replace(draft, status=afresh)


def exchanged(draft: Draft) -> Draft:
    """Slots that exchanged their names in the spec are the same slots: each keeps its role."""
    status, known = draft.status, draft.status.deployments
    if status.primary_slot is None or status.idle_slot is None:
        return draft
    primary, idle = known.get(status.primary_slot), known.get(status.idle_slot)
    if primary == idle or (draft.primary.name, draft.canary.name) != (idle, primary):
        return draft
    return draft.change(primary_slot=status.idle_slot, idle_slot=status.primary_slot)


def take_over(draft: Draft) -> Draft:
    """The slot with more weight serves; what the other one already has is judged from there."""
    if draft.status.primary_slot is not None:
        return draft
    first, second = (slot.name for slot in draft.snap.spec.slots)
    works = draft.snap.workloads
    if works[first].revision is None or works[second].revision is None:
        return draft
    share = draft.routing.share(second)
    primary, idle = (second, first) if share > draft.routing.share(first) else (first, second)
    draft = draft.change(phase=Phase.IDLE, primary_slot=primary, idle_slot=idle)
    serving = draft.primary
    draft = draft.change(
        promoted=Promoted(sure(serving.revision), draft.now, serving.images),
        idle_revision=draft.canary.revision,
        canary_weight=draft.observed,
    )
    if draft.observed == NO_TRAFFIC:
        sentence = (
            f"{serving.name} ({narrate.images(serving)}) serves; {draft.canary.name} is idle, "
            "its next change starts a rollout"
        )
        return draft.tell("TakenOver", sentence)
    return take_over_running(draft)


def take_over_running(draft: Draft) -> Draft:
    """The idle slot has traffic already: judge it, starting at the largest step not above that."""
    observed = draft.observed
    draft = draft.change(idle_revision=None)
    draft = start_rollout(draft, f"taken over at {observed} %")
    draft = first_look(enter(draft, largest_step(draft, observed), observed))
    step = sure(draft.status.step)
    sentence = (
        f"{draft.canary.name} had {observed} % of the traffic: taken over at "
        f"{narrate.step_name(step)}, nothing rises before it is judged"
    )
    return draft.tell("WeightSet", sentence)


def idle(draft: Draft) -> Draft:
    """A revision of the idle slot that was not seen before starts a rollout."""
    revision, rejected = draft.canary.revision, draft.status.rejected
    if revision is None or revision == draft.status.idle_revision:
        return draft
    if rejected is not None and revision == rejected.revision:
        draft = draft.change(idle_revision=revision)
        return draft.tell("RejectedRevision", rejected_again(draft), Severity.WARN)
    if rejected is not None and revision == rejected.previous:
        return draft.change(idle_revision=revision).tell("PutBack", narrate.put_back(draft.canary))
    return start_rollout(draft, "a new revision was pushed")
