"""From one status to the next: which rows that makes; pure.

The sentence of a row is the notice's, so history and notification never disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import orjson

from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.status import Gate, Rollout, Status, StepState, Verdict

Value: TypeAlias = str | int | float | None

ENDINGS = {
    "Promoted": "promoted",
    "RolledBack": "rolled back",
    "Aborted": "aborted",
    "RejectedRevision": "rejected",
    "Superseded": "superseded",
}
"""What a rollout came to, by the reason of the notice that tells it."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A row that is written unless its key is there already."""

    table: str
    row: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Update:
    """New values for a row that is there; `only_null` keeps what was written first."""

    table: str
    key: dict[str, Value]
    changes: dict[str, Value]
    only_null: str


Write: TypeAlias = Insert | Update


def stamp(at: datetime) -> str:
    """Write an instant as the status does: UTC, to the second, sortable."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(
    key: Key, before: Status, after: Status, notices: Sequence[Notice], now: datetime
) -> Iterator[Write]:
    """Yield what is worth keeping of one transition."""
    at = notices[-1].at if notices else now
    old, new = before.rollout, after.rollout
    if new is not None and (notices or old is None or old.id != new.id):
        yield _started(key, new)
    yield from _steps(key, before, after, at)
    if old is not None and (new is None or new.id != old.id):
        yield _started(key, old)
        yield _ended(key, old, after, notices, at)
    rollout = new or old
    for notice in notices:
        yield _notice(key, notice)
    if notices and rollout is not None:
        for gate in after.gates or before.gates:
            if gate.verdict in {Verdict.PASS, Verdict.FAIL}:
                yield _sample(key, rollout, gate)


def _named(key: Key) -> dict[str, Value]:
    return {"namespace": key.namespace, "canary": key.name}


def _started(key: Key, rollout: Rollout) -> Insert:
    return Insert(
        "rollouts",
        {
            **_named(key),
            "id": rollout.id,
            "revision": rollout.revision,
            "images": orjson.dumps(dict(rollout.images)).decode(),
            "started_at": stamp(rollout.started_at),
            "ended_at": None,
            "outcome": None,
            "reason": None,
            "sentence": None,
        },
    )


def _ended(
    key: Key, old: Rollout, after: Status, notices: Sequence[Notice], at: datetime
) -> Update:
    told = [one for one in notices if one.reason in ENDINGS and one.rollout == old.id]
    if told:
        outcome, reason, sentence = ENDINGS[told[-1].reason], told[-1].reason, told[-1].sentence
    elif after.promoted is not None and after.promoted.revision == old.revision:
        outcome, reason, sentence = "promoted", "Promoted", ""
    elif after.rejected is not None and after.rejected.revision == old.revision:
        outcome, reason, sentence = "rolled back", after.rejected.reason, after.rejected.message
    else:
        outcome, reason, sentence = "superseded", "Superseded", ""
    if old.failure is not None:
        reason = old.failure.reason
    changes: dict[str, Value] = {
        "ended_at": stamp(at),
        "outcome": outcome,
        "reason": reason,
        "sentence": sentence,
    }
    return Update("rollouts", {**_named(key), "id": old.id}, changes, only_null="ended_at")


def _steps(key: Key, before: Status, after: Status, at: datetime) -> Iterator[Write]:
    left = _step_key(key, before.rollout, before.step)
    entered = _step_key(key, after.rollout, after.step)
    if entered is not None and after.step is not None and entered != left:
        yield Insert("steps", {**entered, "weight": after.step.weight, "left_at": None})
    if left is not None and before.step is not None and entered != left:
        yield Insert("steps", {**left, "weight": before.step.weight, "left_at": None})
        yield Update("steps", left, {"left_at": stamp(at)}, only_null="left_at")


def _step_key(key: Key, rollout: Rollout | None, step: StepState | None) -> dict[str, Value] | None:
    if rollout is None or step is None:
        return None
    place: dict[str, Value] = {"rollout": rollout.id, "step": step.index}
    return {**_named(key), **place, "entered_at": stamp(step.entered_at)}


def _notice(key: Key, notice: Notice) -> Insert:
    return Insert(
        "notices",
        {
            **_named(key),
            "seq": notice.seq,
            "at": stamp(notice.at),
            "reason": notice.reason,
            "sentence": notice.sentence,
            "severity": notice.severity.value,
            "phase": notice.phase,
            "weight": notice.weight,
            "rollout": notice.rollout,
            "revision": notice.revision,
        },
    )


def _sample(key: Key, rollout: Rollout, gate: Gate) -> Insert:
    return Insert(
        "samples",
        {
            **_named(key),
            "rollout": rollout.id,
            "gate": gate.name,
            "at": stamp(gate.at),
            "verdict": gate.verdict.value,
            "value": gate.value,
            "sentence": gate.message,
        },
    )
