"""Gates: what the latest samples say about the running step. Missing is not bad."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from canaryd.decide import narrate
from canaryd.decide.draft import Draft
from canaryd.decide.moves import roll_back
from canaryd.model.snapshot import Answered, Sample
from canaryd.model.spec import Metric, MissingPolicy, Otherwise, Severity
from canaryd.model.status import Gate, HoldReason, Verdict

MISSING = {
    Answered.UNAVAILABLE: HoldReason.METRICS_UNAVAILABLE,
    Answered.REFUSED: HoldReason.QUERY_REFUSED,
    Answered.NO_DATA: HoldReason.NO_CANARY_DATA,
}
"""A sample without value holds; it is never a failed check."""


def relevant(draft: Draft, metric: Metric, since: datetime) -> Sample | None:
    """The latest sample, if it belongs here: a value's whole window must lie after `since`."""
    sample = draft.snap.samples.get(metric.name)
    if sample is None:
        return None
    reaches_back_to = sample.asked_at
    if sample.answered is Answered.VALUE:
        reaches_back_to -= sample.window
    return sample if reaches_back_to >= since else None


def gate(metric: Metric, sample: Sample) -> Gate:
    """Turn one sample into a verdict with its sentence."""
    match sample.answered:
        case Answered.VALUE:
            assert sample.value is not None
            passed = metric.bounds.admit(sample.value)
            verdict, message = Verdict.PASS if passed else Verdict.FAIL, narrate.verdict(metric, sample)
        case Answered.NO_DATA | Answered.UNAVAILABLE | Answered.REFUSED:
            verdict, message = Verdict.NO_DATA, f"{metric.name}: {sample.detail}"
        case _:
            assert_never(sample.answered)
    return Gate(metric.name, verdict, message, sample.asked_at, sample.value)


def judge(draft: Draft) -> Draft:
    """Judge the live step: failed checks, rollback at the threshold, holds for missing samples."""
    step = draft.status.step
    if step is None or step.live_since is None:
        return draft
    kept = {gate.name: gate for gate in draft.status.gates}
    gates: list[Gate] = []
    for metric in draft.snap.spec.analysis.metrics:
        sample = relevant(draft, metric, step.live_since)
        if sample is not None:
            gates.append(gate(metric, sample))
        else:
            waiting = f"{metric.name}: no sample yet whose whole window lies in this step"
            undecided = Gate(metric.name, Verdict.UNDECIDED, waiting, step.entered_at)
            gates.append(kept.get(metric.name, undecided))
        if sample is not None and sample.answered is not Answered.VALUE:
            draft = missing(draft, metric, sample)
    draft = draft.change(gates=tuple(gates))
    return count_failure(draft) if draft.running else draft


def count_failure(draft: Draft) -> Draft:
    """Count at most one failed check per analysis interval; the one with number `threshold` ends it."""
    rollout, analysis, step = draft.rollout, draft.snap.spec.analysis, draft.status.step
    assert step is not None
    assert step.live_since is not None
    earliest = step.live_since
    if rollout.failed_at is not None:
        earliest = max(earliest, rollout.failed_at + analysis.interval)
    failed = [g for g in draft.status.gates if g.verdict is Verdict.FAIL and g.at >= earliest]
    if not failed:
        return draft
    why = "; ".join(g.message for g in failed)
    count = rollout.failed_checks + 1
    draft = draft.change_rollout(failed_checks=count, failed_at=max(g.at for g in failed))
    sentence = f"failed check {count} of {analysis.threshold}: {why}"
    if count >= analysis.threshold:
        return roll_back(draft, "CheckFailed", narrate.rolled_back(draft, sentence))
    return draft.tell("CheckFailed", sentence, Severity.WARN)


def missing(draft: Draft, metric: Metric, sample: Sample) -> Draft:
    """Hold for a sample that has no value, until the policy for it says otherwise."""
    if not draft.running:
        return draft
    reason = MISSING[sample.answered]
    message = f"{metric.name}: {sample.detail}"
    policy = policy_for(draft, reason)
    held = draft.snap.status.hold
    since = held.since if held is not None and held.reason is reason else draft.now
    if policy is None or policy.then is Otherwise.HOLD:
        return draft.hold(reason, message)
    if draft.now < since + policy.after:
        return draft.hold(reason, message).wake(since + policy.after)
    if policy.then is Otherwise.ROLL_BACK:
        why = f"{message}, for more than {narrate.span(policy.after)}"
        return roll_back(draft, reason.value, narrate.rolled_back(draft, why))
    return draft


def policy_for(draft: Draft, reason: HoldReason) -> MissingPolicy | None:
    """The user's policy for this kind of silence; a refused query has none: it holds."""
    if reason is HoldReason.NO_CANARY_DATA:
        return draft.snap.spec.analysis.no_data
    if reason is HoldReason.METRICS_UNAVAILABLE:
        return draft.snap.spec.analysis.unavailable
    return None


def satisfied(draft: Draft, metric: Metric) -> bool:
    """Whether the metric's latest sample of this step lets the step pass."""
    step = draft.status.step
    if step is None or step.live_since is None:
        return False
    sample = relevant(draft, metric, step.live_since)
    if sample is None:
        return False
    if sample.answered is Answered.VALUE:
        assert sample.value is not None
        return metric.bounds.admit(sample.value)
    policy = policy_for(draft, MISSING[sample.answered])
    return policy is not None and policy.then is Otherwise.ADVANCE  # a hold stands until then


def probe(draft: Draft) -> Draft:
    """Before any traffic moves: hold unless the metrics server has answered each query."""
    for metric in draft.snap.spec.analysis.metrics:
        sample = draft.snap.samples.get(metric.name)
        if sample is None or sample.asked_at < draft.rollout.started_at:
            draft = replace(draft, advance=None)
        elif sample.answered in (Answered.UNAVAILABLE, Answered.REFUSED):
            draft = draft.hold(MISSING[sample.answered], f"{metric.name}: {sample.detail}")
    return draft
