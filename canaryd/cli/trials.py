"""Many rollouts in thought, and what they come to: false alarms, and how soon faults are caught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    told: int
    """So many of them tell something on their own: they do not overlap."""
    upper: float
    """The upper end of the 95 % interval of the share that is rolled back, by those."""
    finished: int
    typical_seconds: float | None
    """Median time to the last step's end; None when none got there."""
    inconclusive_steps: float
    """How many steps of a rollout were passed by time alone, on average."""
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    held: dict[str, int] = field(default_factory=dict[str, int])
    """Of those that did not come to their end: why they were held then."""


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


def healthy(outcomes: Sequence[Outcome], *, told: int) -> Healthy:
    """Sum up rollouts that should have been left alone; `told` of them do not overlap."""
    back = [outcome for outcome in outcomes if outcome.failed is not None]
    ended = [outcome.after.total_seconds() for outcome in outcomes if outcome.finished]
    reasons = Counter(str(outcome.failed) for outcome in back)
    held = Counter(outcome.held for outcome in outcomes if outcome.held is not None)
    return Healthy(
        rollouts=len(outcomes),
        rolled_back=len(back),
        told=told,
        upper=upper_bound(len(back) / len(outcomes) if outcomes else 1.0, told),
        finished=len(ended),
        typical_seconds=median(ended) if ended else None,
        inconclusive_steps=(
            sum(each.inconclusive for each in outcomes) / len(outcomes) if outcomes else 0.0
        ),
        reasons=dict(reasons),
        held=dict(held),
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


def apart(begins: Iterable[datetime], outcomes: Iterable[Outcome]) -> int:
    """How many of these rollouts do not overlap: what goes wrong once, several would see."""
    count, free = 0, None
    for begin, outcome in zip(begins, outcomes, strict=True):
        if free is None or begin >= free:
            count, free = count + 1, begin + outcome.after
    return count


def upper_bound(share: float, of: int) -> float:
    """The upper end of Wilson's 95 % interval of a share that was seen in so many."""
    if not of:
        return 1.0
    return min(1.0, wilson(share * of, of, Z95)[1])


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
