"""Planted bugs: engines that are wrong in one small way each. The watchman must catch every one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide import brakes, guards
from canaryd.decide.draft import Draft, EnterStep, Promote, Stage
from canaryd.decide.engine import RULES, by_phase, decide
from canaryd.decide.moves import start_rollout
from canaryd.decide.requests import serve_requests
from canaryd.model.answered import Answered
from canaryd.model.decision import Decision
from canaryd.model.names import Weight
from canaryd.model.notice import Tidings
from canaryd.model.snapshot import Sample, Snapshot, Verb
from canaryd.model.status import CapReason, Phase
from tests.decide.build import sec
from tests.decide.run import Engine

# --- ways to plant ---


def without(stage: Stage) -> Engine:
    """One of the facts is not looked at."""
    rules = replace(
        RULES,
        opening=tuple(known for known in RULES.opening if known is not stage),
        guards=tuple(known for known in RULES.guards if known is not stage),
        brakes=tuple(known for known in RULES.brakes if known is not stage),
    )
    return lambda snap, now: decide(snap, now, rules)


def with_guard(stage: Stage) -> Engine:
    """A wrong stage after the guards."""
    rules = replace(RULES, guards=(*RULES.guards, stage))
    return lambda snap, now: decide(snap, now, rules)


def with_phase(stage: Stage) -> Engine:
    """Another way to judge."""
    return lambda snap, now: decide(snap, now, replace(RULES, phase=stage))


def analysing(**changes: object) -> Engine:
    """The user's analysis is not what is worked with."""

    def engine(snap: Snapshot, now: datetime) -> Decision:
        analysis = replace(snap.spec.analysis, **changes)  # type: ignore[arg-type]
        return decide(replace(snap, spec=replace(snap.spec, analysis=analysis)), now)

    return engine


def answered(change: Callable[[Sample], Sample]) -> Engine:
    """Samples are read wrongly."""

    def engine(snap: Snapshot, now: datetime) -> Decision:
        samples = {name: change(sample) for name, sample in snap.samples.items()}
        return decide(replace(snap, samples=samples), now)

    return engine


def then(change: Callable[[Snapshot, datetime, Decision], Decision]) -> Engine:
    """The right decision, changed afterwards."""
    return lambda snap, now: change(snap, now, decide(snap, now))


# --- the bugs that take more than a word ---


def unjudged(draft: Draft) -> Draft:
    """A step ends with its least stay, whatever the samples say."""
    before, draft = draft, by_phase(draft)
    step, walk = before.status.step, before.snap.spec.analysis.steps
    if draft.status.phase is not Phase.PROGRESSING or step is None or step.index < 0:
        return draft
    if step.elapsed(draft.now) < walk[step.index].least or draft.holds:
        return draft
    last = step.index + 1 >= len(walk)
    return replace(draft, advance=Promote() if last else EnterStep(step.index + 1))


def leap(draft: Draft) -> Draft:
    """After the first step comes the third."""
    draft = by_phase(draft)
    leaps = draft.advance == EnterStep(1) and len(draft.snap.spec.analysis.steps) > 2
    return replace(draft, advance=EnterStep(2)) if leaps else draft


def blind_while_held(draft: Draft) -> Draft:
    """Suspended or paused rollouts are not judged."""
    rollout = draft.status.rollout
    held = draft.snap.spec.suspend or (rollout is not None and rollout.paused is not None)
    return draft if held and draft.status.step else by_phase(draft)


def without_policy(snap: Snapshot, now: datetime) -> Decision:
    """Approval is not waited for."""
    analysis = snap.spec.analysis
    walk = tuple(replace(step, approval=False) for step in analysis.steps)
    return decide(
        replace(snap, spec=replace(snap.spec, analysis=replace(analysis, steps=walk))), now
    )


def no_value(reading: float) -> Callable[[Sample], Sample]:
    """A missing answer is read as a number."""

    def change(sample: Sample) -> Sample:
        if sample.value is not None:
            return sample
        return replace(sample, answered=Answered.VALUE, value=reading)

    return change


def back_at_once(draft: Draft) -> Draft:
    """A canary that was lost gets its traffic with the first ready pod."""
    cap = draft.status.cap
    lost = cap is not None and cap.reason is CapReason.CANARY_LOST
    return draft.change(cap=None) if lost and draft.ready else draft


def seen_too_late(draft: Draft) -> Draft:
    """A push in mid-rollout is noticed when it has a name, not before."""
    cap = draft.status.cap
    moved = cap is not None and cap.reason is CapReason.TARGET_MOVED
    return draft.change(cap=None) if moved else draft


def losses_forgiven(draft: Draft) -> Draft:
    """The canary may be lost any number of times."""
    rollout = draft.status.rollout
    return draft.change_rollout(losses=min(rollout.losses, 1)) if rollout else draft


def tried_again(draft: Draft) -> Draft:
    """A rejected revision starts again by itself."""
    rejected = draft.status.rejected
    again = rejected is not None and rejected.revision == draft.canary.revision
    idle = draft.status.phase is Phase.IDLE and draft.canary.ready > 0
    return start_rollout(draft, "it is still there") if idle and again else draft


def forget_previous(draft: Draft) -> Draft:
    """Putting the idle slot back is a push like any other."""
    return draft.change_rollout(previous=None) if draft.status.rollout else draft


def fresh_deadline(snap: Snapshot, now: datetime, decision: Decision) -> Decision:
    """The deadline starts anew with every decision."""
    rollout = decision.status.rollout
    if rollout is None or rollout.unready_since is None:
        return decision
    status = replace(decision.status, rollout=replace(rollout, unready_since=now))
    return replace(decision, status=status)


def swallow_push(snap: Snapshot, now: datetime, decision: Decision) -> Decision:
    """A push whose pods are not ready at once is marked as seen and never analysed."""
    before, idle = snap.status, snap.status.idle_slot
    starts = before.phase is Phase.IDLE and decision.status.rollout is not None
    if not starts or idle is None or snap.workloads[idle].ready:
        return decision
    return Decision(status=replace(before, idle_revision=snap.workloads[idle].revision))


def hold_restarts_step(snap: Snapshot, now: datetime, decision: Decision) -> Decision:
    """Waiting is treated as a transition: the step begins anew."""
    step = decision.status.step
    if step is None or decision.status.hold is None or snap.status.hold is not None:
        return decision
    status = replace(decision.status, step=replace(step, entered_at=now))
    return replace(decision, status=status)


def status_lies(snap: Snapshot, now: datetime, decision: Decision) -> Decision:
    """A hold shows weight 0 while users are on the canary."""
    if decision.status.hold is None:
        return decision
    return replace(decision, status=replace(decision.status, canary_weight=Weight(0)))


def told_every_time(snap: Snapshot, now: datetime, decision: Decision) -> Decision:
    """The reason for a hold is told with every decision."""
    status = snap.status
    if status.hold is None or decision.status.hold is None:
        return decision
    notices = [n for n in status.notices if n.reason == "HoldStarted"]
    if not notices:
        return decision
    again = Tidings("HoldStarted", notices[-1].sentence)
    return replace(decision, tidings=(*decision.tidings, again))


def deaf_to_resume(draft: Draft) -> Draft:
    """Requests to resume are left lying."""
    kept = tuple(r for r in draft.snap.requests if r.verb is not Verb.RESUME)
    return serve_requests(replace(draft, snap=replace(draft.snap, requests=kept)))


def deaf(snap: Snapshot, now: datetime) -> Decision:
    opening = tuple(deaf_to_resume if s is serve_requests else s for s in RULES.opening)
    return decide(snap, now, replace(RULES, opening=opening))


PLANTED: Mapping[str, Engine] = {
    "rises before the canary is ready": without(brakes.canary_not_ready),
    "rises on a stale watch": without(brakes.stale_watch),
    "rises while suspended": without(brakes.suspended),
    "rises while paused": without(brakes.paused),
    "rises against another writer of the weights": without(brakes.contested),
    "does not notice another writer of the weights": without(guards.weights_edited),
    "falls onto a side that cannot serve": without(brakes.no_safe_side),
    "does not notice a push in mid-rollout": without(guards.target_moved),
    "notices a push only when it has a name": with_guard(seen_too_late),
    "leaves users on a canary without pods": without(guards.canary_lost),
    "brings users back with the first ready pod": with_guard(back_at_once),
    "lets the canary be lost for ever": with_guard(losses_forgiven),
    "takes one ready pod for enough": analysing(ready_threshold=1),
    "never reaches the deadline": then(fresh_deadline),
    "advances unjudged": with_phase(unjudged),
    "leaves a step out": with_phase(leap),
    "does not judge while held": with_phase(blind_while_held),
    "does not wait for approval": without_policy,
    "takes a sample of the step before": answered(lambda s: replace(s, window=timedelta())),
    "takes no answer for a good one": answered(no_value(1e6)),
    "takes no answer for a failed check": answered(no_value(-1e6)),
    "counts every sample as a check": analysing(interval=sec(1)),
    "rolls back one check too late": analysing(threshold=4),
    "tries a rejected revision again": with_guard(tried_again),
    "takes an undo for a push": with_guard(forget_previous),
    "loses a push": then(swallow_push),
    "lets a hold move the step's beginning": then(hold_restarts_step),
    "shows weight 0 while held": then(status_lies),
    "tells of a hold with every decision": then(told_every_time),
    "forgets its timers": then(lambda _, __, decision: replace(decision, wake_at=None)),
    "leaves people without an answer": deaf,
}
