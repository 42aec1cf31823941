"""What a status says about standing still: problems that somebody has to mend. Pure."""

from __future__ import annotations

from canaryd.model.status import Condition, Phase, Status

STALLED = "Stalled"


def rests_rejected(status: Status) -> bool:
    """Whether the idle slot holds a revision that was taken back."""
    rejected = status.rejected
    idle = status.phase is Phase.IDLE
    return idle and rejected is not None and rejected.revision == status.idle_revision


def problem(status: Status) -> Condition | None:
    """Why the Canary cannot be worked on; a rejected revision is no problem of the Canary's."""
    for condition in status.conditions:
        if condition.type == STALLED and condition.status == "True":
            rejected = status.rejected
            known = rejected is not None and rejected.reason == condition.reason
            return None if known and rests_rejected(status) else condition
    return None


def unseen(status: Status) -> bool:
    """Whether no controller has ever looked at this Canary."""
    return status.observed_generation == 0 and not status.conditions
