"""Progressing: readiness, judgement, and what comes after a step that is passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide import narrate
from canaryd.decide import say_evidence as say
from canaryd.decide.background import subject
from canaryd.decide.brakes import BRAKES
from canaryd.decide.buckets import named_edges
from canaryd.decide.draft import Draft, EnterStep, Promote, sure
from canaryd.decide.due import heard, lags_behind
from canaryd.decide.gates import (
    Conclusion,
    answers,
    conclusions,
    edge_not_there,
    in_use,
    inconclusive,
    interval_of,
    take_in_tiles,
    unjudged,
)
from canaryd.decide.judge import (
    judge,
    look,
    policy_for,
    probe,
    relevant,
    satisfied,
    unusable,
)
from canaryd.decide.moves import enter, largest_step, roll_back
from canaryd.decide.ruling import Ruling, most_stay, peerless
from canaryd.model.decision import Count, Observe
from canaryd.model.evidence import Evidence
from canaryd.model.gates import Compare, Counted, Objective
from canaryd.model.names import Weight
from canaryd.model.spec import Otherwise, Step
from canaryd.model.status import HoldReason, Phase, StepState, Verdict


def progressing(draft: Draft) -> Draft:
    """Judge the running step and propose what comes next."""
    draft = watch_readiness(draft)
    if draft.status.phase is not Phase.PROGRESSING:
        return draft
    if unjudged(draft):
        return replace(draft, advance=Promote())
    if draft.status.step is None:
        return probe(replace(draft, advance=EnterStep(0)))
    if draft.rollout.skip_steps:
        return skip_steps(draft)
    draft = judge(draft)
    if draft.status.phase is not Phase.PROGRESSING or draft.holds:
        return draft
    return passed(draft)


def skip_steps(draft: Draft) -> Draft:
    """Promote now, as a person asked; judge for as long as a brake is in the way of that."""
    left = at_once = replace(draft, advance=Promote())
    for brake in BRAKES:
        left = brake(left)
    if left.advance is not None:
        return at_once
    judged = judge(draft)
    if judged.status.phase is not Phase.PROGRESSING:
        return judged
    return replace(judged, advance=Promote(), holds=draft.holds)


def first_look(draft: Draft) -> Draft:
    """What the gates say of the step that begins now, so that nobody sees the last one's words."""
    draft = take_in_tiles(draft)  # so that the gates are there, though nothing is counted yet
    metrics = draft.snap.spec.analysis.metrics
    thresholds = (look(draft, metric, draft.now) for metric in metrics)
    return draft.change(gates=(*thresholds, *(each.gate for each in conclusions(draft))))


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
    draft = first_look(enter(draft, index, step.weight))
    entered = narrate.step_name(sure(draft.status.step))
    return draft.tell("StepEntered", f"the steps were changed: now {entered}")


def least_stay(draft: Draft, step: StepState) -> timedelta:
    """How long the step lasts at least; a take-over below the first step has the interval."""
    analysis = draft.snap.spec.analysis
    return analysis.steps[step.index].least if step.index >= 0 else analysis.interval


def passed(draft: Draft) -> Draft:
    """Propose what comes next: the stay is over, every gate passed, a person agreed if asked."""
    step, analysis = sure(draft.status.step), draft.snap.spec.analysis
    if step.live_since is None:
        return draft  # nothing is known of a weight that is not there
    left = least_stay(draft, step) - step.elapsed(draft.now)
    if left > timedelta():
        return wake_after(draft, left) if step.running_since else draft
    if not all(satisfied(draft, metric) for metric in analysis.metrics):
        return draft
    draft, decided = evidence_lets_pass(draft, step)
    if not decided:
        return draft
    current: Step | None = analysis.steps[step.index] if step.index >= 0 else None
    if current is not None and current.approval and draft.rollout.approved_step != step.index:
        return draft.hold(HoldReason.APPROVAL_NEEDED, approval_message(draft, step))
    last = step.index + 1 >= len(analysis.steps)
    return replace(draft, advance=Promote() if last else EnterStep(step.index + 1))


def wake_after(draft: Draft, left: timedelta) -> Draft:
    """Look again when the stay is over, unless a sample that must be waited for comes no earlier.

    A sample is asked for when a whole window lies in the step, and some answer always comes.
    """
    end, since = draft.now + left, sure(draft.status.step).live_since
    awaited = since is not None and any(
        since + metric.interval >= end and relevant(draft, metric, since) is None
        for metric in draft.snap.spec.analysis.metrics
    )
    return draft if awaited else draft.wake(end)


def evidence_lets_pass(draft: Draft, step: StepState) -> tuple[Draft, bool]:
    """Whether no evidence gate stands in the way: each has passed, or was heard long enough.

    What is still undecided at the most stay is passed as inconclusive, unless it looks bad. Nothing
    goes on by counts that are not of now: those that are missing, after a restart or an outage,
    come first, and while the latest could not be used nobody knows how the canary does.
    """
    every = conclusions(draft)
    undecided = [each for each in every if not lets_pass(draft, each)]
    stay = most_stay(draft.snap.spec.analysis.steps, step, draft.status.evidence)
    left = stay - step.elapsed(draft.now)
    if undecided and left > timedelta():
        return (draft.wake(draft.now + left) if step.running_since else draft), False
    if not undecided and not any(passed_by_counts(each, step.weight) for each in every):
        return draft, True
    if lags_behind(draft) or not heard(draft, sure(step.live_since)):
        return draft, False
    doubtful = [each for each in undecided if each.ruling is Ruling.DOUBTFUL]
    if doubtful:
        message = "; ".join(each.gate.message for each in doubtful)
        waits = f"{message}; too much to go on, not enough to roll back: more requests will decide"
        return draft.hold(HoldReason.EVIDENCE_AGAINST, waits), False
    unread = sure(draft.status.evidence).refused_last
    if unread is not None:
        draft = unusable(draft, say.refused(unread), unread)
        if not draft.running or draft.holds:
            return draft, False
    words = {each.rule.name: inconclusive(draft, each) for each in undecided}
    gates = tuple(
        replace(gate, message=words.get(gate.name, gate.message)) for gate in draft.status.gates
    )
    return draft.change(gates=gates), True


def passed_by_counts(concluded: Conclusion, weight: Weight) -> bool:
    """Whether this gate passed by what was counted: not where nothing is, or nothing to compare."""
    return concluded.gate.missing is None and not peerless(concluded.rule, weight)


def lets_pass(draft: Draft, concluded: Conclusion) -> bool:
    """Whether this gate passed; one without data does when its policy is to advance."""
    gate = concluded.gate
    if gate.missing is None:
        return gate.verdict is Verdict.PASS
    policy = policy_for(draft, gate.missing.reason)
    return policy is not None and policy.then is Otherwise.ADVANCE


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
    if status.phase is not Phase.PROGRESSING or unjudged(draft):
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
            server=metric.server,
            variables=metric.variables,
            refusal=metric.refusal,
        )
        for metric in spec.analysis.metrics
    )


def counts(draft: Draft) -> Count | None:
    """What to count for the evidence gates: from the first moment on what is known beforehand."""
    status, spec = draft.status, draft.snap.spec.analysis
    if status.phase is not Phase.PROGRESSING or not in_use(draft):
        return None
    evidence, rollout = status.evidence, draft.rollout
    known = status.background
    fresh = (
        known is not None
        and answers(draft, known)
        and known.asked_at >= rollout.started_at
        and known.sufficient
    )
    return Count(
        canary=draft.canary.name,
        primary=draft.primary.name,
        revision=rollout.revision,
        every=evidence.window if evidence else interval_of(draft),
        since=first_wanted(draft.snap.status.evidence, evidence),
        edges=edges(draft),
        warm_up=draft.snap.waits.warm_up,
        reporter=spec.evidence.reporter,
        background=not fresh or edge_not_there(draft) is not None,
        served_since=status.swapped_at,
        grpc_good=spec.evidence.grpc_good,
        server=spec.server,
        named=named_edges(spec.evidence.gates),
        about=subject(spec.evidence),
    )


def first_wanted(written: Evidence | None, evidence: Evidence | None) -> datetime | None:
    """The start of the first tile that is wanted: what is not written yet may be needed again."""
    if evidence is None:
        return None
    if written is None or written.entered > evidence.entered:
        return evidence.counted_until
    return min(written.counted_until, evidence.counted_until)


def edges(draft: Draft) -> tuple[float, ...] | None:
    """The latency edges that are compared; None while they are not known yet."""
    rules, evidence = draft.snap.spec.analysis.evidence.gates, draft.status.evidence
    slow = [rule for rule in rules if rule.counted is Counted.LATENCY]
    known = {gate.name: gate.strands for gate in (evidence.gates if evidence else ())}
    found: set[float] = set()
    for rule in slow:
        strands = known.get(rule.name, ())
        if isinstance(rule, Compare) and not strands:
            return None
        asked = [rule.edge] if isinstance(rule, Objective) else [each.edge for each in strands]
        found.update(edge for edge in asked if edge is not None)
    return tuple(sorted(found))
