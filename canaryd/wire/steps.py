"""The steps of `spec.analysis` as users write them: weights, stays and approvals."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from canaryd.model.names import ALL_TRAFFIC, Weight
from canaryd.model.spec import Step
from canaryd.wire.fields import DURATION_BOUNDS, Duration, Percent, parse_duration
from canaryd.wire.rules import Rule, WireModel

DEFAULT_STEP = 10
INTERVAL = "1m"
"""The default of analysis.interval."""
SHORTEST_MOST = timedelta(minutes=5)
INTERVALS_MOST = 5


def _rise(weights: list[int]) -> bool:
    return all(low < high for low, high in pairwise(weights))


class StepModel(WireModel):
    """One stage of a rollout."""

    weight: Percent = Field(description="The canary's share of requests in this step, in per cent.")
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description=f"The least stay at this step. A duration of {DURATION_BOUNDS}."
        " Default: analysis.interval.",
    )
    at_most: Duration | None = Field(
        default=None,
        description="The most stay while compare and objective cannot tell; not shorter than for."
        " After it, and three evaluations at least, the rollout goes on as inconclusive, unless"
        f" there is evidence against the canary. A duration of {DURATION_BOUNDS}."
        " Default: 5 times analysis.interval, at least 5m and never shorter than for.",
    )
    approval: bool = Field(
        default=False,
        description="Whether a person must approve before the rollout goes on from this step.",
    )

    def step(self, interval: timedelta) -> Step:
        """Return the step complete; `interval` is that of the analysis."""
        least = parse_duration(self.for_) if self.for_ else interval
        most = parse_duration(self.at_most) if self.at_most else longest(interval, least)
        return Step(Weight(self.weight), least, self.approval, most)


Steps = Annotated[
    list[StepModel],
    Field(min_length=1, max_length=50),
    Rule(
        holds=lambda steps: _rise([step.weight for step in steps]),
        cel="self.map(s, s.weight).isSorted()"
        " && self.all(a, self.exists_one(b, b.weight == a.weight))",
        message="steps must rise strictly in weight, like 5, 25, 100",
    ),
]
StepWeights = Annotated[
    list[Percent],
    Field(min_length=1, max_length=50),
    Rule(
        holds=_rise,
        cel="self.isSorted() && self.all(a, self.exists_one(b, b == a))",
        message="stepWeights must rise strictly, like [1, 5, 25, 100]",
    ),
]


def longest(interval: timedelta, least: timedelta) -> timedelta:
    """Return the most stay at a step that does not say it."""
    return max(SHORTEST_MOST, INTERVALS_MOST * interval, least)


def stays_fit(steps: list[StepModel] | None, interval: timedelta) -> bool:
    """Tell whether no step's most stay is shorter than its least."""
    given = [step.step(interval) for step in steps or () if step.at_most]
    return all(step.least <= step.most for step in given)


def rising(step: int | None, last: int | None) -> list[int]:
    """Return the weights that rise by `step` up to exactly `last`."""
    step, last = step or DEFAULT_STEP, last or ALL_TRAFFIC
    return [*range(step, last, step), last]
