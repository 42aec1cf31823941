"""A Canary's Kubernetes conditions, as kstatus reads them, and what the router advises. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from canaryd.decide import narrate
from canaryd.model.snapshot import Problem, Snapshot
from canaryd.model.status import Condition, Phase, Status

Fact = tuple[str, str, str, str]
"""A condition's type, status, reason and message."""


def conditions(snap: Snapshot, after: Status, problems: tuple[Problem, ...]) -> tuple[Fact, ...]:
    """Ready, Promoted, Reconciling and Stalled, as kstatus reads them."""
    if snap.denied is not None:
        problems = (Problem("WriteDenied", snap.denied), *problems)
    if problems:
        return stalled(problems)
    if after.phase is Phase.INITIALIZING:
        return initializing(snap)
    if after.phase is not Phase.IDLE:
        reason = after.hold.reason.value if after.hold else after.phase.value
        message = after.hold.message if after.hold else f"the Canary is {after.phase.value}"
        return (
            ("Ready", "Unknown", reason, message),
            ("Promoted", "Unknown", reason, message),
            ("Reconciling", "True", reason, message),
            ("Stalled", "False", reason, "a rollout is under way"),
        )
    rejected = after.rejected
    if rejected is not None and rejected.revision == after.idle_revision:
        return (
            ("Ready", "False", rejected.reason, rejected.message),
            ("Promoted", "False", rejected.reason, rejected.message),
            ("Reconciling", "False", rejected.reason, "waiting for a new revision or a retry"),
            ("Stalled", "True", rejected.reason, rejected.message),
        )
    serves = after.promoted.revision if after.promoted else "nothing yet"
    if after.hold is not None:
        reason, message = after.hold.reason.value, after.hold.message
        return (
            ("Ready", "False", reason, message),
            ("Promoted", "True", "Idle", f"{serves} serves"),
            ("Reconciling", "True", reason, message),
            ("Stalled", "False", reason, "it goes on by itself"),
        )
    return (
        ("Ready", "True", "Idle", f"{serves} serves; nothing new to release"),
        ("Promoted", "True", "Idle", f"{serves} serves"),
        ("Reconciling", "False", "Idle", "nothing new to release"),
        ("Stalled", "False", "Idle", "nothing stands in the way"),
    )


def initializing(snap: Snapshot) -> tuple[Fact, ...]:
    """The conditions of a Canary that is not taken over yet: what it waits for."""
    reason, works = Phase.INITIALIZING.value, snap.workloads.values()
    waits = (narrate.readiness(work, work.replicas) for work in works if work.revision is None)
    message = "; ".join(waits) or "the Canary is being taken over"
    return (
        ("Ready", "Unknown", reason, message),
        ("Promoted", "Unknown", reason, message),
        ("Reconciling", "True", reason, message),
        ("Stalled", "False", reason, "it has not been taken over yet"),
    )


def stalled(problems: tuple[Problem, ...]) -> tuple[Fact, ...]:
    """The conditions of a Canary that cannot be worked on."""
    reason, message = problems[0].reason, "; ".join(problem.message for problem in problems)
    return (
        ("Ready", "False", reason, message),
        ("Promoted", "Unknown", reason, message),
        ("Reconciling", "False", reason, message),
        ("Stalled", "True", reason, message),
    )


def advice(snap: Snapshot, before: Status) -> tuple[Fact, ...]:
    """Conditions of the router's advice; one that no longer applies turns False."""
    known = {"Ready", "Promoted", "Reconciling", "Stalled"}
    advised = [c for c in before.conditions if c.type not in known]
    if snap.routing is None:  # nobody can tell whether it is mended
        return tuple((c.type, c.status, c.reason, c.message) for c in advised)
    given = {item.type: item for item in snap.routing.advice}
    gone = [c for c in advised if c.type not in given]
    return (
        *((item.type, "True", item.reason, item.message) for item in given.values()),
        *((c.type, "False", "Mended", "it no longer applies") for c in gone),
    )


def dated(
    before: tuple[Condition, ...], facts: Iterable[Fact], generation: int, now: datetime
) -> Iterable[Condition]:
    """Date the conditions; lastTransitionTime moves only when the status does."""
    old = {condition.type: condition for condition in before}
    for kind, status, reason, message in facts:
        last = old.get(kind)
        since = last.last_transition_time if last is not None and last.status == status else now
        yield Condition(kind, status, reason, message, since, generation)
