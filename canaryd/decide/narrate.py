"""All sentences in one place, so that status, event, notice and command line never disagree."""

from __future__ import annotations

from datetime import timedelta

from canaryd.decide.draft import Draft
from canaryd.model.snapshot import Sample, Workload
from canaryd.model.spec import DURATION, SUCCESS_RATE, Bounds, Metric
from canaryd.model.status import StepState

UNITS = {SUCCESS_RATE: " %", DURATION: " ms"}


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


def number(value: float) -> str:
    """Say a number with as many digits as a person can use."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004


def step_name(step: StepState) -> str:
    """Name a step as people count: step 3 of 5 (50 %)."""
    return f"step {step.index + 1} of {step.count} ({step.weight} %)"


def bounds(limits: Bounds, unit: str) -> str:
    """Say what a gate demands."""
    parts: list[str] = []
    if limits.minimum is not None:
        parts.append(f"at least {number(limits.minimum)}{unit}")
    if limits.maximum is not None:
        parts.append(f"at most {number(limits.maximum)}{unit}")
    return " and ".join(parts)


def verdict(metric: Metric, sample: Sample) -> str:
    """Say what a threshold gate saw, and against which bound."""
    unit = UNITS.get(metric.name, "")
    assert sample.value is not None
    passed = metric.bounds.admit(sample.value)
    says = "within its bound of" if passed else "outside its bound of"
    return (
        f"{metric.name} was {number(sample.value)}{unit} over {span(sample.window)}, "
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
    return f"{workload.ready} of {workload.replicas} pods of {workload.name} are ready, {needed} needed"


def images(workload: Workload) -> str:
    """Say which images a workload runs, as short as can be."""
    return ", ".join(image.rpartition("/")[2] for image in workload.images.values()) or "no image"


def rolled_back(draft: Draft, why: str) -> str:
    """Say that traffic was taken back, from where, and why."""
    return f"{draft.canary.name} ({images(draft.canary)}) rolled back from {draft.observed} %: {why}"
