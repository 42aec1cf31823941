"""Outside a rollout: taking over what is running, and noticing a push."""

from __future__ import annotations

from canaryd.decide import narrate
from canaryd.decide.draft import Draft
from canaryd.decide.guards import rejected_again
from canaryd.decide.moves import enter, largest_step, start_rollout
from canaryd.model.names import NO_TRAFFIC
from canaryd.model.snapshot import Problem, Snapshot
from canaryd.model.spec import Severity
from canaryd.model.status import Phase, Promoted


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


def take_over(draft: Draft) -> Draft:
    """The slot with more weight serves; what the other one already has is judged from there."""
    first, second = (slot.name for slot in draft.snap.spec.slots)
    works = draft.snap.workloads
    if works[first].revision is None or works[second].revision is None:
        return draft
    share = draft.routing.share(second)
    primary, idle = (second, first) if share > draft.routing.share(first) else (first, second)
    draft = draft.change(phase=Phase.IDLE, primary_slot=primary, idle_slot=idle)
    serving = draft.primary
    assert serving.revision is not None
    draft = draft.change(
        promoted=Promoted(serving.revision, draft.now, serving.images),
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
    index = largest_step(draft, observed)
    draft = enter(draft, index, observed if index < 0 else None)
    step = draft.status.step
    assert step is not None
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
    return start_rollout(draft, "a new revision was pushed")
