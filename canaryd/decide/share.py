"""Whether requests follow the weight: a write that succeeded is not traffic that moved."""

from __future__ import annotations

from math import sqrt

from canaryd.decide import narrate
from canaryd.decide import say_evidence as say
from canaryd.decide.draft import Draft, sure
from canaryd.model.evidence import Tally
from canaryd.model.status import HoldReason

SURE = 3.2905
"""Standard deviations of a 99.9 % interval."""
SLACK = 0.02
"""So much more than twice the weight is still within what routing does."""


def share_interval(canary: float, total: float) -> tuple[float, float]:
    """Between which shares the canary's lies, by Wilson's score interval at 99.9 %."""
    share, square = canary / total, SURE**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = SURE * sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def traffic_follows(draft: Draft) -> Draft:
    """Hold while the observed share contradicts the weight: nothing that is judged is true then."""
    seen, weight = sure(draft.status.evidence).followed, draft.status.canary_weight
    total = seen.canary + seen.primary
    if not total:
        return draft
    wanted = weight / 100
    low, high = share_interval(seen.canary, total)
    too_few = high < wanted / 2
    too_many = low > 2 * wanted + SLACK and not draft.routing.bypassed
    if not (too_few or too_many):
        return draft
    message = (
        f"{draft.canary.name} got {say.percent(seen.canary / total)} of the requests "
        f"({say.count(seen.canary)} of {say.count(total)}) at a weight of {weight} %: "
        f"{probably(draft, seen)}"
    )
    return draft.hold(HoldReason.TRAFFIC_NOT_FOLLOWING, message)


def probably(draft: Draft, seen: Tally) -> str:
    """Say what the cause probably is, the likeliest one first, and what to look at."""
    before = share_before(draft)
    total = seen.canary + seen.primary
    low, high = share_interval(seen.canary, total)
    route = draft.snap.spec.virtual_service
    if seen.canary == 0:
        return (
            f"probably its pods have no sidecar, refuse the callers' mTLS, the subset's labels "
            "match none of them, or istiod does not push; look at istioctl proxy-config endpoints "
            f"for {draft.canary.name}, and at istioctl proxy-status"
        )
    if low <= before <= high:
        return (
            f"that is the share before the last change ({narrate.number(100 * before)} %), so "
            "probably istiod does not push, or the proxies refuse what it pushes; look at "
            f"istioctl proxy-status, and at istiod's log for VirtualService {route}"
        )
    return (
        f"probably requests reach it past VirtualService {route} (another host, gateway or route), "
        "or callers have no sidecar; look at istioctl proxy-config routes of a caller"
    )


def share_before(draft: Draft) -> float:
    """The share that the canary had before this step."""
    step = sure(draft.status.step)
    steps = draft.snap.spec.analysis.steps
    return steps[step.index - 1].weight / 100 if step.index > 0 else 0.0
