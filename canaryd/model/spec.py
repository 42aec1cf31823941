"""What the user asks for, parsed and complete: every default is filled in, every unit typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from canaryd.model.gates import Evidential, MetricsServer
from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.template import TemplateRef

SUCCESS_RATE = "request-success-rate"
DURATION = "request-duration"
BUILTINS = frozenset({SUCCESS_RATE, DURATION})
"""Metrics that need no query: success rate in per cent, 99th percentile in milliseconds."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range in which a metric's value passes; a missing side is open."""

    minimum: float | None = None
    maximum: float | None = None

    def admit(self, value: float) -> bool:
        """Tell whether the value lies within the bounds, ends included."""
        above = self.minimum is None or value >= self.minimum
        below = self.maximum is None or value <= self.maximum
        return above and below


@dataclass(frozen=True, slots=True)
class Metric:
    """One threshold gate: a number asked for once per interval, and its bounds."""

    name: str
    bounds: Bounds
    interval: timedelta
    query: str | None = None
    """PromQL with `{{ name }}` variables; None for the built-in metrics."""
    template: TemplateRef | None = None
    """Where the query comes from instead; resolved when a snapshot is gathered."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """The template's own variables."""
    unit: str = ""
    server: MetricsServer | None = None
    """Whom to ask; None: the Canary's own metrics server, or else the daemon's."""
    refusal: str = ""
    """Why it cannot be asked for at all, in words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a rollout: a weight, the least stay at it, and whether a person must agree."""

    weight: Weight
    least: timedelta
    approval: bool = False
    most: timedelta = timedelta(minutes=5)
    """The most stay while evidence gates are undecided."""


class Otherwise(Enum):
    """What happens when samples stay away for too long."""

    HOLD = "Hold"
    ROLL_BACK = "RollBack"
    ADVANCE = "Advance"


@dataclass(frozen=True, slots=True)
class MissingPolicy:
    """How long samples may be missing before `then` applies."""

    after: timedelta
    then: Otherwise


@dataclass(frozen=True, slots=True)
class Analysis:
    """How a rollout walks and how it is judged."""

    interval: timedelta
    threshold: int
    steps: tuple[Step, ...]
    metrics: tuple[Metric, ...]
    ready_threshold: int
    """Per cent of the wanted replicas that must be ready before a rise; at least one pod."""
    no_data: MissingPolicy
    unavailable: MissingPolicy
    evidence: Evidential = field(default_factory=Evidential)
    server: MetricsServer | None = None
    """Whom to ask; None: the daemon's metrics server."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the two workloads that take turns, and the subset that routes to it."""

    name: SlotName
    deployment: str
    subset: str | None = None


class Severity(Enum):
    """The least severity of a notice that an alert receives."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Alert:
    """Who is told: an AlertProvider, and from which severity on."""

    name: str
    severity: Severity
    provider: Key


@dataclass(frozen=True, slots=True)
class Spec:
    """A Canary's whole wish."""

    slots: tuple[Slot, Slot]
    virtual_service: str
    route: str | None
    analysis: Analysis
    progress_deadline: timedelta
    suspend: bool = False
    skip_analysis: bool = False
    alerts: tuple[Alert, ...] = ()

    def slot(self, name: SlotName) -> Slot:
        """Return the slot of that name; raises KeyError when there is none."""
        return {slot.name: slot for slot in self.slots}[name]

    def other(self, name: SlotName) -> Slot:
        """Return the slot that is not of that name."""
        first, second = self.slots
        return second if first.name == name else first
