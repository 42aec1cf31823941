"""What happens next to a Canary, and when, in sentences; computed from spec and status. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from canaryd.cli.standing import problem, rests_rejected, unseen
from canaryd.cli.words import clock_time, whole
from canaryd.decide.guards import LOSSES_ALLOWED
from canaryd.decide.narrate import span, step_name
from canaryd.decide.ruling import most_stay
from canaryd.model.names import Key, SlotName
from canaryd.model.spec import MissingPolicy, Otherwise, Spec
from canaryd.model.status import (
    Cap,
    CapReason,
    Hold,
    HoldReason,
    Phase,
    Rollout,
    Status,
    StepState,
    Verdict,
)

JUDGED = frozenset({HoldReason.DISPERSION_UNKNOWN, HoldReason.ENVIRONMENT})
"""Holds of a gate that has failed already, where that is not the canary's fault for certain."""


@dataclass(frozen=True, slots=True)
class Case:
    """A Canary at an instant."""

    key: Key
    spec: Spec
    status: Status
    now: datetime

    def command(self, verb: str) -> str:
        """The command line of a verb for this Canary."""
        return f"canaryd {verb} {self.key.name} -n {self.key.namespace}"

    def deployment(self, slot: SlotName | None) -> str:
        """The Deployment of a slot; the slot's name when the spec has no such slot any more."""
        named = {each.name: each.deployment for each in self.spec.slots}
        return named.get(slot, str(slot)) if slot is not None else "the idle slot"


def next_words(case: Case) -> list[str]:
    """Say what happens next and when, most important first."""
    status = case.status
    if unseen(status):
        return ["nothing before canaryd has seen it; is it running? kubectl get pods -n canaryd"]
    found = problem(status)
    if found is not None:
        return ["nothing before the problem above is mended"]
    match status.phase:
        case Phase.INITIALIZING:
            return ["canaryd takes over as soon as Kubernetes has named both slots' revisions"]
        case Phase.IDLE:
            return _idle(case)
        case Phase.PROGRESSING:
            return _deadline(case) + _progressing(case)
        case Phase.PROMOTING:
            canary, primary = status.idle_slot, status.primary_slot
            swap = f"{canary} gets all traffic, then it serves and {primary} is the idle slot"
            return [*_deadline(case), swap]
        case Phase.ROLLING_BACK:
            return ["the weight goes to 0, then the revision is rejected"]
        case _:
            assert_never(status.phase)


def _idle(case: Case) -> list[str]:
    status = case.status
    deployment = case.deployment(status.idle_slot)
    push = f"a push to slot {status.idle_slot} (Deployment {deployment}) starts the next rollout"
    if not rests_rejected(status):
        return [push]
    return [push, f"to try the rejected revision again: {case.command('retry')}"]


def _deadline(case: Case) -> list[str]:
    rollout = case.status.rollout
    if rollout is None or rollout.unready_since is None:
        return []
    left = rollout.unready_since + case.spec.progress_deadline - case.now
    span_left = f"in {whole(left)}" if left > timedelta() else "now"
    deadline = span(case.spec.progress_deadline)
    return [f"rolled back {span_left} if it is not ready by then (progress deadline {deadline})"]


def _progressing(case: Case) -> list[str]:
    status, rollout = case.status, case.status.rollout
    if status.cap is not None and rollout is not None:
        return [_capped(status.cap, rollout)]
    words = _missing(case, status.hold)
    if case.spec.skip_analysis or (rollout is not None and rollout.skip_steps):
        judged = "; until then it is judged" if status.step and not case.spec.skip_analysis else ""
        return [*words, f"all traffic as soon as it is ready, without the remaining steps{judged}"]
    if status.step is None:
        first = case.spec.analysis.steps[0]
        count = len(case.spec.analysis.steps)
        enters = f"step 1 of {count} ({first.weight} %)"
        return [*words, f"{enters} as soon as it is ready and the metrics server has answered"]
    return [*words, *_step(case, status.step)]


def _capped(cap: Cap, rollout: Rollout) -> str:
    match cap.reason:
        case CapReason.TARGET_MOVED:
            return "a new rollout starts as soon as Kubernetes has named the pushed revision"
        case CapReason.CANARY_LOST:
            left = LOSSES_ALLOWED + 1 - rollout.losses
            often = "the next loss" if left == 1 else f"{left} more losses"
            back = "traffic returns after unbroken readiness"
            if cap.ready_since is not None:
                back = f"{back} (ready since {clock_time(cap.ready_since)})"
            verb = "rolls" if left == 1 else "roll"
            return f"{back}; {often} {verb} it back"
        case _:
            assert_never(cap.reason)


def _missing(case: Case, hold: Hold | None) -> list[str]:
    """What the policy for missing samples brings, and when."""
    policy = _policy(case.spec, hold)
    if hold is None or policy is None or policy.then is Otherwise.HOLD:
        return []
    silent = (gate.missing for gate in case.status.gates)
    since = min((m.since for m in silent if m and m.reason is hold.reason), default=hold.since)
    left = whole(since + policy.after - case.now)
    then = "rolled back" if policy.then is Otherwise.ROLL_BACK else "passed without them"
    return [f"{then} in {left} if samples stay away until then"]


def _policy(spec: Spec, hold: Hold | None) -> MissingPolicy | None:
    if hold is None:
        return None
    return {
        HoldReason.NO_CANARY_DATA: spec.analysis.no_data,
        HoldReason.METRICS_UNAVAILABLE: spec.analysis.unavailable,
    }.get(hold.reason)


def _step(case: Case, step: StepState) -> list[str]:
    steps, rollout = case.spec.analysis.steps, case.status.rollout
    if step.index >= len(steps):
        return ["the steps were changed; it goes on at the largest step not above its weight"]
    current = steps[step.index] if step.index >= 0 else None
    least = current.least if current is not None else case.spec.analysis.interval
    left = least - step.elapsed(case.now)
    approved = rollout is not None and rollout.approved_step == step.index
    asks = current is not None and current.approval and not approved
    then = _after(case, step)
    command = f"{case.command('approve')} --step {step.index + 1}"
    if left > timedelta():
        waits = f"it waits for approval ({command}), then " if asks else ""
        return [f"{_clock(step, left, least)}, then {waits}{then}"]
    if case.status.hold is not None and case.status.hold.reason in JUDGED:
        return [f"nothing before the evidence changes or a person decides: {case.command('abort')}"]
    words = _unproven(case)
    if asks:
        words.append(f"waits for approval: {command}")
    return [*words, f"then {then}" if words else f"{then} with the next look"]


def _clock(step: StepState, left: timedelta, least: timedelta) -> str:
    said = f"{whole(left)} of {span(least)} left at this step"
    if step.running_since is not None:
        return said
    why = "the clock stands still" if step.live_since else "the clock starts with the weight"
    return f"{said} ({why})"


def _unproven(case: Case) -> list[str]:
    """The gates that keep a step from being passed after its time."""
    gates = {gate.name: gate.verdict for gate in case.status.gates}
    waits = [
        metric.name
        for metric in case.spec.analysis.metrics
        if gates.get(metric.name) is not Verdict.PASS
    ]
    words = [f"waits for a passing sample of {', '.join(waits)}"] if waits else []
    undecided = [
        rule.name
        for rule in case.spec.analysis.evidence.gates
        if gates.get(rule.name) is not Verdict.PASS
    ]
    if undecided:
        words.append(_undecided(case, undecided))
    return words


def _undecided(case: Case, names: list[str]) -> str:
    """Until when evidence is waited for."""
    step, steps = case.status.step, case.spec.analysis.steps
    if step is None:
        return f"waits for evidence of {', '.join(names)}"
    left = most_stay(steps, step, case.status.evidence) - step.elapsed(case.now)
    until = f"for {whole(left)} at most" if left > timedelta() else "until it looks harmless"
    return f"waits for evidence of {', '.join(names)}, {until}"


def _after(case: Case, step: StepState) -> str:
    steps = case.spec.analysis.steps
    index = step.index + 1
    if index >= len(steps):
        return f"promotion: {case.status.idle_slot} serves, {case.status.primary_slot} is idle"
    return f"step {index + 1} of {len(steps)} ({steps[index].weight} %)"


def position(status: Status) -> str:
    """Say in a few words where a Canary is, and why it is not moving."""
    where = f"{status.phase.value}, {status.canary_weight} %"
    if status.step is not None:
        where = f"{status.phase.value}, {step_name(status.step)}"
    if status.hold is not None:
        return f"{where}, held for {status.hold.reason.value}: {status.hold.message}"
    found = problem(status)
    return f"{where}, stalled for {found.reason}: {found.message}" if found is not None else where
