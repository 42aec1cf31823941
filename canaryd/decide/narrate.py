"""All sentences in one place, so that status, event, notice and command line never disagree."""

from __future__ import annotations

from datetime import timedelta
from math import ceil, floor, log10

from canaryd.decide.draft import Draft, sure
from canaryd.model.names import Weight
from canaryd.model.snapshot import Sample, Workload
from canaryd.model.spec import DURATION, SUCCESS_RATE, Bounds, Metric
from canaryd.model.status import StepState

UNITS = {SUCCESS_RATE: " %", DURATION: " ms"}
EXACT = 16
"""So many digits say a float nearly exactly, and a bound as its author wrote it."""


def span(duration: timedelta) -> str:
    """Say a duration as people write it: 90 s is 1m30s."""
    seconds = duration.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:g}s"
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def number(value: float, digits: int = 4) -> str:
    """Say a number without an exponent, with so many digits that matter, a thousand in full."""
    if not value:
        return "0"
    places = max(digits - 1 - floor(log10(abs(value))), 0)
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def measured(value: float, limits: Bounds) -> str:
    """Say a value with as many digits as it takes to lie on its own side of the bounds."""
    texts = (number(value, digits) for digits in range(4, EXACT))
    return next((t for t in texts if limits.admit(float(t)) is limits.admit(value)), repr(value))


def step_name(step: StepState) -> str:
    """Name a step as people count: step 3 of 5 (50 %)."""
    return f"step {step.index + 1} of {step.count} ({step.weight} %)"


def bounds(limits: Bounds, unit: str) -> str:
    """Say what a gate demands."""
    parts: list[str] = []
    if limits.minimum is not None:
        parts.append(f"at least {number(limits.minimum, EXACT)}{unit}")
    if limits.maximum is not None:
        parts.append(f"at most {number(limits.maximum, EXACT)}{unit}")
    return " and ".join(parts)


def verdict(metric: Metric, sample: Sample) -> str:
    """Say what a threshold gate saw, and against which bound."""
    unit = UNITS.get(metric.name) or (f" {metric.unit}" if metric.unit else "")
    value, limits = sure(sample.value), metric.bounds
    says = "within its bound of" if limits.admit(value) else "outside its bound of"
    return (
        f"{metric.name} was {measured(value, limits)}{unit} over {span(sample.window)}, "
        f"{says} {bounds(metric.bounds, unit)}"
    )


def readiness(workload: Workload, needed: int) -> str:
    """Say how ready a workload is, and what is missing."""
    if not workload.exists:
        return f"Deployment {workload.name} does not exist; create it again or abort the rollout"
    if workload.paused:
        return (
            f"Deployment {workload.name} is paused (spec.paused), so its next revision is unknown; "
            f"kubectl rollout resume deployment/{workload.name}"
        )
    if workload.replicas == 0:
        return (
            f"Deployment {workload.name} is scaled to 0; "
            f"kubectl scale deployment/{workload.name} --replicas=1"
        )
    if workload.revision is None:
        return f"Kubernetes has not yet named the new revision of Deployment {workload.name}"
    ready = f"{workload.ready} of {workload.replicas} pods of {workload.name} are ready"
    return f"{ready}, {needed} needed"


def images(workload: Workload) -> str:
    """Say which images a workload runs, as short as can be."""
    return ", ".join(image.rpartition("/")[2] for image in workload.images.values()) or "no image"


def rolled_back(draft: Draft, why: str) -> str:
    """Say that traffic was taken back, from where, and why."""
    what = f"{draft.canary.name} ({images(draft.canary)})"
    return f"{what} rolled back from {draft.observed} %: {why}"


def put_back(workload: Workload) -> str:
    """Say that a push was none, and how to make it one."""
    return (
        f"{workload.name} ({images(workload)}) is back at what it held before the rejected "
        "release: nothing to do; to release it all the same: "
        f"kubectl rollout restart deployment/{workload.name}"
    )


def thin(draft: Draft, weight: Weight) -> str:
    """Warn when fewer canary pods are ready than their share of the primary's; else nothing."""
    ready, fair = draft.canary.ready, ceil(draft.primary.ready * weight / 100)
    if ready >= fair:
        return ""
    return f", with {ready} ready pods where {weight} % of {draft.primary.name}'s would be {fair}"


def restored(draft: Draft) -> str:
    """Say what becomes of weights that somebody else wrote, for the first time."""
    what = "restores it once" if draft.status.rollout else "puts it back: nothing is being released"
    return f"canaryd {what}; {way_out(draft)}"


def stands(draft: Draft) -> str:
    """Say what becomes of them from the second time on."""
    quiet = span(draft.snap.waits.contest_window)
    at_rest = f"{draft.primary.name} serves, so that they are put back each time"
    waits = f"; what is pushed meanwhile waits until {quiet} pass without such a write"
    return "the lowest weight since stands" if draft.status.rollout else f"{at_rest}{waits}"


def way_out(draft: Draft) -> str:
    """Say how to do what somebody may want who writes weights by hand."""
    key, idle = draft.snap.key, draft.canary.name
    if draft.status.rollout is not None:
        return f"to take the release back: canaryd abort {key.name} -n {key.namespace}"
    return (
        f"to give the traffic to {idle}: kubectl rollout restart deployment/{idle} "
        f"-n {key.namespace}, then canaryd promote {key.name} -n {key.namespace}"
    )
