"""What a decision is: the next state, the actions that lead there, and what to watch for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.gates import MetricsServer, Reporter
from canaryd.model.names import Revision, SlotName, Weight
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
    server: MetricsServer | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """The template's own variables."""
    refusal: str = ""
    """Why it cannot be asked for, in words: answered with this at once."""


@dataclass(frozen=True, slots=True)
class Count:
    """Tiles to ask for, one after the other and each once, until it is no longer wanted.

    `since` is the start of the first one on the metrics server's clock; None: no tile yet, only
    what is known before any traffic moves (the server's clock, its scrapes, the background).
    Tiles that ended by then are forgotten. `edges` are the latency edges wanted: none at all, or
    None for every edge there is.
    `background` asks for the last hour of the pods that served as primary.
    """

    canary: str
    primary: str
    revision: Revision
    every: timedelta
    since: datetime | None
    edges: tuple[float, ...] | None
    warm_up: timedelta
    reporter: Reporter
    background: bool
    served_since: datetime | None
    """Since when the primary serves; before that the canary's workload did. None: all along."""
    grpc_good: frozenset[str]
    server: MetricsServer | None = None
    named: tuple[float, ...] = ()
    """Latency edges that objectives name; the background tells of them too."""
    about: str = ""
    """What the background is to be about, as it is written in it."""


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
    count: Count | None = None
    wake_at: datetime | None = None
    instead: Decision | None = None
    """The verdict that stands if its fall cannot be carried out; no traffic has moved then."""
