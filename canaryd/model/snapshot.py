"""What one decision sees: the world of one Canary at one instant, frozen.

What is missing or invalid is a value in it, not an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.answered import Answered
from canaryd.model.names import Key, Revision, SlotName, Weight
from canaryd.model.packed import NOTHING, Packed
from canaryd.model.spec import Spec
from canaryd.model.status import Status
from canaryd.model.tile import Counting
from canaryd.model.waits import Waits


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment with the ReplicaSet of its current revision.

    `revision` is None while Kubernetes has not named it (paused, not yet observed).
    `moved` says that its template is no longer that of `last_revision`, named or not.
    """

    name: str
    exists: bool = True
    revision: Revision | None = None
    last_revision: Revision | None = None
    moved: bool = False
    paused: bool = False
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    replicas: int = 0
    ready: int = 0
    """Ready pods of the current revision."""
    serving: int | None = None
    """Ready pods of any revision; None when there are none but those of the current one."""
    generation: int = 0

    @property
    def serves(self) -> bool:
        """Whether it can answer users, with whatever revision."""
        return (self.ready if self.serving is None else self.serving) > 0


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that is not wrong enough to stop, told as a condition of type `type`."""

    type: str
    reason: str
    message: str
    reached: frozenset[SlotName] = frozenset()
    """The slots that it sends requests to, whatever their weights."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What the router sends where: raw weights of the two slots, and what they must add up to."""

    weights: Mapping[SlotName, int | None]
    total: int
    resource_version: str
    writer: str | None = None
    """Who last wrote the weights, by field manager."""
    labels: Mapping[SlotName, Mapping[str, str]] = field(
        default_factory=dict[SlotName, Mapping[str, str]]
    )
    """The pod labels by which the slots were told apart; a write goes by the same."""
    reached: frozenset[SlotName] = frozenset()
    """The slots that requests may reach past these weights: by another route, or by none."""
    advice: tuple[Advice, ...] = ()

    def raw(self, weight: Weight) -> int:
        """The raw number that gives a share of `weight` per cent of the pair."""
        return round(self.total * weight / 100)

    def share(self, slot: SlotName) -> Weight:
        """The slot's share of the pair in per cent; 0 when nothing is routed."""
        numbers = [number or 0 for number in self.weights.values()]
        mine = self.weights[slot] or 0
        return Weight(round(100 * mine / sum(numbers))) if sum(numbers) else Weight(0)

    def shows(self, slot: SlotName, weight: Weight) -> bool:
        """Whether the slot's share is what writing `weight` would make it."""
        numbers = [number or 0 for number in self.weights.values()]
        mine, both = self.weights[slot] or 0, sum(numbers)
        exact = both > 0 and 100 * mine == weight * both
        return exact or (mine == self.raw(weight) and both == self.total)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a Canary cannot be worked on, and what its owner can do."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer to one metric query.

    `asked_at` is the instant the query was due; its window reaches `window` back from there.
    `detail` says in words what was wrong when there is no value.
    """

    metric: str
    answered: Answered
    asked_at: datetime
    window: timedelta
    value: float | None = None
    detail: str = ""


class Verb(Enum):
    """What a person or pipeline may ask for."""

    APPROVE = "approve"
    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Request:
    """A CanaryRequest that waits for an answer; `step` counts from 1 as people do."""

    name: str
    verb: Verb
    revision: Revision
    by: str
    created_at: datetime
    step: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one decision may look at."""

    key: Key
    uid: str
    generation: int
    spec: Spec
    status: Status
    workloads: Mapping[SlotName, Workload]
    routing: Routing | None = None
    problems: tuple[Problem, ...] = ()
    """Anything in here stops all work on this Canary until it is mended."""
    samples: Mapping[str, Sample] = field(default_factory=dict[str, Sample])
    """The latest answer per metric."""
    counting: Counting = field(default_factory=Counting)
    """What the evidence gates have not taken in yet."""
    requests: tuple[Request, ...] = ()
    """Unanswered requests, oldest first."""
    deleting: bool = False
    """Somebody deleted it, and a finalizer keeps it still."""
    stale: str | None = None
    """A sentence naming the watch that is too old to act on; None when all are fresh."""
    resource_version: str = ""
    """The Canary's version that this was decided on: the condition of its status' write."""
    written: Packed = NOTHING
    """The status as it stands on the wire."""
    stored: Status | None = None
    """What that says, while `status` is one that is still to be written; else None."""
    denied: str | None = None
    """A sentence naming the permission that the last write lacked."""
    waits: Waits = field(default_factory=Waits)
