"""What one moment of the play looks like: everything that a view shows, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mood(Enum):
    """How a line is meant."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of canaryd's, and how it is meant."""

    text: str
    mood: Mood = Mood.PLAIN


@dataclass(frozen=True, slots=True)
class Told:
    """A notice: its number, when it was told (seconds since the play began), and the sentence."""

    number: int
    at: float
    line: Line


@dataclass(frozen=True, slots=True)
class Side:
    """One slot: what was asked of it, and what its users saw in the last seconds.

    A side that nobody reached has no error rate and no p99.
    """

    slot: str
    version: str
    role: str
    asked: int
    observed: float | None = None
    error_rate: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a value is shown as bad."""

    error_rate: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment. Shares and rates are per cent."""

    act: int
    acts: int
    title: str
    elapsed: float
    phase: str
    step: str
    sides: tuple[Side, Side]
    limits: Limits
    hold: str = ""
    checks: tuple[Line, ...] = ()
    told: tuple[Told, ...] = ()
    verdict: Line | None = None
    """How this act ended, once it has."""
    sent: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How one release ended."""

    version: str
    story: str
    as_hoped: bool
    sentence: str
    seconds: float
    sent: int
    failed: int
    reached: int
    """How many requests the released version answered."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How the play ended."""

    endings: tuple[Ending, ...]
    seconds: float
    sent: int
    failed: int

    @property
    def as_hoped(self) -> bool:
        """Whether every release ended as it should."""
        return all(ending.as_hoped for ending in self.endings)
