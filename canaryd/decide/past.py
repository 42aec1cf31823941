"""Instants of a status that were not when it says: the clock was set back, or a write took long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from canaryd.model.evidence import Evidence
from canaryd.model.status import Cap, Contest, Gate, Missing, Rollout, Status, StepState

Part = TypeVar("Part", StepState, Rollout, Cap, Contest, Missing)

BEGINNINGS: dict[type, tuple[str, ...]] = {
    StepState: ("entered_at", "live_since", "running_since"),
    Rollout: ("started_at", "unready_since"),
    Cap: ("since", "ready_since"),
    Contest: ("first_at", "last_at"),
    Missing: ("since",),
}
"""The instants that waits are counted from."""


def nothing_to_come(status: Status, now: datetime) -> Status:
    """Whatever waits are counted from is now at the latest.

    Else they would go on until the clock has caught up with what it said before.
    """
    changed: dict[str, Any] = {
        name: part
        for name in ("step", "rollout", "cap", "contest")
        if (before := getattr(status, name)) is not None
        and (part := _by(before, now)) is not before
    }
    if status.evidence is not None and (counted := _counted(status.evidence, now)) is not None:
        changed["evidence"] = counted
    gates = tuple(_gate(gate, now) for gate in status.gates)
    if any(gate is not before for gate, before in zip(gates, status.gates, strict=True)):
        changed["gates"] = gates
    return replace(status, **changed) if changed else status


def _counted(evidence: Evidence, now: datetime) -> Evidence | None:
    """The evidence with the instants of our clock as they can be; None: they are already."""
    changes = tuple(min(at, now) for at in evidence.changes)
    since = evidence.empty_since
    fixed = replace(evidence, changes=changes, empty_since=since and min(since, now))
    return fixed if fixed != evidence else None


def _gate(gate: Gate, now: datetime) -> Gate:
    if gate.missing is None or (missing := _by(gate.missing, now)) is gate.missing:
        return gate
    return replace(gate, missing=missing)


def _by(part: Part, now: datetime) -> Part:
    late: dict[str, Any] = {
        name: now
        for name in BEGINNINGS[type(part)]
        if (at := getattr(part, name)) is not None and at > now
    }
    return replace(part, **late) if late else part


def written_later(status: Status, decided: datetime, written: datetime) -> Status:
    """The status of a fall that was decided at one time and written at another, later one.

    The step's clock and its evidence begin when its weight was there.
    """
    step, evidence = status.step, status.evidence
    if step is not None:
        moved: dict[str, Any] = {
            name: written
            for name in ("live_since", "running_since")
            if getattr(step, name) == decided
        }
        step = replace(step, **moved)
    if evidence is not None and decided in evidence.changes:
        changes = tuple(written if at == decided else at for at in evidence.changes)
        evidence = replace(evidence, changes=changes)
    return replace(status, step=step, evidence=evidence)
