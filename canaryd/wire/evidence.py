"""`status.evidence` and `status.background` on the wire, compact, both ways and bit for bit.

What cannot be read back, or is of another format, is no evidence: the rollout's begins anew. Bets
that are lost are minus infinity inside and null on the wire, which has no infinity.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from canaryd.model.evidence import Tally
from canaryd.model.gates import Counted, Reporter, Tolerance
from canaryd.wire.instants import Instant, Seconds, Sentence, Word
from canaryd.wire.notice import StatusPart

EXACT = 2**53
"""Up to here every whole number has its own float."""
NUMBERS_OF_A_TALLY = 4
NUMBERS_OF_A_LIMIT = 2


def _kept_or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    try:
        return handler(value)
    except ValidationError:
        return None


Forgiven = WrapValidator(_kept_or_none)
"""What cannot be read is None."""


def _log(value: Any) -> Any:  # noqa: ANN401 - whatever is there
    return -inf if value is None else value


def _finite_log(value: float) -> float | None:
    return value if isfinite(value) else None


def short(value: float) -> float | int:
    """Say a whole number without its point."""
    return int(value) if value.is_integer() and abs(value) < EXACT else value


def _tally(value: Any) -> Tally:  # noqa: ANN401 - whatever is there
    return value if isinstance(value, Tally) else Tally(*_listed(value, NUMBERS_OF_A_TALLY))


def _numbers(tally: Tally) -> list[float | int]:
    counts = (tally.canary_bad, tally.canary, tally.primary_bad, tally.primary)
    return [short(float(count)) for count in counts]


def _limit(value: Any) -> Tolerance:  # noqa: ANN401 - whatever is there
    if isinstance(value, Tolerance):
        return value
    return Tolerance(*_listed(value, NUMBERS_OF_A_LIMIT))


def _limits(limit: Tolerance) -> list[float | int]:
    return [short(float(limit.ratio)), short(float(limit.delta))]


def _listed(value: Any, count: int) -> list[float]:  # noqa: ANN401 - whatever is there
    numbers = [float(number) for number in value if isinstance(number, int | float)]
    if len(numbers) != count or not all(map(isfinite, numbers)):
        message = f"must be {count} numbers"
        raise ValueError(message)
    return numbers


def _list_of(count: int) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "array", "minItems": count, "maxItems": count, "items": {"type": "number"}}
    )


Log = Annotated[
    float,
    BeforeValidator(_log),
    PlainSerializer(_finite_log),
    WithJsonSchema({"type": "number", "nullable": True}),
]
Numbers = Annotated[
    Tally,
    PlainValidator(_tally),
    PlainSerializer(_numbers),
    _list_of(NUMBERS_OF_A_TALLY),
]
Limit = Annotated[
    Tolerance,
    PlainValidator(_limit),
    PlainSerializer(_limits),
    _list_of(NUMBERS_OF_A_LIMIT),
]
IN_ORDER = "the canary's bad ones and all, the primary's bad ones and all"


class BetsStatus(StatusPart):
    """A mixture of bets against one hypothesis."""

    logs: Annotated[list[Log], Field(max_length=20)] = Field(
        description="The logarithm of each bet's wealth; null for one that is lost."
    )
    reserve: float = Field(default=1.0, description="The initial wealth that is not bet yet.")


class StrandStatus(StatusPart):
    """One comparison: errors, or requests slower than an edge."""

    edge: float | None = Field(
        default=None, description="The bucket's edge in milliseconds; missing for errors."
    )
    worse: BetsStatus = Field(
        description="Bets, over the rollout, that the canary is worse than tolerated."
    )
    fine: BetsStatus = Field(
        description="Bets, over this step, that the canary is better than the margin."
    )
    steps: Annotated[list[Numbers], Field(max_length=100)] = Field(
        description=f"Requests of each step, this one last: {IN_ORDER}."
    )
    uneven: float | None = Field(
        default=None,
        description="How much pods differ, by which these counts were tempered: the mean over the"
        " canary's requests.",
    )


class TermsStatus(StatusPart):
    """What a gate's bets are placed on."""

    tolerated: Limit = Field(
        description="So many times the primary's fraction (0: an objective), and so much more."
    )
    margin: Limit = Field(description="What must be excluded for a step to pass, likewise.")
    alpha: float = Field(description="analysis.alpha.")
    reporter: Reporter = Field(description="analysis.reporter.")
    grpc_good: Word = Field(
        default="", description="analysis.grpcGood as numbers; empty for latency."
    )


class GateEvidenceStatus(StatusPart):
    """The evidence of one gate."""

    name: Word = Field(description="The metric's name.")
    counted: Counted = Field(description="errors or latency.")
    strands: Annotated[list[StrandStatus], Field(max_length=50)] = Field(
        description="One for errors, one per telling edge for latency."
    )
    terms: TermsStatus | None = Field(
        default=None,
        description="What the bets are placed on; when the gate is edited to something else its"
        " evidence begins anew.",
    )
    unjudged: Sentence | None = Field(
        default=None, description="Why the last span that counted said nothing to this gate."
    )


class RefusedStatus(StatusPart):
    """The last span of time that counted for nothing."""

    reason: Word = Field(description="Why, as a name.")
    message: Sentence = Field(description="Why, in a sentence.")
    at: Instant = Field(description="When it ended, on the metrics server's clock (RFC 3339).")
    count: int = Field(description="How many there were in this rollout.")
    since: Instant | None = Field(
        default=None, description="When the first of an unbroken row began, likewise."
    )


class EvidenceStatus(StatusPart):
    """What compare and objective have counted of this rollout."""

    format: Literal[1] = Field(default=1, description="The form of what follows.")
    window: Seconds = Field(
        description="How long each span is that is counted at once, in seconds."
    )
    counted_until: Instant = Field(
        description="The end of the last span that was counted, on the metrics server's clock"
        " (RFC 3339)."
    )
    step: Instant | None = Field(
        default=None, description="When the step began whose bets are running (RFC 3339)."
    )
    entered: int = Field(default=0, description="How many steps have been entered.")
    gates: Annotated[list[GateEvidenceStatus], Field(max_length=50)] = Field(
        default=[], description="The evidence of each gate."
    )
    changes: Annotated[list[Instant], Field(max_length=100)] = Field(
        default=[], description="When the weight was changed lately (RFC 3339)."
    )
    tiles: int = Field(default=0, description="How many spans counted.")
    refused: RefusedStatus | None = Field(
        default=None, description="The last span that counted for nothing."
    )
    failing: int = Field(
        default=0,
        description="In how many spans in a row half or more of the canary's requests failed.",
    )
    empty: int = Field(
        default=0, description="In how many spans in a row the canary had no request."
    )
    empty_since: Instant | None = Field(default=None, description="Since when (RFC 3339).")
    expected: float = Field(
        default=0.0, description="How many canary requests those should have had."
    )
    counted_by: Reporter | None = Field(
        default=None,
        description="Whose proxies count the requests, where those of analysis.reporter do not.",
    )
    latest: Numbers = Field(
        default=Tally(),
        description=f"Requests of all pods in the last span that was understood: {IN_ORDER}.",
    )
    followed: Numbers = Field(
        default=Tally(),
        description=f"Requests since the weight last settled: {IN_ORDER}.",
    )


class EdgeStatus(StatusPart):
    """A latency edge that tells."""

    edge: float = Field(description="The bucket's edge in milliseconds.")
    dispersion: float = Field(description="How much pods differ; 1 is as chance has it.")
    tail: float = Field(description="The fraction of the primary's requests that are slower.")


class BackgroundStatus(StatusPart):
    """How much the pods that serve differ from one another."""

    asked_at: Instant = Field(description="When it was asked for (RFC 3339).")
    pods: int = Field(description="How many pods served at the end.")
    pod_hours: float = Field(description="How much was seen of them, in hours of one pod.")
    errors: float = Field(
        default=1.0, description="How much pods differ in errors; 1 is as chance has it."
    )
    edges: Annotated[list[EdgeStatus], Field(max_length=50)] = Field(
        default=[], description="The latency edges that tell."
    )
    rate: float = Field(default=0.0, description="Requests per second, all pods together.")
    buckets: Annotated[list[float], Field(max_length=200)] = Field(
        default=[], description="The edges of the histograms' buckets in milliseconds."
    )
    about: Sentence = Field(
        default="", description="What was asked for: reporter, good gRPC statuses, latency edges."
    )
