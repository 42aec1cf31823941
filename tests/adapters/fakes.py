"""Small things that several adapter tests are handed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from canaryd.model.names import Key, Revision, SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import Gate, Phase, Rollout, Status, StepState, Verdict

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = Key("demo", "podinfo")
UID = "0d4c3f6e-1b2a-4c5d-8e9f-001122334455"


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._monotonic += by.total_seconds()


def notice(
    seq: int = 7,
    reason: str = "RolledBack",
    sentence: str = "success rate 94.9 % is below 99 %",
    severity: Severity = Severity.ERROR,
    rollout: str | None = "podinfo-7f9c-1",
    at: datetime = NOON,
) -> Notice:
    return Notice(
        seq=seq,
        reason=reason,
        sentence=sentence,
        severity=severity,
        at=at,
        phase="Idle",
        weight=Weight(0),
        rollout=rollout,
        revision=Revision("7f9c"),
        images={"podinfo": "podinfo:6.7.0"},
    )


def gate(
    verdict: Verdict = Verdict.FAIL, at: datetime = NOON, name: str = "request-success-rate"
) -> Gate:
    return Gate(name, verdict, "success rate 94.9 % is below 99 %", at, 94.9)


def running(
    index: int = 0,
    weight: int = 10,
    at: datetime = NOON,
    number: int = 1,
    gates: tuple[Gate, ...] = (),
) -> Status:
    return Status(
        phase=Phase.PROGRESSING,
        canary_weight=Weight(weight),
        idle_slot=SlotName("v2"),
        rollout=Rollout(
            f"podinfo-7f9c-{number}", Revision("7f9c"), NOON, images={"podinfo": "podinfo:6.7.0"}
        ),
        step=StepState(index, 5, Weight(weight), at),
        gates=gates,
    )
