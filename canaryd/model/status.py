"""What is true of a Canary: the state that survives a restart. The Canary's status is its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.evidence import Evidence
from canaryd.model.names import NO_TRAFFIC, Revision, SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.tile import Background


class Phase(Enum):
    """Where a Canary is."""

    INITIALIZING = "Initializing"
    IDLE = "Idle"
    PROGRESSING = "Progressing"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"


class HoldReason(Enum):
    """Why a Canary does not move; in the order in which they are shown."""

    NO_SAFE_SIDE = "NoSafeSide"
    API_UNAVAILABLE = "ApiUnavailable"
    CANARY_NOT_READY = "CanaryNotReady"
    METRICS_UNAVAILABLE = "MetricsUnavailable"
    QUERY_REFUSED = "QueryRefused"
    METRICS_NOT_PER_POD = "MetricsNotPerPod"
    UNATTRIBUTED_ERRORS = "UnattributedErrors"
    TRAFFIC_NOT_FOLLOWING = "TrafficNotFollowing"
    NO_CANARY_DATA = "NoCanaryData"
    ENVIRONMENT = "Environment"
    DISPERSION_UNKNOWN = "DispersionUnknown"
    EVIDENCE_AGAINST = "EvidenceAgainst"
    WEIGHTS_CONTESTED = "WeightsContested"
    SUSPENDED = "Suspended"
    PAUSED = "Paused"
    APPROVAL_NEEDED = "ApprovalNeeded"


NOT_THE_STEPS_TIME = frozenset(
    {
        HoldReason.NO_SAFE_SIDE,
        HoldReason.API_UNAVAILABLE,
        HoldReason.CANARY_NOT_READY,
        HoldReason.METRICS_UNAVAILABLE,
        HoldReason.QUERY_REFUSED,
        HoldReason.NO_CANARY_DATA,
        HoldReason.METRICS_NOT_PER_POD,
        HoldReason.UNATTRIBUTED_ERRORS,
        HoldReason.TRAFFIC_NOT_FOLLOWING,
        HoldReason.ENVIRONMENT,
    }
)
"""Holds during which a step's clock stands still."""


class CapReason(Enum):
    """What limits the weight to nothing."""

    TARGET_MOVED = "TargetMoved"
    CANARY_LOST = "CanaryLost"


class Verdict(Enum):
    """What a gate says."""

    PASS = "Pass"  # noqa: S105 - a verdict, not a password
    FAIL = "Fail"
    UNDECIDED = "Undecided"
    NO_DATA = "NoData"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing advances, since when, in a sentence."""

    reason: HoldReason
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Cap:
    """The canary may get no traffic; `ready_since` starts the way back after a loss."""

    reason: CapReason
    message: str
    since: datetime
    weight: Weight = NO_TRAFFIC
    ready_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepState:
    """The current step and its clock.

    `index` counts from 0; -1 is a take-over below the first step.
    The clock ran for `stayed`, and since `running_since` when that is set.
    `live_since` is since when the step's whole weight has been at the router, unbroken.
    """

    index: int
    count: int
    weight: Weight
    entered_at: datetime
    live_since: datetime | None = None
    running_since: datetime | None = None
    stayed: timedelta = timedelta()

    def elapsed(self, now: datetime) -> timedelta:
        """How long the step's clock has run by now."""
        return self.stayed + (now - self.running_since if self.running_since else timedelta())


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a rollout is being taken back."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Pause:
    """A person's wish that nothing advances."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt to bring one revision from push to promoted or rejected."""

    id: str
    revision: Revision
    started_at: datetime
    previous: Revision | None = None
    """What the idle slot held before; putting it back is an abort."""
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    failed_checks: int = 0
    failed_at: datetime | None = None
    losses: int = 0
    unready_since: datetime | None = None
    paused: Pause | None = None
    approved_step: int | None = None
    skip_steps: bool = False
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Promoted:
    """The revision that serves."""

    revision: Revision
    at: datetime
    images: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Rejected:
    """A revision that is not tried again until it changes or a person asks."""

    revision: Revision
    reason: str
    message: str
    at: datetime
    previous: Revision | None = None
    """What the idle slot held before the rollout; putting it back afterwards is no push."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Somebody else writes the weights: who, since when, how often, and the lowest seen."""

    writer: str
    first_at: datetime
    last_at: datetime
    count: int
    weight: Weight


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a check has no value, as the hold it leads to, and since when without a break."""

    reason: HoldReason
    since: datetime


@dataclass(frozen=True, slots=True)
class Gate:
    """What one check says, with its sentence; `at` is when the deciding sample was asked for."""

    name: str
    verdict: Verdict
    message: str
    at: datetime
    value: float | None = None
    missing: Missing | None = None
    samples: float | None = None
    """How many canary requests it rests on, for evidence gates."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A Kubernetes condition."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: datetime
    observed_generation: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """What was last seen of the idle slot's workload."""

    observed_generation: int
    revision: Revision | None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that survives a restart."""

    phase: Phase = Phase.INITIALIZING
    observed_generation: int = 0
    canary_weight: Weight = NO_TRAFFIC
    """What was last written or seen at the router."""
    primary_slot: SlotName | None = None
    idle_slot: SlotName | None = None
    deployments: Mapping[SlotName, str] = field(default_factory=dict[SlotName, str])
    """The Deployment of each slot, as the spec last named it."""
    idle_revision: Revision | None = None
    """The idle slot's revision that was seen: another one is a push."""
    target: Target | None = None
    step: StepState | None = None
    rollout: Rollout | None = None
    promoted: Promoted | None = None
    swapped_at: datetime | None = None
    """When the roles last changed; before that the idle slot served. None: not in our time."""
    rejected: Rejected | None = None
    hold: Hold | None = None
    cap: Cap | None = None
    contest: Contest | None = None
    gates: tuple[Gate, ...] = ()
    evidence: Evidence | None = None
    """What has been counted of this rollout; gone with it."""
    background: Background | None = None
    """How the primary's pods vary, as last known; it outlives rollouts."""
    conditions: tuple[Condition, ...] = ()
    notices: tuple[Notice, ...] = ()
    delivered: Mapping[str, int] = field(default_factory=dict[str, int])
    """The last notice each receiver has got, by receiver."""

    @property
    def newest(self) -> int:
        """The number of the last notice, 0 without any; it counts from 1 in a status begun anew."""
        return self.notices[-1].seq if self.notices else 0
