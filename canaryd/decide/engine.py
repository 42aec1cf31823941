"""The one pure function: what to do about a Canary, given its snapshot and the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from canaryd.decide.brakes import BRAKES, no_safe_side
from canaryd.decide.canary import observations, progressing, step_weight, watch_readiness
from canaryd.decide.draft import Draft, EnterStep, Promote
from canaryd.decide.guards import GUARDS
from canaryd.decide.lifecycle import idle, missing_workloads, take_over
from canaryd.decide.moves import (
    begin_promotion,
    enter_and_tell,
    finish_promotion,
    finish_rollback,
)
from canaryd.decide.requests import serve_requests
from canaryd.model.decision import Action, Decision, SetWeight
from canaryd.model.names import ALL_TRAFFIC, NO_TRAFFIC, Weight
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import Severity
from canaryd.model.status import Hold, HoldReason, Phase

ORDER = {reason: place for place, reason in enumerate(HoldReason)}
NOT_THE_STEPS_TIME = frozenset(
    {
        HoldReason.NO_SAFE_SIDE,
        HoldReason.API_UNAVAILABLE,
        HoldReason.CANARY_NOT_READY,
        HoldReason.METRICS_UNAVAILABLE,
        HoldReason.QUERY_REFUSED,
        HoldReason.NO_CANARY_DATA,
    }
)
"""Holds during which a step's clock stands still."""
PERSONS = frozenset({HoldReason.SUSPENDED, HoldReason.PAUSED, HoldReason.APPROVAL_NEEDED})
"""Holds that a person asked for, or ends."""


def decide(snap: Snapshot, now: datetime) -> Decision:
    """Decide; the order of the stages is the order of what matters more."""
    snap = replace(snap, problems=(*snap.problems, *missing_workloads(snap)))
    draft = Draft(snap=snap, now=now, status=snap.status)
    if snap.problems or snap.routing is None:
        return halted(draft)
    draft = serve_requests(draft)
    if draft.status.primary_slot is None:
        draft = take_over(draft)
    if draft.status.primary_slot is None:
        return Decision(status=draft.status)
    for guard in GUARDS:
        draft = guard(draft)
    draft = by_phase(draft)
    for brake in BRAKES:
        draft = brake(draft)
    draft = go_on(draft)
    return conclude(no_safe_side(draft, wanted(draft)))


def halted(draft: Draft) -> Decision:
    """The Canary cannot be worked on: nothing is touched and the step's clock stands still."""
    step = draft.status.step
    if step is not None:
        still = replace(step, stayed=step.elapsed(draft.now), running_since=None, live_since=None)
        draft = draft.change(step=still)
    return Decision(status=draft.status, answers=draft.answers, tidings=draft.tidings)


def by_phase(draft: Draft) -> Draft:
    """Let the phase judge."""
    if draft.status.phase is Phase.IDLE:
        draft = idle(draft)
    match draft.status.phase:
        case Phase.PROGRESSING:
            return progressing(draft)
        case Phase.PROMOTING:
            return watch_readiness(draft)
        case Phase.INITIALIZING | Phase.IDLE | Phase.ROLLING_BACK:
            return draft
        case _:
            assert_never(draft.status.phase)


def go_on(draft: Draft) -> Draft:
    """Carry out what the brakes have left of the proposal."""
    match draft.advance:
        case None:
            return draft
        case EnterStep(index=index):
            return enter_and_tell(draft, index)
        case Promote():
            return begin_promotion(draft)
        case _:
            assert_never(draft.advance)


def wanted(draft: Draft) -> Weight:
    """The weight is a function of phase, step and caps; what is observed only bounds it."""
    status = draft.status
    match status.phase:
        case Phase.INITIALIZING | Phase.IDLE | Phase.ROLLING_BACK:
            weight = NO_TRAFFIC
        case Phase.PROGRESSING:
            weight = NO_TRAFFIC if status.cap else step_weight(draft)
        case Phase.PROMOTING:
            weight = NO_TRAFFIC if status.cap else ALL_TRAFFIC
        case _:
            assert_never(status.phase)
    return max(min(weight, draft.ceiling), draft.floor)


def conclude(draft: Draft) -> Decision:
    """Turn the draft into actions, the next status, and what to watch for."""
    weight, slot = wanted(draft), draft.status.idle_slot
    assert slot is not None
    actions: tuple[Action, ...] = ()
    if not draft.routing.shows(slot, weight):
        actions = (SetWeight(slot, weight, rises=weight > draft.observed),)
    draft = run_clock(draft.change(canary_weight=weight), weight)
    draft = show_hold(draft)
    if draft.status.phase is Phase.PROMOTING and weight == ALL_TRAFFIC:
        draft = finish_promotion(draft)
    elif draft.status.phase is Phase.ROLLING_BACK and weight == NO_TRAFFIC:
        draft = finish_rollback(draft)
    return Decision(
        status=draft.status,
        actions=actions,
        tidings=draft.tidings,
        answers=draft.answers,
        observe=observations(draft),
        wake_at=min((at for at in draft.wakes if at > draft.now), default=None),
    )


def run_clock(draft: Draft, weight: Weight) -> Draft:
    """The step's clock runs while its whole weight is live and nothing outside stands in the way."""
    step, now = draft.status.step, draft.now
    if step is None:
        return draft
    live = weight == step.weight and draft.status.cap is None
    runs = live and not any(reason in NOT_THE_STEPS_TIME for reason, _ in draft.holds)
    entered = replace(
        step,
        live_since=(step.live_since or now) if live else None,
        running_since=(step.running_since or now) if runs else None,
        stayed=step.stayed if runs else step.elapsed(now),
    )
    draft = draft.change(step=entered)
    if runs and step.running_since is None and draft.status.phase is Phase.PROGRESSING:
        left = draft.snap.spec.analysis.steps[step.index].least if step.index >= 0 else None
        left = left if left is not None else draft.snap.spec.analysis.interval
        return draft.wake(now + max(left - entered.stayed, timedelta(milliseconds=1)))
    return draft


def show_hold(draft: Draft) -> Draft:
    """Show the most important hold; tell of it when it begins and when it ends."""
    before = draft.snap.status.hold
    if not draft.holds:
        if before is not None and before.reason not in PERSONS and draft.snap.status.step and draft.running:
            draft = draft.tell("HoldEnded", f"no longer held for {before.reason.value}: going on")
        return draft.change(hold=None)
    reason, message = min(draft.holds, key=lambda hold: ORDER[hold[0]])
    if before is not None and before.reason is reason:
        return draft.change(hold=Hold(reason, message, before.since))
    first_wait = reason is HoldReason.CANARY_NOT_READY and draft.status.step is None
    if not first_wait:
        severity = Severity.INFO if reason in PERSONS else Severity.WARN
        draft = draft.tell("HoldStarted", f"held for {reason.value}: {message}", severity)
    return draft.change(hold=Hold(reason, message, draft.now))
