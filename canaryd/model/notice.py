"""The one message per transition that event, notification, history, log and CLI all show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from canaryd.model.names import Revision, Weight
from canaryd.model.spec import Severity


@dataclass(frozen=True, slots=True)
class Tidings:
    """A transition worth telling, before it has a number: what the decision says."""

    reason: str
    sentence: str
    severity: Severity = Severity.INFO
    rollout: str | None = None
    revision: Revision | None = None
    gates: tuple[str, ...] = ()
    """What the gates said when this was decided."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A numbered transition; the number is given when the status is written, never reused."""

    seq: int
    reason: str
    sentence: str
    severity: Severity
    at: datetime
    phase: str
    weight: Weight
    rollout: str | None = None
    revision: Revision | None = None
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    gates: tuple[str, ...] = ()
    """What the gates said at that moment; part of the notice, so that a repeat says the same."""

    @property
    def name(self) -> str:
        """What no other notice of its Canary is called, though numbers begin anew at 1.

        They do where the status was removed.
        """
        return f"{self.seq}-{int(self.at.timestamp())}"


TOLD_GATES = 5
"""So many gates' sentences go with a notice; more would crowd the status."""

KEPT_NOTICES = 20
"""At most so many transitions stand in the status: history and outbox in one."""

ENDS = frozenset({"Promoted", "RolledBack", "Aborted", "Superseded", "RejectedRevision"})
"""The notices that tell how a rollout ended."""

EARLIER_NOTICES = 5
"""At most so many stay of what was before the last rollout and everybody has heard.

Each patch says the whole list, and a notice costs the API server half a millisecond of it.
"""

OUTLIVES = ENDS | {"ServingSlotChanged"}
"""What still matters of a rollout when the next one has begun."""
