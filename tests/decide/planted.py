"""Planted bugs: engines that are wrong in one small way each. The watchman must catch every one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide import brakes, engine, guards
from canaryd.decide.draft import Draft, EnterStep, Promote, Stage
from canaryd.decide.engine import RULES, Rules, decide
from canaryd.decide.moves import start_rollout
from canaryd.model.decision import Decision
from canaryd.model.names import ALL_TRAFFIC, NO_TRAFFIC
from canaryd.model.snapshot import Answered, Snapshot
from canaryd.model.status import Cap, CapReason, Phase
from tests.decide.build import sec
from tests.decide.run import Engine

Change = Callable[[Snapshot, datetime, Decision], Decision]
See = Callable[[Snapshot, datetime], Snapshot]


def ruled(rules: Rules) -> Engine:
    return lambda snap, now: decide(snap, now, rules)


def without_brake(brake: Stage) -> Engine:
    return ruled(replace(RULES, brakes=tuple(b for b in RULES.brakes if b is not brake)))


def without_guard(guard: Stage) -> Engine:
    return ruled(replace(RULES, guards=tuple(g for g in RULES.guards if g is not guard)))


def then(change: Change) -> Engine:
    """The right decision, changed afterwards."""
    return lambda snap, now: change(snap, now, decide(snap, now))


def seeing(see: See) -> Engine:
    """The right decision about a snapshot that is not the true one."""

    def engine(snap: Snapshot, now: datetime) -> Decision:
        decision = decide(see(snap, now), now)
        if decision.status.conditions or decision.status.notices:
            return decision
        return decision

    return engine


def after_phase(change: Stage) -> Engine:
    """A stage of its own between judging and braking."""
    return ruled(replace(RULES, brakes=(change, *RULES.brakes)))


# --- the judgement ---


def unjudged(draft: Draft) -> Draft:
    """A step ends with its least stay, whatever the samples say."""
    step, analysis = draft.status.step, draft.snap.spec.analysis
    if draft.status.phase is not Phase.PROGRESSING or step is None or draft.advance:
        return draft
    if step.elapsed(draft.now) < analysis.steps[max(step.index, 0)].least or draft.holds:
        return draft
    last = step.index + 1 >= len(analysis.steps)
    return replace(draft, advance=Promote() if last else EnterStep(step.index + 1))


def older_samples_count(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """A sample of the step before passes this one: its window is taken for an instant."""
    samples = {name: replace(s, window=timedelta()) for name, s in snap.samples.items()}
    return replace(snap, samples=samples)


def missing_is_good(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """No answer is taken for a good one."""
    samples = {
        name: s if s.value is not None else replace(s, answered=Answered.VALUE, value=1e6)
        for name, s in snap.samples.items()
    }
    return replace(snap, samples=samples)


def missing_is_bad(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """No answer is taken for a failed check."""
    samples = {
        name: s if s.value is not None else replace(s, answered=Answered.VALUE, value=-1.0)
        for name, s in snap.samples.items()
    }
    return replace(snap, samples=samples)


def every_sample_counts(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """Failed checks are counted as often as samples come, not once per interval."""
    analysis = replace(snap.spec.analysis, interval=sec(1))
    return replace(snap, spec=replace(snap.spec, analysis=analysis))


def one_more_failure(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """The threshold itself does not roll back, only the check after it."""
    analysis = replace(snap.spec.analysis, threshold=snap.spec.analysis.threshold + 1)
    return replace(snap, spec=replace(snap.spec, analysis=analysis))


def approvals_ignored(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """A step that asks for approval does not wait for it."""
    walk = tuple(replace(step, approval=False) for step in snap.spec.analysis.steps)
    return replace(
        snap, spec=replace(snap.spec, analysis=replace(snap.spec.analysis, steps=walk))
    )


def step_skipped(draft: Draft) -> Draft:
    """Goes from the first step to the third."""
    match draft.advance:
        case EnterStep(index=1) if len(draft.snap.spec.analysis.steps) > 2:
            return replace(draft, advance=EnterStep(2))
        case _:
            return draft


# --- readiness and safe sides ---


def any_pod_will_do(snap: Snapshot, now: datetime) -> Snapshot:  # noqa: ARG001
    """canaryReadyThreshold is not looked at."""
    analysis = replace(snap.spec.analysis, ready_threshold=1)
    return replace(snap, spec=replace(snap.spec, analysis=analysis))


def deadline_forgotten(snap: Snapshot, now: datetime, decision: Decision) -> Decision:  # noqa: ARG001
    """The deadline starts anew with every decision."""
    rollout = decision.status.rollout
    if rollout is None or rollout.unready_since is None:
        return decision
    fresh = replace(rollout, unready_since=now)
    return replace(decision, status=replace(decision.status, rollout=fresh))


def back_at_once(draft: Draft) -> Draft:
    """A cap is lifted with the first ready pod, whatever the brakes say afterwards."""
    cap = draft.status.cap
    if cap is not None and cap.reason is CapReason.CANARY_LOST and draft.canary.ready > 0:
        return draft.change(cap=None)
    return draft


def weight_zero_too_late(draft: Draft) -> Draft:
    """A push in mid-rollout is noticed when its revision has a name, not before."""
    cap = draft.status.cap
    if cap is not None and cap.reason is CapReason.TARGET_MOVED:
        return draft.change(cap=None)
    return draft


def abandon(draft: Draft) -> Draft:
    """Rolls back onto a primary without ready pods: the brake stands before the decision."""
    return draft if draft.primary.ready else replace(draft, floor=NO_TRAFFIC, holds=())


# --- pushes, people, books ---


def rejected_is_new(draft: Draft) -> Draft:
    """A rejected revision starts again by itself."""
    rejected, canary = draft.status.rejected, draft.canary
    again = rejected is not None and rejected.revision == canary.revision
    if draft.status.phase is Phase.IDLE and again and canary.ready and not draft.snap.samples:
        return start_rollout(draft, "it is there")
    return draft


def push_lost(snap: Snapshot, now: datetime, decision: Decision) -> Decision:  # noqa: ARG001
    """A push that comes while the watches are old is marked as seen and never analysed."""
    if snap.status.phase is not Phase.IDLE or decision.status.rollout is None:
        return decision
    if snap.workloads[sure_slot(snap)].ready:
        return decision
    seen = snap.workloads[sure_slot(snap)].revision
    return Decision(status=replace(snap.status, idle_revision=seen))


def sure_slot(snap: Snapshot) -> str:
    assert snap.status.idle_slot is not None
    return snap.status.idle_slot
