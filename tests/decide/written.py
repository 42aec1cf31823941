"""The status that is written after a decision, a minute after a step began."""

from __future__ import annotations

from typing import Any

from canaryd.decide.outcome import next_status
from canaryd.model.decision import Decision
from canaryd.model.names import Weight
from canaryd.model.notice import Notice
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import Severity
from canaryd.model.status import Status
from tests.decide.build import MINUTE, T0

LATER = T0 + MINUTE
TOLD = Notice(41, "StepEntered", "…", Severity.INFO, T0, "Progressing", Weight(10))


def after(snap: Snapshot, decision: Decision | None = None, **changes: Any) -> Status:
    known = {"problems": (), "delivered": {}} | changes
    return next_status(snap, decision or Decision(status=snap.status), LATER, **known)


def conditions(status: Status) -> dict[str, tuple[str, str]]:
    return {c.type: (c.status, c.reason) for c in status.conditions}
