"""Gates: what the latest samples say about the running step. Missing is not bad."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from canaryd.decide import narrate
from canaryd.decide import say_evidence as say
from canaryd.decide.draft import Draft, sure
from canaryd.decide.due import ahead, lags_behind
from canaryd.decide.gates import (
    MISSING,
    SILENT,
    Conclusion,
    conclusions,
    edge_not_there,
    in_use,
    learn_background,
    take_in_tiles,
)
from canaryd.decide.moves import roll_back
from canaryd.decide.ruling import (
    PROVEN,
    UNCOUNTED,
    UNREAD_TILES,
    Ruling,
    most_failed,
    rests_on_counts,
    uncountable,
)
from canaryd.decide.share import traffic_follows
from canaryd.model.answered import Answered
from canaryd.model.evidence import Refused
from canaryd.model.gates import Compare
from canaryd.model.snapshot import Sample
from canaryd.model.spec import Metric, MissingPolicy, Otherwise, Severity
from canaryd.model.status import Gate, HoldReason, Missing, Verdict


def relevant(draft: Draft, metric: Metric, since: datetime) -> Sample | None:
    """The latest sample, if it belongs here: a value's whole window must lie after `since`.

    One of an instant to come is from before the wall clock was set back, and may be counted.
    """
    sample = draft.snap.samples.get(metric.name)
    if sample is None or sample.asked_at > draft.now:
        return None
    reaches_back_to = sample.asked_at
    if sample.answered is Answered.VALUE:
        reaches_back_to -= sample.window
    return sample if reaches_back_to >= since else None


def gate(metric: Metric, sample: Sample, before: Gate | None) -> Gate:
    """Turn one sample into a verdict with its sentence."""
    match sample.answered:
        case Answered.VALUE:
            passed = metric.bounds.admit(sure(sample.value))
            return Gate(
                name=metric.name,
                verdict=Verdict.PASS if passed else Verdict.FAIL,
                message=narrate.verdict(metric, sample),
                at=sample.asked_at,
                value=sample.value,
            )
        case Answered.NO_DATA | Answered.UNAVAILABLE | Answered.REFUSED:
            reason, known = MISSING[sample.answered], before.missing if before else None
            goes_on = known is not None and known.reason is reason
            return Gate(
                name=metric.name,
                verdict=Verdict.NO_DATA,
                message=f"{metric.name}: {sample.detail}",
                at=sample.asked_at,
                missing=known if goes_on else Missing(reason, sample.asked_at),
            )
        case _:
            assert_never(sample.answered)


def look(draft: Draft, metric: Metric, since: datetime) -> Gate:
    """What the gate says now; an answer that a restart has forgotten stands in the status."""
    before = next((gate for gate in draft.status.gates if gate.name == metric.name), None)
    if before is not None and (reaches_back_to(before, metric) < since or before.at > draft.now):
        before = None
    sample = relevant(draft, metric, since)
    if sample is not None:
        return gate(metric, sample, before)
    waiting = f"{metric.name}: no sample yet whose whole window lies in this step"
    entered_at = sure(draft.status.step).entered_at
    return before or Gate(metric.name, Verdict.UNDECIDED, waiting, entered_at)


def reaches_back_to(known: Gate, metric: Metric) -> datetime:
    """Since when a gate looks: over its value's window, or from the first missing answer on."""
    return known.missing.since if known.missing is not None else known.at - metric.interval


def judge(draft: Draft) -> Draft:
    """Judge the live step: evidence, failed checks, holds for what is missing."""
    draft = look_at_failing(take_in_tiles(draft))
    step = draft.status.step
    if step is None or not draft.running:
        return draft
    concluded = conclusions(draft)
    if step.live_since is None:
        return heard(draft, concluded)  # no traffic goes back to what is proven bad by now
    since = step.live_since
    thresholds = (look(draft, metric, since) for metric in draft.snap.spec.analysis.metrics)
    draft = draft.change(gates=(*thresholds, *(each.gate for each in concluded)))
    draft = heard(draft, concluded)
    if in_use(draft) and draft.running:
        draft = uncounted(traffic_follows(draft))
    for gate in draft.status.gates:
        if gate.missing is not None and draft.running:
            draft = miss(draft, gate.message, gate.missing)
    return count_failure(draft) if draft.running else draft


def look_at_failing(draft: Draft) -> Draft:
    """Most of what the canary got went wrong: no statistics are needed, and no warm-up excuses."""
    evidence = draft.status.evidence
    if evidence is None or not most_failed(evidence):
        return draft
    sentence = say.most_failed(evidence.latest, narrate.span(evidence.window))
    return roll_back(draft, "MostRequestsFailed", narrate.rolled_back(draft, sentence))


def heard(draft: Draft, concluded: Iterable[Conclusion]) -> Draft:
    """Act on every gate's evidence, until one has ended the rollout."""
    for each in concluded:
        if draft.running:
            draft = weighed(draft, each)
    return draft


def weighed(draft: Draft, concluded: Conclusion) -> Draft:
    """Evidence that reached its bound: take the canary back, or say why a person must decide."""
    message, ruling = concluded.gate.message, concluded.ruling
    if ruling not in PROVEN:
        return draft
    if ruling is Ruling.ENVIRONMENT:
        both = f"the primary misses it as well, so it is not the canary's fault: {message}"
        return draft.hold(HoldReason.ENVIRONMENT, both)
    if ruling is Ruling.DISPERSION_UNKNOWN:
        unknown = f"{message}; {say.unknown_dispersion(draft.status.background)}"
        return draft.hold(HoldReason.DISPERSION_UNKNOWN, unknown)
    reason = "WorseThanPrimary" if isinstance(concluded.rule, Compare) else "ObjectiveMissed"
    return roll_back(draft, reason, narrate.rolled_back(draft, message))


def uncounted(draft: Draft) -> Draft:
    """Hold while the counts cannot be told apart, or used, or are of a time to come."""
    gates, weight = draft.snap.spec.analysis.evidence.gates, sure(draft.status.step).weight
    rests = rests_on_counts(gates, weight)
    if rests and (later := ahead(draft)) is not None:
        draft = draft.hold(HoldReason.METRICS_UNAVAILABLE, later)
    told = uncountable(sure(draft.status.evidence), rests=rests)
    if told is None:
        return draft
    reason, refused = told
    message = refused.message if refused.reason in UNCOUNTED else say.refused(refused)
    return unusable(draft, message, refused, reason)


def unusable(
    draft: Draft,
    message: str,
    refused: Refused,
    reason: HoldReason = HoldReason.METRICS_UNAVAILABLE,
) -> Draft:
    """Hold for counts that cannot be used, until the policy for it says otherwise.

    Its time is that of the tiles which were looked at: what nobody has read yet, after a restart or
    an outage, may be well.
    """
    policy, window = policy_for(draft, reason), sure(draft.status.evidence).window
    least = UNREAD_TILES * window  # one tile is no outage
    if policy is None or refused.lasted < max(policy.after, least) or lags_behind(draft):
        return draft.hold(reason, message)
    return overdue(draft, message, reason, policy)


def count_failure(draft: Draft) -> Draft:
    """Count at most one failed check per interval; the one with number `threshold` ends it."""
    rollout, analysis = draft.rollout, draft.snap.spec.analysis
    last = rollout.failed_at
    if last is None or last > draft.now:  # it is to come where the wall clock was set back
        earliest = sure(sure(draft.status.step).live_since)
    else:
        earliest = last + analysis.interval
    checks = {metric.name for metric in analysis.metrics}
    failed = [
        g
        for g in draft.status.gates
        if g.name in checks and g.verdict is Verdict.FAIL and g.at >= earliest
    ]
    if not failed:
        return draft
    why = "; ".join(g.message for g in failed)
    count = rollout.failed_checks + 1
    draft = draft.change_rollout(failed_checks=count, failed_at=max(g.at for g in failed))
    sentence = f"failed check {count} of {analysis.threshold}: {why}"
    if count >= analysis.threshold:
        return roll_back(draft, "CheckFailed", narrate.rolled_back(draft, sentence))
    return draft.tell("CheckFailed", sentence, Severity.WARN)


def miss(draft: Draft, message: str, missing: Missing) -> Draft:
    """Hold for what is missing, with that message, until the policy for it says otherwise."""
    policy = policy_for(draft, missing.reason)
    if policy is None or policy.then is Otherwise.HOLD:
        return draft.hold(missing.reason, message)
    due = missing.since + policy.after
    if draft.now < due:
        return draft.hold(missing.reason, message).wake(due)
    return overdue(draft, message, missing.reason, policy)


def overdue(draft: Draft, message: str, reason: HoldReason, policy: MissingPolicy) -> Draft:
    """What the policy says when something has been missing for longer than it waits."""
    match policy.then:
        case Otherwise.HOLD:
            return draft.hold(reason, message)
        case Otherwise.ROLL_BACK:
            why = f"{message}, for more than {narrate.span(policy.after)}"
            return roll_back(draft, reason.value, narrate.rolled_back(draft, why))
        case Otherwise.ADVANCE:
            return draft
        case _:
            assert_never(policy.then)


def policy_for(draft: Draft, reason: HoldReason) -> MissingPolicy | None:
    """The user's policy for this kind of silence; a refused query has none: it holds."""
    if reason is HoldReason.NO_CANARY_DATA:
        return draft.snap.spec.analysis.no_data
    if reason is HoldReason.METRICS_UNAVAILABLE:
        return draft.snap.spec.analysis.unavailable
    return None


def satisfied(draft: Draft, metric: Metric) -> bool:
    """Whether the metric's latest sample of this step lets the step pass.

    One without a value does when its policy is to advance: until that is due a hold stands.
    """
    sample = relevant(draft, metric, sure(sure(draft.status.step).live_since))
    if sample is None:
        return False
    if sample.answered is Answered.VALUE:
        return metric.bounds.admit(sure(sample.value))
    policy = policy_for(draft, MISSING[sample.answered])
    return policy is not None and policy.then is Otherwise.ADVANCE


def probe(draft: Draft) -> Draft:
    """Before any traffic moves: hold unless the metrics server has answered each query."""
    for metric in draft.snap.spec.analysis.metrics:
        sample = draft.snap.samples.get(metric.name)
        if sample is None or sample.asked_at < draft.rollout.started_at:
            draft = replace(draft, advance=None)
        elif sample.answered in (Answered.UNAVAILABLE, Answered.REFUSED):
            draft = draft.hold(MISSING[sample.answered], f"{metric.name}: {sample.detail}")
    return probe_counting(learn_background(draft)) if in_use(draft) else draft


def probe_counting(draft: Draft) -> Draft:
    """Evidence needs the server's clock, and what is known of the primary's pods, from the start.

    An empty answer is one: a service without requests has no pods to compare.
    """
    counting = draft.snap.counting
    if counting.silence is not None:
        return draft.hold(SILENT[counting.silence.answered], counting.silence.detail)
    begun = draft.rollout.started_at
    known = (counting.background, draft.status.background)  # a restart forgets the first
    answered = any(each is not None and each.asked_at >= begun for each in known)
    if answered and (unknown := edge_not_there(draft)) is not None:
        return draft.hold(HoldReason.QUERY_REFUSED, unknown)
    return draft if counting.skew is not None and answered else replace(draft, advance=None)
