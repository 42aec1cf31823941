"""What a status says of the time to come is from before the wall clock was set back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from canaryd.model.status import Cap, Gate, Missing, Rollout, Status, StepState

Part = TypeVar("Part", StepState, Rollout, Cap, Missing)

BEGINNINGS: dict[type, tuple[str, ...]] = {
    StepState: ("entered_at", "live_since", "running_since"),
    Rollout: ("started_at", "unready_since"),
    Cap: ("since", "ready_since"),
    Missing: ("since",),
}
"""The instants that waits are counted from."""


def nothing_to_come(status: Status, now: datetime) -> Status:
    """Whatever waits are counted from is now at the latest.

    Else they would go on until the clock has caught up with what it said before.
    """
    changed: dict[str, Any] = {
        name: part
        for name in ("step", "rollout", "cap")
        if (before := getattr(status, name)) is not None
        and (part := _by(before, now)) is not before
    }
    gates = tuple(_gate(gate, now) for gate in status.gates)
    if any(gate is not before for gate, before in zip(gates, status.gates, strict=True)):
        changed["gates"] = gates
    return replace(status, **changed) if changed else status


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
