"""Turns the statuses that a watch brings into lines: each transition once, in order. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from canaryd.cli.standing import problem
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import Status


@dataclass(frozen=True, slots=True)
class Line:
    """One transition, for a person to read."""

    at: datetime
    reason: str
    sentence: str
    severity: Severity = Severity.INFO
    weight: int | None = None
    revision: str | None = None


class Transitions:
    """Remembers what was told already."""

    def __init__(self, status: Status) -> None:
        self._hold: str | None = None
        self._problem: str | None = None
        self._seq = status.newest

    def begin(self, status: Status) -> list[Line]:
        """What stands in the way already when following begins."""
        return [*self._hold_line(status, ()), *self._problem_line(status)]

    def take(self, status: Status) -> list[Line]:
        """What is new in this status."""
        fresh = [notice for notice in status.notices if notice.seq > self._seq]
        lines = lines_of(fresh)
        missed = status.newest - self._seq - len(fresh)
        if fresh and missed > 0:
            many = "transitions" if missed > 1 else "transition"
            gap = f"{missed} {many} happened while nobody looked"
            lines.insert(0, Line(fresh[0].at, "Missed", gap, Severity.WARN))
        self._seq = status.newest
        return [*lines, *self._hold_line(status, fresh), *self._problem_line(status)]

    def anew(self) -> None:
        """The Canary is another one of the same name: nothing of it was told."""
        self._seq = 0

    def _hold_line(self, status: Status, fresh: list[Notice] | tuple[()]) -> list[Line]:
        """A hold for which there was no notice, like the first wait for readiness."""
        hold = status.hold
        before, self._hold = self._hold, hold.reason.value if hold else None
        if hold is None or self._hold == before:
            return []
        said = f"held for {hold.reason.value}: "
        if any(
            notice.reason == "HoldStarted" and notice.sentence.startswith(said) for notice in fresh
        ):
            return []
        return [Line(hold.since, "HoldStarted", said + hold.message)]

    def _problem_line(self, status: Status) -> list[Line]:
        found = problem(status)
        before, self._problem = self._problem, found.reason if found else None
        if found is None or self._problem == before:
            return []
        sentence = f"stalled: {found.message}"
        return [Line(found.last_transition_time, found.reason, sentence, Severity.ERROR)]


def lines_of(notices: Iterable[Notice]) -> list[Line]:
    """Notices as lines."""
    return [
        Line(
            at=notice.at,
            reason=notice.reason,
            sentence=notice.sentence,
            severity=notice.severity,
            weight=notice.weight,
            revision=notice.revision,
        )
        for notice in notices
    ]
