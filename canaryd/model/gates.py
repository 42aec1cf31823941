"""Gates that need no number from their user: what they count, and what they tolerate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TypeAlias

from typing_extensions import override

from canaryd.model.names import Key


class Counted(Enum):
    """Which requests are counted: those that went wrong, or those that were slow."""

    ERRORS = "errors"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much worse is tolerated: a fraction of at most `ratio` times the primary's + `delta`."""

    ratio: float
    delta: float


class Preset(Enum):
    """How much worse than the primary a canary may be, where a gate gives no numbers."""

    SENSITIVE = "sensitive"
    DEFAULT = "default"
    QUIET = "quiet"


TOLERATED: Mapping[tuple[Preset, Counted], Tolerance] = {
    (Preset.SENSITIVE, Counted.ERRORS): Tolerance(1.0, 0.0),
    (Preset.SENSITIVE, Counted.LATENCY): Tolerance(1.0, 0.0),
    (Preset.DEFAULT, Counted.ERRORS): Tolerance(1.1, 0.0005),
    (Preset.DEFAULT, Counted.LATENCY): Tolerance(1.1, 0.002),
    (Preset.QUIET, Counted.ERRORS): Tolerance(1.25, 0.001),
    (Preset.QUIET, Counted.LATENCY): Tolerance(1.25, 0.004),
}
"""What a compare gate tolerates unless it says otherwise."""

MARGIN = Tolerance(2.0, 0.005)
"""A step is passed when a canary as bad as this (or worse) can be excluded."""

ALPHA = 0.01
"""At most this share of harmless rollouts is rolled back, all gates together."""
BETA = 0.05
"""At most this share of steps is passed although the canary is as bad as the margin."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The canary against the primary, in the same instants."""

    name: str
    counted: Counted
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class Objective:
    """The canary against a service level: at most the fraction `most` fails, or is slow.

    `edge` is the bucket edge in milliseconds beyond which a request is slow; None for errors.
    """

    name: str
    counted: Counted
    most: float
    edge: float | None = None


EvidenceGate: TypeAlias = Compare | Objective
"""Gates that add up evidence over the whole rollout; a closed union."""


class Reporter(Enum):
    """Whose proxies count the requests."""

    DESTINATION = "destination"
    SOURCE = "source"
    WAYPOINT = "waypoint"


GRPC_GOOD = frozenset({"0", "1", "3", "5", "6", "9", "11"})
"""gRPC statuses that are no fault of the server's: OK, Cancelled, InvalidArgument, NotFound,
AlreadyExists, FailedPrecondition, OutOfRange; as Istio writes them, numbers."""


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A metrics server of one's own: where it is, and which Secret holds the login to it."""

    address: str
    secret: Key | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: timedelta = timedelta()
    """How much later than scraped its samples can be asked for (behind remote write: 30 s)."""

    @override
    def __hash__(self) -> int:
        return hash((self.address, self.secret, tuple(sorted(self.headers.items())), self.delay))


@dataclass(frozen=True, slots=True)
class Evidential:
    """How evidence is gathered and judged; the same for all gates of a Canary."""

    gates: tuple[EvidenceGate, ...] = ()
    evaluate_every: timedelta = timedelta(seconds=10)
    alpha: float = ALPHA
    beta: float = BETA
    margin: Tolerance = MARGIN
    reporter: Reporter = Reporter.DESTINATION
    grpc_good: frozenset[str] = GRPC_GOOD
