"""Many rollouts in thought, and what they come to: false alarms, and how soon faults are caught."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from statistics import median

from canaryd.decide.binomial import wilson
from canaryd.decide.trial import Outcome

FACTORS = (2.0, 5.0, 10.0)
"""How many times worse the canary is made."""
LEAST_SHARE = 0.001
"""Where nothing fails usually, a fault is so many times this share."""
Z95 = 1.959964
BAR = 24
"""How wide the longest bar of the chart is."""


@dataclass(frozen=True, slots=True)
class Healthy:
    """What became of rollouts with nothing wrong."""

    rollouts: int
    rolled_back: int
    upper: float
    """The upper end of the 95 % interval of the share that is rolled back."""
    finished: int
    typical_seconds: float | None
    """Median time to the last step's end; None when none got there."""
    inconclusive_steps: float
    """How many steps of a rollout were passed by time alone, on average."""
    reasons: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Caught:
    """How rollouts with a fault ended; times are from the first step on."""

    factor: float
    rollouts: int
    caught: int
    median_seconds: float | None
    slow_seconds: float | None
    """Nine in ten were caught by then."""
    requests: float | None
    """Median number of canary requests until then."""
    undecided: int = 0
    """So many were left to a person, because nobody knew how pods differ, or all did badly."""


def healthy(outcomes: Sequence[Outcome]) -> Healthy:
    """Sum up rollouts that should have been left alone."""
    back = [outcome for outcome in outcomes if outcome.failed is not None]
    ended = [outcome.after.total_seconds() for outcome in outcomes if outcome.finished]
    reasons: dict[str, int] = {}
    for outcome in back:
        reasons[str(outcome.failed)] = reasons.get(str(outcome.failed), 0) + 1
    return Healthy(
        rollouts=len(outcomes),
        rolled_back=len(back),
        upper=upper_bound(len(back), len(outcomes)),
        finished=len(ended),
        typical_seconds=median(ended) if ended else None,
        inconclusive_steps=(
            sum(each.inconclusive for each in outcomes) / len(outcomes) if outcomes else 0.0
        ),
        reasons=reasons,
    )


def caught(factor: float, outcomes: Sequence[Outcome]) -> Caught:
    """Sum up rollouts that should have been taken back."""
    found = [outcome for outcome in outcomes if outcome.failed is not None]
    times = sorted(outcome.after.total_seconds() for outcome in found)
    return Caught(
        factor=factor,
        rollouts=len(outcomes),
        caught=len(found),
        median_seconds=median(times) if times else None,
        slow_seconds=times[ceil(0.9 * len(times)) - 1] if times else None,
        requests=median(outcome.canary_requests for outcome in found) if found else None,
        undecided=sum(outcome.undecided for outcome in outcomes),
    )


def upper_bound(hits: int, of: int) -> float:
    """The upper end of Wilson's 95 % interval of a share."""
    if not of:
        return 1.0
    return min(1.0, wilson(hits, of, Z95)[1])


def chart(found: Iterable[Caught]) -> list[str]:
    """Bars of the time until each fault is caught."""
    rows = list(found)
    longest = max((row.median_seconds or 0.0 for row in rows), default=0.0)
    lines: list[str] = []
    for row in rows:
        if row.median_seconds is None:
            lines.append(f"{row.factor:>4g}x  never caught")
            continue
        bar = "#" * max(1, round(BAR * row.median_seconds / longest)) if longest else "#"
        lines.append(f"{row.factor:>4g}x  {bar} {shown(row.median_seconds)}")
    return lines


def shown(seconds: float | None) -> str:
    """Say a time in minutes and seconds."""
    if seconds is None:
        return "-"
    whole = timedelta(seconds=round(seconds))
    minutes, rest = divmod(int(whole.total_seconds()), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
