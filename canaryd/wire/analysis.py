"""`spec.analysis` of a Canary as users write it: how a rollout walks and how it is judged."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from canaryd.model.names import ALL_TRAFFIC, Weight
from canaryd.model.query import VARIABLES, WELL_FORMED
from canaryd.model.spec import (
    BUILTINS,
    SUCCESS_RATE,
    Analysis,
    Bounds,
    Metric,
    MissingPolicy,
    Otherwise,
    Step,
)
from canaryd.wire.alert import AlertModel
from canaryd.wire.fields import DURATION_BOUNDS, INTEGRAL, Duration, Label, Percent, parse_duration
from canaryd.wire.rules import Rule, WireModel, distinct, matches

DEFAULT_STEP = 10
_BUILTIN_NAMES = ", ".join(f"'{name}'" for name in sorted(BUILTINS))

Query = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    matches(
        WELL_FORMED,
        "query has an unknown or unclosed {{ variable }}: there are " + ", ".join(VARIABLES),
    ),
]


def _rise(weights: list[int]) -> bool:
    return all(low < high for low, high in pairwise(weights))


class RangeModel(WireModel):
    """The range in which a metric's value passes, ends included."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda bounds: bounds.min is not None or bounds.max is not None,
            cel="has(self.min) || has(self.max)",
            message="thresholdRange needs min, max or both",
        ),
        Rule(
            holds=lambda b: b.min is None or b.max is None or b.min <= b.max,
            cel="!has(self.min) || !has(self.max) || self.min <= self.max",
            message="thresholdRange.min must not be greater than thresholdRange.max",
        ),
    )
    min: float | None = Field(
        default=None,
        description="The least value that passes, in the metric's unit. Default: no least.",
    )
    max: float | None = Field(
        default=None,
        description="The greatest value that passes, in the metric's unit. Default: no greatest.",
    )

    def bounds(self) -> Bounds:
        """Return the range as the rest of the program knows it."""
        return Bounds(minimum=self.min, maximum=self.max)


class MetricModel(WireModel):
    """One threshold check: a number asked for once per interval, and its range."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda metric: metric.query is None or metric.name not in BUILTINS,
            cel=f"!has(self.query) || !(self.name in [{_BUILTIN_NAMES}])",
            message="query is not for the built-in metrics: remove query, or choose another name",
        ),
        Rule(
            holds=lambda metric: metric.query is not None or metric.name in BUILTINS,
            cel=f"has(self.query) || self.name in [{_BUILTIN_NAMES}]",
            message="query is required, unless name is request-success-rate or request-duration",
        ),
        Rule(
            holds=lambda metric: metric.name != SUCCESS_RATE or metric.in_per_cent(),
            cel=f"self.name != '{SUCCESS_RATE}' || ("
            "(!has(self.thresholdRange.min)"
            " || self.thresholdRange.min >= 0.0 && self.thresholdRange.min <= 100.0) && "
            "(!has(self.thresholdRange.max)"
            " || self.thresholdRange.max >= 0.0 && self.thresholdRange.max <= 100.0))",
            message="thresholdRange of request-success-rate is in per cent: use 0 to 100",
        ),
    )
    name: Label = Field(
        description="The metric's name, unique in this Canary. Built in, without a query:"
        " request-success-rate (per cent of requests answered, and not with 5xx) and"
        " request-duration (99th percentile in milliseconds). At most 63 characters."
    )
    threshold_range: RangeModel = Field(
        description="The range in which the metric's value passes; min, max or both."
    )
    interval: Duration = Field(
        default="1m",
        description="How often the metric is asked for, and the window that a built-in looks at."
        f" A duration of {DURATION_BOUNDS}.",
    )
    query: Query | None = Field(
        default=None,
        description="PromQL that gives one number, asked as often as interval says. Variables in"
        f" the form {{{{ name }}}}: {', '.join(VARIABLES)}. At most 4096 characters."
        " Required unless the name is that of a built-in metric.",
    )

    def in_per_cent(self) -> bool:
        """Tell whether the bounds can be percentages."""
        ends = (self.threshold_range.min, self.threshold_range.max)
        return all(end is None or 0 <= end <= 100 for end in ends)  # noqa: PLR2004 - per cent

    def metric(self) -> Metric:
        """Return the metric as the rest of the program knows it."""
        interval = parse_duration(self.interval)
        return Metric(self.name, self.threshold_range.bounds(), interval, self.query)


class StepModel(WireModel):
    """One stage of a rollout."""

    weight: Percent = Field(description="The canary's share of requests in this step, in per cent.")
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description=f"The least stay at this step. A duration of {DURATION_BOUNDS}."
        " Default: analysis.interval.",
    )
    approval: bool = Field(
        default=False,
        description="Whether a person must approve before the rollout goes on from this step.",
    )


class NoDataModel(WireModel):
    """What happens when the canary gives no samples: no requests, NaN, several series, nothing."""

    after: Duration = Field(
        default="10m",
        description=f"How long samples may be missing. A duration of {DURATION_BOUNDS}.",
    )
    then: Literal["Hold", "RollBack", "Advance"] = Field(
        default="Hold", description="What to do after that long: Hold, RollBack or Advance."
    )

    def policy(self) -> MissingPolicy:
        """Return the policy as the rest of the program knows it."""
        return MissingPolicy(parse_duration(self.after), Otherwise(self.then))


class UnavailableModel(WireModel):
    """What happens when the metrics server gives no usable answer."""

    after: Duration = Field(
        default="30m",
        description=f"How long it may be unavailable. A duration of {DURATION_BOUNDS}.",
    )
    then: Literal["Hold", "RollBack"] = Field(
        default="Hold", description="What to do after that long: Hold or RollBack."
    )

    def policy(self) -> MissingPolicy:
        """Return the policy as the rest of the program knows it."""
        return MissingPolicy(parse_duration(self.after), Otherwise(self.then))


class AnalysisModel(WireModel):
    """How a rollout walks from 0 to 100 per cent and what it must prove on the way."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda a: [a.step_weight, a.step_weights, a.steps].count(None) >= 2,  # noqa: PLR2004
            cel="[has(self.stepWeight), has(self.stepWeights), has(self.steps)]"
            ".filter(x, x).size() <= 1",
            message="stepWeight, stepWeights and steps exclude each other: keep one of them",
        ),
        Rule(
            holds=lambda a: a.max_weight is None or (a.step_weights is None and a.steps is None),
            cel="!has(self.maxWeight) || !(has(self.stepWeights) || has(self.steps))",
            message="maxWeight only goes with stepWeight: remove maxWeight,"
            " the last of stepWeights or steps is the greatest weight",
        ),
    )
    interval: Duration = Field(
        default="1m",
        description="The least stay at a step; at most one failed check is counted per interval."
        f" A duration of {DURATION_BOUNDS}.",
    )
    threshold: Annotated[int, Field(ge=1, le=1000), INTEGRAL] = Field(
        default=5,
        description="The failed check with this number, counted over the rollout, rolls it back.",
    )
    step_weight: Percent | None = Field(
        default=None,
        description="By how many per cent each step rises, up to maxWeight."
        " Default 10 when neither stepWeights nor steps are given.",
    )
    step_weights: (
        Annotated[
            list[Percent],
            Field(min_length=1, max_length=50),
            Rule(
                holds=_rise,
                cel="self.isSorted() && self.all(a, self.exists_one(b, b == a))",
                message="stepWeights must rise strictly, like [1, 5, 25, 100]",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="The weights of the steps in per cent, rising. Instead of stepWeight.",
    )
    steps: (
        Annotated[
            list[StepModel],
            Field(min_length=1, max_length=50),
            Rule(
                holds=lambda steps: _rise([step.weight for step in steps]),
                cel="self.map(s, s.weight).isSorted()"
                " && self.all(a, self.exists_one(b, b.weight == a.weight))",
                message="steps must rise strictly in weight, like 5, 25, 100",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="The steps with their own stay and approval. Instead of stepWeight.",
    )
    max_weight: Percent | None = Field(
        default=None,
        description="The weight of the last step in per cent; promotion goes on from there to 100."
        " Only with stepWeight. Default 100.",
    )
    canary_ready_threshold: Percent = Field(
        default=100,
        description="How many of the canary's wanted replicas must be ready before a rise,"
        " in per cent; always at least one pod.",
    )
    metrics: Annotated[
        list[MetricModel],
        Field(max_length=20),
        distinct(
            "name", "metrics must have names of their own: rename one of those that are equal"
        ),
    ] = Field(default=[], description="The checks of each step. Required unless spec.skipAnalysis.")
    no_data: NoDataModel = Field(
        default=NoDataModel(),
        description="What happens when the canary gives no samples. Default: Hold.",
    )
    unavailable: UnavailableModel = Field(
        default=UnavailableModel(),
        description="What happens when the metrics server gives no usable answer. Default: Hold.",
    )

    alerts: Annotated[
        list[AlertModel],
        Field(max_length=10),
        distinct("name", "alerts must have names of their own: rename one of those that are equal"),
    ] = Field(default=[], description="Who is told about transitions.")

    def analysis(self) -> Analysis:
        """Return the analysis complete, with every step filled in."""
        return Analysis(
            interval=parse_duration(self.interval),
            threshold=self.threshold,
            steps=self._steps(),
            metrics=tuple(metric.metric() for metric in self.metrics),
            ready_threshold=self.canary_ready_threshold,
            no_data=self.no_data.policy(),
            unavailable=self.unavailable.policy(),
        )

    def _steps(self) -> tuple[Step, ...]:
        least = parse_duration(self.interval)
        if self.steps is not None:
            return tuple(
                Step(
                    Weight(step.weight),
                    parse_duration(step.for_) if step.for_ else least,
                    step.approval,
                )
                for step in self.steps
            )
        return tuple(Step(Weight(weight), least) for weight in self._weights())

    def _weights(self) -> list[int]:
        if self.step_weights is not None:
            return self.step_weights
        step, last = self.step_weight or DEFAULT_STEP, self.max_weight or ALL_TRAFFIC
        return [*range(step, last, step), last]
