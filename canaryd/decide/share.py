"""Whether requests follow the weight: a write that succeeded is not traffic that moved."""

from __future__ import annotations

from datetime import datetime, timedelta

from canaryd.decide import narrate
from canaryd.decide import say_evidence as say
from canaryd.decide.binomial import wilson
from canaryd.decide.draft import Draft, sure
from canaryd.decide.unfollowed import Facts, probably
from canaryd.model.evidence import Evidence, Tally
from canaryd.model.snapshot import Advice
from canaryd.model.status import HoldReason

SURE = 3.2905
"""Standard deviations of a 99.9 % interval."""
SLACK = 0.02
"""So much more than twice the weight is still within what routing does."""


def share_interval(canary: float, total: float) -> tuple[float, float]:
    """Between which shares the canary's lies, by Wilson's score interval at 99.9 %."""
    low, high = wilson(canary, total, SURE)
    return max(0.0, low), min(1.0, high)


def traffic_follows(draft: Draft) -> Draft:
    """Hold while the observed share contradicts the weight: nothing that is judged is true then."""
    seen, weight = sure(draft.status.evidence).followed, draft.status.canary_weight
    total = seen.canary + seen.primary
    if not total:
        return draft
    wanted = weight / 100
    low, high = share_interval(seen.canary, total)
    too_few = high < wanted / 2
    too_many = low > 2 * wanted + SLACK and draft.slot not in draft.routing.reached
    if not (too_few or too_many):
        return draft
    message = (
        f"{draft.canary.name} got {say.percent(seen.canary / total)} of the requests "
        f"({say.count(seen.canary)} of {say.count(total)}) at a weight of {weight} %"
        f"{age_of_weight(draft)}: {probably(facts(draft, seen, (low, high)))}"
    )
    return draft.hold(HoldReason.TRAFFIC_NOT_FOLLOWING, message)


def age_of_weight(draft: Draft) -> str:
    """Say how old the weight was when the last of these requests were counted.

    Where nobody saw it written, say for how long at least it has stood.
    """
    evidence, skew = sure(draft.status.evidence), draft.snap.counting.skew or timedelta()
    if not evidence.changes:
        return ""
    since, least = max(evidence.changes), ""
    if since == evidence.step and not begun_by_write(draft, since):
        since, least = min(since, sure(sure(draft.status.step).live_since)), "at least "
    age = timedelta(seconds=round((evidence.counted_until - skew - since).total_seconds()))
    return f", {least}{narrate.span(age)} after it was written"


def begun_by_write(draft: Draft, at: datetime) -> bool:
    """Whether the step, which is to have begun then, began by a write of its weight.

    Evidence may begin anew in mid-step, and a rollout with the weight that it found.
    """
    return at == sure(draft.status.step).entered_at != draft.rollout.started_at


def facts(draft: Draft, seen: Tally, between: tuple[float, float]) -> Facts:
    """What a cause is chosen by."""
    spec, labels = draft.snap.spec, draft.routing.labels
    return Facts(
        canary=draft.canary,
        primary=draft.primary,
        slot=spec.slot(draft.slot),
        seen=seen,
        between=between,
        before=share_before(draft),
        weight=draft.status.canary_weight,
        route=spec.virtual_service,
        reporter=spec.analysis.evidence.reporter,
        answered=answered(sure(draft.status.evidence)),
        canary_labels=labels.get(draft.slot),
        primary_labels=labels.get(sure(draft.status.primary_slot)),
        ways=tuple(way(advice) for advice in draft.routing.advice),
    )


def way(advice: Advice) -> str:
    """Say by what requests may pass the route; what to do about it is left to the condition."""
    what, _, _ = advice.message.partition("; ")
    return f"{what} (condition {advice.type})"


def answered(evidence: Evidence) -> float:
    """How many requests to the canary were counted in this rollout, as far as gates did so."""
    return max((s.total.canary for gate in evidence.gates for s in gate.strands), default=0.0)


def share_before(draft: Draft) -> float:
    """The weight of the step before, as a fraction."""
    step = sure(draft.status.step)
    steps = draft.snap.spec.analysis.steps
    return steps[step.index - 1].weight / 100 if step.index > 0 else 0.0
