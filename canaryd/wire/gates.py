"""`compare` and `objective` of a metric as users write them, and what counts as an error."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from canaryd.model.gates import TOLERATED, Compare, Counted, Objective, Preset, Tolerance
from canaryd.wire.fields import INTEGRAL, Fraction
from canaryd.wire.rules import Rule, WireModel

GRPC_STATUSES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""The names of gRPC's statuses; each one's place is its number."""
COMPARED = tuple(counted.value for counted in Counted)
ISTIO_EDGES = (
    *(0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0),
    *(1e3, 2.5e3, 5e3, 10e3, 30e3, 60e3, 300e3, 600e3, 1800e3, 3600e3),
)
"""Where the buckets of Istio's proxies end unless somebody changes that, in milliseconds."""
LARGEST_EDGE = 3_600_000
"""An hour in milliseconds: no histogram's last edge lies beyond it."""

_NAMES = ", ".join(f"'{name}'" for name in GRPC_STATUSES)

GrpcStatus = Annotated[
    int | str,
    Field(union_mode="left_to_right"),
    Rule(
        holds=lambda s: s in GRPC_STATUSES or (isinstance(s, int) and 0 <= s < len(GRPC_STATUSES)),
        cel=f"type(self) == int ? (self >= 0 && self <= 16) : (self in [{_NAMES}])",
        message="must be a gRPC status: a number from 0 to 16 or a name like NOT_FOUND",
    ),
    INTEGRAL,
]
GrpcStatuses = Annotated[
    list[GrpcStatus],
    Field(min_length=1, max_length=len(GRPC_STATUSES)),
    Rule(
        holds=lambda statuses: 0 in statuses or "OK" in statuses,
        cel="self.exists(s, type(s) == int ? s == 0 : s == 'OK')",
        message="grpcGood must contain OK (0), or every answered call would be an error",
    ),
]


def numbers(statuses: list[int | str]) -> frozenset[str]:
    """Return gRPC statuses as Istio writes them: numbers, in words of digits."""
    return frozenset(
        str(GRPC_STATUSES.index(status) if isinstance(status, str) else status)
        for status in statuses
    )


class CompareModel(WireModel):
    """How much worse than the primary, in the same instants, the canary may be."""

    ratio: Annotated[float, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="So many times the primary's fraction is tolerated."
        " Default: by analysis.preset, 1.1 with preset default.",
    )
    delta: (
        Annotated[
            float,
            Rule(
                holds=lambda value: 0 <= value < 1,
                cel="self >= 0.0 && self < 1.0",
                message="is a fraction: 0.01 is 1 %; use 0 or more and less than 1",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="So much more is tolerated on top, as a fraction of the requests: 0.01 is 1 %."
        " 0 or more and less than 1. Default: by analysis.preset, 0.0005 for errors and 0.002 for"
        " latency with preset default.",
    )

    def gate(self, name: str, preset: Preset) -> Compare:
        """Return the gate complete; its name says what is counted."""
        counted = Counted(name)
        usual = TOLERATED[preset, counted]
        ratio = usual.ratio if self.ratio is None else self.ratio
        delta = usual.delta if self.delta is None else self.delta
        return Compare(name, counted, Tolerance(ratio, delta))


class SlowModel(WireModel):
    """How many requests may be slower than a bucket's edge."""

    le: Annotated[
        float,
        Rule(
            holds=lambda value: 0 < value <= LARGEST_EDGE,
            cel=f"self > 0.0 && self <= {LARGEST_EDGE}.0",
            message="must be a bucket's edge in milliseconds, above 0 and at most 3600000,"
            " like 500",
        ),
    ] = Field(
        description="The edge of a histogram's bucket, in milliseconds; what is above it is slow."
        " Istio's: 0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000 and more."
    )
    max_fraction: Fraction = Field(
        description="The greatest fraction of requests that may be slower: 0.01 is 1 %."
        " More than 0 and less than 1."
    )


class ObjectiveModel(WireModel):
    """What the service promises, whatever the primary does."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda objective: (
                (objective.max_error_rate is None) != (objective.latency is None)
            ),
            cel="has(self.maxErrorRate) != has(self.latency)",
            message="objective needs either maxErrorRate or latency, not both",
        ),
    )
    max_error_rate: Fraction | None = Field(
        default=None,
        description="The greatest fraction of requests that may go wrong: 0.01 is 1 %."
        " More than 0 and less than 1. Either this or latency.",
    )
    latency: SlowModel | None = Field(
        default=None, description="How many requests may be slow. Either this or maxErrorRate."
    )

    def gate(self, name: str) -> Objective:
        """Return the gate as the rest of the program knows it."""
        if self.latency is not None:
            slow = self.latency
            return Objective(name, Counted.LATENCY, slow.max_fraction, slow.le)
        return Objective(name, Counted.ERRORS, self.max_error_rate or 0.0)


def usual(preset: Preset) -> tuple[Compare, ...]:
    """Return the gates of a Canary that names no metrics."""
    return tuple(CompareModel().gate(name, preset) for name in COMPARED)


PresetName = Literal["sensitive", "default", "quiet"]
ReporterName = Literal["destination", "source", "waypoint"]
