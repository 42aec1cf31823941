"""What is written down: the next status, computed purely, and whether it says anything new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide.conditions import advice, conditions, dated
from canaryd.model.decision import Decision
from canaryd.model.names import ALL_TRAFFIC
from canaryd.model.notice import EARLIER_NOTICES, KEPT_NOTICES, OUTLIVES, Notice, Tidings
from canaryd.model.snapshot import Problem, Snapshot
from canaryd.model.status import (
    Gate,
    Hold,
    HoldReason,
    Phase,
    Rollout,
    Status,
    Target,
    Verdict,
)

EVENTS = "events"
"""The receiver that turns notices into Kubernetes Events."""
JUDGEMENTS = frozenset({"StepEntered", "CheckFailed", "RolledBack", "Promoted"})
"""The notices that tell what the gates said."""
CAUGHT_UP = 10
"""So many times more than usually is counted when a status is written before its time."""


def next_status(
    snap: Snapshot,
    decision: Decision,
    now: datetime,
    *,
    problems: tuple[Problem, ...],
    delivered: Mapping[str, int],
) -> Status:
    """The status after this decision: numbered notices, conditions, what was seen."""
    before, after = snap.status, decision.status
    facts = (*conditions(snap, after, problems), *advice(snap, before))
    receivers = (EVENTS, *(alert.name for alert in snap.spec.alerts))
    last = before.newest
    heard = {name: min(delivered.get(name, last), last) for name in receivers}
    work = snap.workloads.get(after.idle_slot) if after.idle_slot is not None else None
    return replace(
        after,
        observed_generation=snap.generation,
        deployments={slot.name: slot.deployment for slot in snap.spec.slots},
        target=Target(work.generation, work.revision) if work is not None else None,
        notices=number(before, after, decision.tidings, now, heard=min(heard.values())),
        conditions=tuple(dated(before.conditions, facts, snap.generation, now)),
        delivered=heard,
    )


def number(
    before: Status, after: Status, tidings: Iterable[Tidings], now: datetime, *, heard: int
) -> tuple[Notice, ...]:
    """Give each of the tidings the next number, and drop notices that are not kept.

    `heard` is the number of the last notice that every receiver got.
    """
    notices = list(before.notices)
    for news in tidings:
        rollout = next(
            (r for r in (after.rollout, before.rollout) if r and r.id == news.rollout), None
        )
        seq = notices[-1].seq + 1 if notices else 1
        notices.append(notice(seq, news, after, rollout, now))
    return tuple(notices) if len(notices) == len(before.notices) else kept(notices, heard)


def kept(notices: Sequence[Notice], heard: int) -> tuple[Notice, ...]:
    """The last rollout's, what some receiver has yet to hear, and a few that still matter."""
    last = next((one.rollout for one in reversed(notices) if one.rollout is not None), None)
    earlier = [one for one in notices if one.rollout != last and one.seq <= heard]
    matter = [one for one in earlier if one.rollout is None or one.reason in OUTLIVES]
    matter.sort(key=lambda one: (one.reason in OUTLIVES, one.seq))
    gone = {one.seq for one in earlier} - {one.seq for one in matter[-EARLIER_NOTICES:]}
    return tuple(one for one in notices if one.seq not in gone)[-KEPT_NOTICES:]


def notice(
    seq: int, news: Tidings, after: Status, rollout: Rollout | None, now: datetime
) -> Notice:
    """One numbered transition."""
    return Notice(
        seq=seq,
        reason=news.reason,
        sentence=news.sentence,
        severity=news.severity,
        at=now,
        phase=after.phase.value,
        weight=ALL_TRAFFIC if news.reason == "Promoted" else after.canary_weight,
        rollout=news.rollout,
        revision=news.revision,
        images=rollout.images if rollout is not None else {},
        gates=news.gates if news.reason in JUDGEMENTS else (),
    )


def worth_writing(before: Status, after: Status, now: datetime, *, evidence_every: float) -> bool:
    """Whether the status says something new; what only ticks: every `evidence_every` seconds."""
    if essence(before) != essence(after) or told_anew(before, after):
        return True
    old, new = before.evidence, after.evidence
    unseen = before.gates == after.gates  # nobody looks at it
    if old is not None and new is not None:
        come = (new.counted_until - old.counted_until).total_seconds()
        if unseen:
            return come >= evidence_every
        if come >= CAUGHT_UP * evidence_every:  # late tiles would all be weighed anew each time
            return True
    elif unseen:
        return old != new
    last = looked_at(before, now)
    return last is None or (now - last).total_seconds() >= evidence_every


def ticks_until(
    before: Status, after: Status, now: datetime, *, evidence_every: timedelta
) -> datetime | None:
    """When verdicts that are no news by themselves are written at the latest, if some wait."""
    if before.gates == after.gates or after.step is None:
        return None
    last = looked_at(before, now)
    return last + evidence_every if last is not None else None


def looked_at(status: Status, now: datetime) -> datetime | None:
    """When the gates in the status last looked; in a step without any, when it was entered.

    What is to come does not count: it is from before the wall clock was set back.
    """
    entered = status.step.entered_at if status.step is not None else None
    return max((gate.at for gate in status.gates if gate.at <= now), default=entered)


def told_anew(before: Status, after: Status) -> bool:
    """Whether a gate is gone, or one says what must be told, or the idle slot's name is another."""
    known = {gate.name: gate for gate in before.gates}
    if known.keys() - {gate.name for gate in after.gates}:
        return True
    named = after.target.revision if after.target is not None else None
    held = before.target.revision if before.target is not None else None
    return named not in (None, held) or any(
        is_news(known.get(gate.name), gate) for gate in after.gates
    )


def is_news(before: Gate | None, after: Gate) -> bool:
    """Whether a verdict must be told at once; that all is well goes with the next write.

    That a step begins, or that its first values are good, is seen soon enough by what follows.
    """
    was = before.verdict if before is not None else Verdict.UNDECIDED
    if was is Verdict.UNDECIDED and after.verdict in (Verdict.UNDECIDED, Verdict.PASS):
        return False
    missed = before.missing if before is not None else None
    return was is not after.verdict or missed != after.missing


def essence(status: Status) -> tuple[object, ...]:
    """The status without gates and what only ticks: evidence, sentences of holds, deliveries."""
    hold = status.hold
    bare = replace(
        status,
        gates=(),
        evidence=None,
        hold=None,
        conditions=(),
        target=None,
        deployments={},
        delivered={},
    )
    told = tuple(
        (
            *(c.type, c.status, c.reason, lasting(c.message, status.phase)),
            *(c.last_transition_time, c.observed_generation),
        )
        for c in status.conditions
    )
    return bare, (hold.reason, hold.since, stands_in_the_way(hold)) if hold else None, told


def lasting(message: str, phase: Phase) -> str:
    """What a condition says for as long as nothing changes; in a rollout it only ticks."""
    if phase is Phase.INITIALIZING:
        return without_counts(message)
    return message if phase is Phase.IDLE else ""


def stands_in_the_way(hold: Hold) -> str:
    """What keeps the canary from being ready, without how many pods are; else nothing.

    People act on it, and nothing else would have it written while the rollout waits.
    """
    waits = hold.reason is HoldReason.CANARY_NOT_READY
    return without_counts(hold.message) if waits else ""


def without_counts(message: str) -> str:
    """The words of a sentence whose numbers may tick."""
    return "".join(each for each in message if not each.isdigit())
