"""What can be read from a snapshot and the statuses before and after a decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from canaryd.model.answered import Answered
from canaryd.model.decision import Decision
from canaryd.model.snapshot import Sample, Snapshot, Verb
from canaryd.model.spec import Metric
from canaryd.model.status import Status


def judged_revision(snap: Snapshot, decision: Decision) -> str | None:
    """The revision that a rise is for."""
    after = decision.status
    if after.rollout is not None:
        return after.rollout.revision
    return after.promoted.revision if after.promoted else None


def threshold_of(snap: Snapshot) -> float:
    return snap.spec.analysis.ready_threshold / 100


def same_rollout(before: Status, after: Status) -> bool:
    return bool(before.rollout and after.rollout and before.rollout.id == after.rollout.id)


def superseded(before: Status, after: Status) -> bool:
    return bool(before.rollout and after.rollout and before.rollout.id != after.rollout.id)


def ends(before: Status, after: Status) -> bool:
    """The rollout was taken back, or is about to be, or made way for another."""
    return before.rollout is not None and not same_rollout(before, after)


def why_ended(before: Status, after: Status) -> str | None:
    """The reason of a failure that this decision found."""
    if before.rollout is None or before.rollout.failure is not None:
        return None
    if same_rollout(before, after) and after.rollout is not None:
        return after.rollout.failure.reason if after.rollout.failure else None
    if after.rejected is not None and after.rejected != before.rejected:
        return after.rejected.reason
    return "Other"


def paused(snap: Snapshot, after: Status) -> bool:
    if after.rollout is not None:
        return after.rollout.paused is not None
    rollout, promoted = snap.status.rollout, after.promoted
    if rollout is None or promoted is None or promoted.revision != rollout.revision:
        return False  # a pause is of one rollout: what was pushed since is another
    lifted = {Verb.RESUME, Verb.PROMOTE} & {request.verb for request in snap.requests}
    return rollout.paused is not None and not lifted


def skipping(snap: Snapshot, status: Status) -> bool:
    """Somebody asked that no step need be passed."""
    asked = any(request.verb is Verb.PROMOTE for request in snap.requests)
    flagged = status.rollout is not None and status.rollout.skip_steps
    return snap.spec.skip_analysis or asked or flagged


def unjudged(snap: Snapshot, status: Status) -> bool:
    """Nothing is looked at: a promotion that waits in mid-rollout is judged all the while."""
    waits = status.rollout is not None and status.step is not None
    asked = any(request.verb is Verb.PROMOTE for request in snap.requests)
    return snap.spec.skip_analysis or (skipping(snap, status) and (asked or not waits))


def steps_edited(snap: Snapshot) -> bool:
    step, steps = snap.status.step, snap.spec.analysis.steps
    if step is None or step.index < 0:
        return False
    return step.index >= len(steps) or steps[step.index].weight != step.weight


def failing(snap: Snapshot, since: datetime) -> Iterator[datetime]:
    for metric in snap.spec.analysis.metrics:
        sample = snap.samples.get(metric.name)
        if sample is None or sample.value is None or sample.asked_at - sample.window < since:
            continue
        if not metric.bounds.admit(sample.value):
            yield sample.asked_at


def passed(heard: list[Sample], metric: Metric, since: datetime) -> bool:
    mine = [s for s in heard if s.value is not None and s.asked_at - s.window >= since]
    return bool(mine) and mine[-1].value is not None and metric.bounds.admit(mine[-1].value)


def probed(snap: Snapshot, metric: Metric) -> bool:
    sample, rollout = snap.samples.get(metric.name), snap.status.rollout
    if skipping(snap, snap.status) or rollout is None:
        return True
    if sample is None or sample.asked_at < rollout.started_at:
        return False
    return sample.answered not in (Answered.UNAVAILABLE, Answered.REFUSED)
