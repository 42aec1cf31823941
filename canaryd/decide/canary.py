"""Progressing: readiness, judgement, and what comes after a step that is passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide import narrate
from canaryd.decide.draft import Draft, EnterStep, Promote, sure
from canaryd.decide.judge import judge, probe, satisfied
from canaryd.decide.moves import enter, largest_step, roll_back
from canaryd.model.decision import Observe
from canaryd.model.spec import Step
from canaryd.model.status import HoldReason, Phase, StepState


def progressing(draft: Draft) -> Draft:
    """Judge the running step and propose what comes next."""
    draft = watch_readiness(draft)
    if draft.status.phase is not Phase.PROGRESSING:
        return draft
    spec = draft.snap.spec
    if spec.skip_analysis or draft.rollout.skip_steps:
        return replace(draft, advance=Promote())
    if draft.status.step is None:
        return probe(replace(draft, advance=EnterStep(0)))
    draft = judge(draft)
    if draft.status.phase is not Phase.PROGRESSING or draft.holds:
        return draft
    return passed(draft)


def watch_readiness(draft: Draft) -> Draft:
    """The progress deadline runs for each unbroken spell without enough ready pods."""
    rollout, deadline = draft.rollout, draft.snap.spec.progress_deadline
    if draft.ready:
        return draft.change_rollout(unready_since=None)
    since = rollout.unready_since or draft.now
    draft = draft.change_rollout(unready_since=since)
    if draft.now < since + deadline or draft.snap.stale:
        return draft.wake(since + deadline)
    why = (
        f"not ready for {narrate.span(deadline)} ({narrate.readiness(draft.canary, draft.needed)})"
    )
    return roll_back(draft, "ProgressDeadlineExceeded", narrate.rolled_back(draft, why))


def follow_spec(draft: Draft) -> Draft:
    """Steps edited in mid-rollout: go on at the largest step not above the present weight."""
    step, steps = draft.status.step, draft.snap.spec.analysis.steps
    if step is None or draft.status.phase is not Phase.PROGRESSING:
        return draft
    same = step.index < 0 or (step.index < len(steps) and steps[step.index].weight == step.weight)
    if same:
        return draft.change(step=replace(step, count=len(steps)))
    index = largest_step(draft, step.weight)
    draft = enter(draft, index, step.weight)
    entered = narrate.step_name(sure(draft.status.step))
    return draft.tell("StepEntered", f"the steps were changed: now {entered}")


def least_stay(draft: Draft, step: StepState) -> timedelta:
    """How long the step lasts at least; a take-over below the first step has the interval."""
    analysis = draft.snap.spec.analysis
    return analysis.steps[step.index].least if step.index >= 0 else analysis.interval


def passed(draft: Draft) -> Draft:
    """Propose what comes next: the stay is over, every gate passed, a person agreed if asked."""
    step, analysis = sure(draft.status.step), draft.snap.spec.analysis
    left = least_stay(draft, step) - step.elapsed(draft.now)
    if left > timedelta():
        return draft.wake(draft.now + left) if step.running_since else draft
    if not all(satisfied(draft, metric) for metric in analysis.metrics):
        return draft
    current: Step | None = analysis.steps[step.index] if step.index >= 0 else None
    if current is not None and current.approval and draft.rollout.approved_step != step.index:
        return draft.hold(HoldReason.APPROVAL_NEEDED, approval_message(draft, step))
    last = step.index + 1 >= len(analysis.steps)
    return replace(draft, advance=Promote() if last else EnterStep(step.index + 1))


def approval_message(draft: Draft, step: StepState) -> str:
    """Say which step waits for a person, and the command."""
    key = draft.snap.key
    return (
        f"{narrate.step_name(step)} waits for approval: "
        f"canaryd approve {key.name} -n {key.namespace} --step {step.index + 1}"
    )


def observations(draft: Draft) -> tuple[Observe, ...]:
    """What to ask Prometheus for: a first answer before any traffic, then once per interval."""
    status, spec = draft.status, draft.snap.spec
    if status.phase is not Phase.PROGRESSING or spec.skip_analysis or draft.rollout.skip_steps:
        return ()
    if status.step is None:
        start: datetime | None = draft.rollout.started_at if draft.ready else None
    else:
        start = status.step.live_since
    if start is None:
        return ()
    wait = status.step is not None
    return tuple(
        Observe(
            metric=metric.name,
            query=metric.query,
            interval=metric.interval,
            first_at=start + metric.interval if wait else start,
            slot=draft.slot,
        )
        for metric in spec.analysis.metrics
    )
