"""What samples have added up to: the state of the evidence gates, as it survives a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from canaryd.model.gates import Counted, Reporter, Tolerance

FORMAT = 1
"""The form in which evidence stands in a status; another one is not read."""


@dataclass(frozen=True, slots=True)
class Bets:
    """A mixture of bets against one hypothesis: the logarithm of each one's wealth.

    `reserve` is the part of the initial wealth that has not been bet yet. A bet that was never
    made, or that lost all, is minus infinity.
    """

    logs: tuple[float, ...]
    reserve: float = 1.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests counted, and how many of them went wrong (or were slow), on both sides."""

    canary_bad: float = 0.0
    canary: float = 0.0
    primary_bad: float = 0.0
    primary: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.canary_bad + other.canary_bad,
            self.canary + other.canary,
            self.primary_bad + other.primary_bad,
            self.primary + other.primary,
        )


@dataclass(frozen=True, slots=True)
class Strand:
    """One comparison: errors, or requests slower than `edge` milliseconds.

    `worse` bets, over the whole rollout, that the canary is worse than tolerated; `fine` bets,
    over the current step, that it is better than the margin. `steps` are the counts of all steps
    before and, last, of the current one.
    """

    edge: float | None
    worse: Bets
    fine: Bets
    steps: tuple[Tally, ...] = (Tally(),)
    uneven: float | None = None
    """The dispersion by which the counts were tempered: the mean over the canary's requests."""

    @property
    def total(self) -> Tally:
        """The counts of the whole rollout."""
        return sum(self.steps, Tally())


@dataclass(frozen=True, slots=True)
class Terms:
    """What a gate's bets are placed on: evidence on other terms says nothing about these.

    `tolerated` is what the bets against the canary deny (a ratio of 0 for an objective, which
    looks at no primary), `margin` what those for it deny. `alpha` caps what one tile may say.
    `reporter` and `grpc_good` (statuses between spaces) say which requests are counted, and as
    what; latency has no bad statuses.
    """

    tolerated: Tolerance
    margin: Tolerance
    alpha: float
    reporter: Reporter
    grpc_good: str = ""


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """The evidence of one gate: one strand for errors, one per telling edge for latency."""

    name: str
    counted: Counted
    strands: tuple[Strand, ...]
    terms: Terms | None = None
    """None: a status from before terms were written; then they are taken to be today's."""
    unjudged: str | None = None
    """Why the last tile that counted said nothing to this gate, in words."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The last tile that counted for nothing: why, its end, and how many there were.

    `since` is the start of the first of an unbroken row that it ends.
    """

    reason: str
    message: str
    at: datetime
    count: int
    since: datetime | None = None
    """None: a status from before it was written."""

    @property
    def lasted(self) -> timedelta:
        """How long the row is, as far as it is known."""
        return timedelta() if self.since is None else self.at - self.since


@dataclass(frozen=True, slots=True)
class Evidence:
    """The state of all evidence gates of one rollout, from tiles of length `window`.

    `counted_until` is the end of the last tile that was taken in, on the metrics server's clock.
    `step` is when the step began whose bets are running. `changes` are the instants at which the
    weight was changed, as far as a tile to come may reach back to them (our clock).
    """

    window: timedelta
    counted_until: datetime
    step: datetime | None = None
    entered: int = 0
    """How many steps have been entered."""
    gates: tuple[GateEvidence, ...] = ()
    changes: tuple[datetime, ...] = ()
    tiles: int = 0
    """How many tiles counted."""
    refused: Refused | None = None
    latest: Tally = Tally()
    """What all pods answered in the last tile that was understood."""
    failing: int = 0
    """How many tiles in a row had half or more of the canary's requests fail."""
    empty: int = 0
    """How many tiles in a row had no canary request."""
    empty_since: datetime | None = None
    expected: float = 0.0
    """How many canary requests those should have had, by the primary's and the weight."""
    counted_by: Reporter | None = None
    """Who else counts the requests, where the reporter that was asked for counts none at all."""
    followed: Tally = Tally()
    """Requests of both sides since the weight last settled: the observed share."""

    @property
    def refused_last(self) -> Refused | None:
        """Why the latest tile counted for nothing, if it did."""
        last = self.refused
        return last if last is not None and last.at == self.counted_until else None
