"""What a decision is: the next state, the actions that lead there, and what to watch for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.names import SlotName, Weight
from canaryd.model.notice import Tidings
from canaryd.model.status import Status


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Give `slot` a share of `weight` per cent of the pair; one write of one route."""

    slot: SlotName
    weight: Weight
    rises: bool
    """True when the canary gets more than it has now; falls go first."""


Action = SetWeight
"""Everything canaryd may do to the world; a closed union."""


@dataclass(frozen=True, slots=True)
class Observe:
    """A metric to keep asking for, first at `first_at`, then once per `interval`."""

    metric: str
    query: str | None
    interval: timedelta
    first_at: datetime
    slot: SlotName


class RequestState(Enum):
    """What became of a request."""

    PENDING = "Pending"
    DONE = "Done"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a CanaryRequest is told."""

    request: str
    state: RequestState
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now: actions in order, then the status to write, then whom to tell."""

    status: Status
    actions: tuple[Action, ...] = ()
    tidings: tuple[Tidings, ...] = ()
    answers: tuple[Answer, ...] = ()
    observe: tuple[Observe, ...] = ()
    wake_at: datetime | None = None
