"""What takes a rise or a promotion away from a finished draft, and nothing else.

The last one takes away a fall onto a side that cannot serve.
"""

from __future__ import annotations

from dataclasses import replace

from canaryd.decide import narrate
from canaryd.decide.draft import Draft, Stage
from canaryd.decide.weight import wanted
from canaryd.model.status import HoldReason

FOREIGN_EDITS_ALLOWED = 1
"""So many edits by somebody else within the window are restored; the next is a contest."""


def stale_watch(draft: Draft) -> Draft:
    """Nothing rises on a view of the world that may be old."""
    if draft.snap.stale is None or not draft.running:
        return draft
    return draft.brake(HoldReason.API_UNAVAILABLE, draft.snap.stale)


def canary_not_ready(draft: Draft) -> Draft:
    """Nothing rises before enough of the canary is ready and its revision has a name."""
    if not draft.running or (draft.ready and draft.canary.revision == draft.rollout.revision):
        return draft
    return draft.brake(HoldReason.CANARY_NOT_READY, narrate.readiness(draft.canary, draft.needed))


def coming_back(draft: Draft) -> Draft:
    """A canary that was lost is ready again, but not for long enough yet."""
    cap = draft.status.cap
    if cap is None or not draft.running:
        return draft
    return draft.brake(HoldReason.CANARY_NOT_READY, cap.message)


def contested(draft: Draft) -> Draft:
    """Two writers of one weight: the lower one stands until the other writer is quiet."""
    contest = draft.status.contest
    if contest is None or contest.count <= FOREIGN_EDITS_ALLOWED:
        return draft
    message = (
        f"{contest.writer} keeps writing the weights of VirtualService "
        f"{draft.snap.spec.virtual_service}; {narrate.stands(draft)}. Argo CD: ignoreDifferences "
        "with jqPathExpressions ['.spec.http[].route[].weight']; Flux: annotate it with "
        f"kustomize.toolkit.fluxcd.io/ssa: IfNotPresent; {narrate.way_out(draft)}"
    )
    braked = draft.brake(HoldReason.WEIGHTS_CONTESTED, message)
    return replace(braked, ceiling=min(braked.ceiling, contest.weight))


def suspended(draft: Draft) -> Draft:
    """`spec.suspend`, or the Canary is being deleted: judged on, rollback allowed, no advance."""
    if not draft.running:
        return draft
    if draft.snap.deleting:
        kept = "the Canary was deleted, and a finalizer (metadata.finalizers) keeps it"
        return draft.brake(HoldReason.SUSPENDED, f"{kept}; nothing rises any more")
    if not draft.snap.spec.suspend:
        return draft
    return draft.brake(HoldReason.SUSPENDED, "spec.suspend is true; set it to false to go on")


def paused(draft: Draft) -> Draft:
    """A person asked to wait: judged on, rollback allowed, no advance."""
    pause = draft.status.rollout.paused if draft.status.rollout else None
    if pause is None or not draft.running:
        return draft
    why = f": {pause.reason}" if pause.reason else ""
    key = draft.snap.key
    message = f"paused by {pause.by}{why}; go on with: canaryd resume {key.name} -n {key.namespace}"
    return draft.brake(HoldReason.PAUSED, message)


def no_safe_side(draft: Draft) -> Draft:
    """Never send users to a side that cannot serve them: such a fall does not happen."""
    if draft.primary.serves or wanted(draft) >= draft.observed:
        return draft
    message = (
        f"no pod of {draft.primary.name}, the serving slot, is ready: "
        f"{draft.observed} % of the traffic stays on {draft.canary.name} until one is"
    )
    return replace(draft.hold(HoldReason.NO_SAFE_SIDE, message), floor=draft.observed)


BRAKES: tuple[Stage, ...] = (
    stale_watch,
    canary_not_ready,
    coming_back,
    contested,
    suspended,
    paused,
    no_safe_side,
)
