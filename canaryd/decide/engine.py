"""The one pure function: what to do about a Canary, given its snapshot and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from canaryd.decide.brakes import BRAKES
from canaryd.decide.canary import (
    counts,
    first_look,
    follow_spec,
    least_stay,
    observations,
    progressing,
    wake_after,
    watch_readiness,
)
from canaryd.decide.draft import Draft, EnterStep, Promote, Stage
from canaryd.decide.gates import note_change
from canaryd.decide.guards import GUARDS
from canaryd.decide.lifecycle import exchanged, forget_slots, idle, missing_workloads, take_over
from canaryd.decide.moves import begin_promotion, enter_and_tell, finish_promotion, finish_rollback
from canaryd.decide.outcome import ticks_until
from canaryd.decide.past import nothing_to_come
from canaryd.decide.requests import serve_requests
from canaryd.decide.weight import wanted
from canaryd.model.decision import Action, Decision, SetWeight
from canaryd.model.names import ALL_TRAFFIC, NO_TRAFFIC, Weight
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import Severity
from canaryd.model.status import NOT_THE_STEPS_TIME, Hold, HoldReason, Phase

ORDER = {reason: place for place, reason in enumerate(HoldReason)}
PERSONS = frozenset({HoldReason.SUSPENDED, HoldReason.PAUSED, HoldReason.APPROVAL_NEEDED})
"""Holds that a person asked for, or ends."""
SOON = timedelta(milliseconds=1)


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


@dataclass(frozen=True, slots=True)
class Rules:
    """The ordered facts that a decision is made of; each can be looked at, or left out, alone."""

    opening: tuple[Stage, ...] = (forget_slots, exchanged, follow_spec, serve_requests, take_over)
    guards: tuple[Stage, ...] = GUARDS
    phase: Stage = by_phase
    brakes: tuple[Stage, ...] = BRAKES


RULES = Rules()


def decide(snap: Snapshot, now: datetime, rules: Rules = RULES) -> Decision:
    """Decide; the order of the stages is the order of what matters more."""
    if missing := missing_workloads(snap):
        snap = replace(snap, problems=(*snap.problems, *missing))
    if (status := nothing_to_come(snap.status, now)) is not snap.status:
        snap = replace(snap, status=status)
    draft = Draft(snap=snap, now=now, status=status)
    if snap.problems or snap.routing is None:
        return halted(draft)
    for stage in rules.opening:
        draft = stage(draft)
    if draft.status.primary_slot is None:
        return Decision(status=draft.status)
    for stage in (*rules.guards, rules.phase, *rules.brakes):
        draft = stage(draft)
    return conclude(go_on(draft))


def halted(draft: Draft) -> Decision:
    """The Canary cannot be worked on: nothing is touched and the step's clock stands still.

    People are heard all the same: an abort counts, also while the route cannot be read.
    """
    for stage in (forget_slots, exchanged, follow_spec, serve_requests):
        draft = stage(draft)
    step = draft.status.step
    if step is not None:
        still = replace(step, stayed=step.elapsed(draft.now), running_since=None, live_since=None)
        draft = draft.change(step=still)
    return Decision(status=draft.status, tidings=draft.tidings, answers=draft.answers)


def go_on(draft: Draft) -> Draft:
    """Carry out what the brakes have left of the proposal."""
    match draft.advance:
        case None:
            return draft
        case EnterStep(index=index):
            return replace(first_look(enter_and_tell(draft, index)), advance=None)
        case Promote():
            return replace(begin_promotion(draft), advance=None)
        case _:
            assert_never(draft.advance)


def conclude(draft: Draft) -> Decision:
    """Turn the draft into actions, the next status, and what to watch for."""
    weight = wanted(draft)
    actions: tuple[Action, ...] = ()
    if not draft.routing.shows(draft.slot, weight):
        actions = (SetWeight(draft.slot, weight, rises=weight > draft.observed),)
    if actions or draft.observed != draft.snap.status.canary_weight:
        draft = note_change(draft, draft.now)
    still = unmoved(draft) if actions else None
    draft = run_clock(draft, weight)
    draft = show_hold(draft.change(canary_weight=weight))
    if draft.status.phase is Phase.PROMOTING and weight == ALL_TRAFFIC:
        draft = finish_promotion(draft)
    elif draft.status.phase is Phase.ROLLING_BACK and weight == NO_TRAFFIC:
        draft = finish_rollback(draft)
    draft = write_in_time(draft)
    return Decision(
        status=draft.status,
        actions=actions,
        tidings=draft.tidings,
        answers=draft.answers,
        observe=observations(draft),
        count=counts(draft),
        wake_at=min((at for at in draft.wakes if at > draft.now), default=None),
        instead=Decision(status=still.status, tidings=still.tidings) if still else None,
    )


def unmoved(draft: Draft) -> Draft | None:
    """A verdict that stands before its traffic is taken back; other falls are decided anew."""
    if draft.status.phase is not Phase.ROLLING_BACK:
        return None
    hold, holding = draft.status.hold, {reason for reason, _ in draft.holds}
    hold = hold if hold is not None and hold.reason in holding else None
    return draft.change(canary_weight=draft.observed, hold=hold)


def write_in_time(draft: Draft) -> Draft:
    """What the gates say may wait for the next write, but not for ever: samples may be rare."""
    every = draft.snap.waits.evidence_write
    due = ticks_until(draft.snap.status, draft.status, draft.now, evidence_every=every)
    return draft.wake(due) if due is not None else draft


def run_clock(draft: Draft, weight: Weight) -> Draft:
    """The step's clock runs while its weight is live and nothing outside stands in the way."""
    step, now = draft.status.step, draft.now
    if step is None:
        return draft
    live = weight == step.weight and draft.status.cap is None
    unbroken = draft.routing.shows(draft.slot, weight)
    runs = live and not any(reason in NOT_THE_STEPS_TIME for reason, _ in draft.holds)
    ticking = replace(
        step,
        live_since=((unbroken and step.live_since) or now) if live else None,
        running_since=(step.running_since or now) if runs else None,
        stayed=step.stayed if runs else step.elapsed(now),
    )
    draft = draft.change(step=ticking)
    if runs and step.running_since is None and draft.status.phase is Phase.PROGRESSING:
        return wake_after(draft, max(least_stay(draft, step) - ticking.stayed, SOON))
    return draft


def show_hold(draft: Draft) -> Draft:
    """Show the most important hold; tell of it when it begins and when it ends."""
    before = draft.snap.status.hold
    if not draft.holds:
        if before is not None and tells_of_end(draft, before) and not draft.tidings:
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


def tells_of_end(draft: Draft, hold: Hold) -> bool:
    """Whether it is news that the hold is over: not the first wait, and nothing a person did."""
    begun = draft.snap.status.step is not None
    return draft.running and begun and hold.reason not in PERSONS
