"""`spec.analysis` of a Canary as users write it: how a rollout walks and how it is judged."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from canaryd.model.gates import ALPHA, GRPC_GOOD, Evidential, Preset, Reporter
from canaryd.model.names import Weight
from canaryd.model.spec import Analysis, Step
from canaryd.wire.alert import AlertModel
from canaryd.wire.fields import (
    DURATION_BOUNDS,
    INTEGRAL,
    Duration,
    Percent,
    duration_of,
    parse_duration,
)
from canaryd.wire.gates import (
    GRPC_STATUSES,
    GrpcStatuses,
    PresetName,
    ReporterName,
    numbers,
    usual,
)
from canaryd.wire.metric import MetricModel
from canaryd.wire.missing import NoDataModel, UnavailableModel
from canaryd.wire.rules import Rule, WireModel, distinct
from canaryd.wire.server import ServerModel
from canaryd.wire.steps import INTERVAL, Steps, StepWeights, longest, rising, stays_fit

GREATEST_ALPHA = 0.5
_GOOD = ", ".join(GRPC_STATUSES[int(number)] for number in sorted(GRPC_GOOD, key=int))


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
        Rule(
            holds=lambda a: stays_fit(a.steps, parse_duration(a.interval)),
            cel="!has(self.steps) || self.steps.all(s, !has(s.atMost) || duration(s.atMost) >="
            " duration(has(s.__for__) ? s.__for__ :"
            f" (has(self.interval) ? self.interval : '{INTERVAL}')))",
            message="steps must not have atMost shorter than for (by default interval): make"
            " atMost longer",
        ),
    )
    interval: Duration = Field(
        default=INTERVAL,
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
    step_weights: StepWeights | None = Field(
        default=None,
        description="The weights of the steps in per cent, rising. Instead of stepWeight.",
    )
    steps: Steps | None = Field(
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
    ] = Field(
        default=[],
        description="The gates of a rollout. Default: compare errors and compare latency, unless"
        " spec.skipAnalysis.",
    )
    preset: PresetName = Field(
        default="default",
        description="How much worse than the primary compare tolerates where it gives no numbers:"
        " sensitive (no worse), default (1.1 times the primary's fraction and 0.05 points for"
        " errors, 0.2 points for latency) or quiet (1.25 times and 0.1 or 0.4 points).",
    )
    alpha: Annotated[
        float,
        Rule(
            holds=lambda value: 0 < value <= GREATEST_ALPHA,
            cel=f"self > 0.0 && self <= {GREATEST_ALPHA}",
            message="must be more than 0 and at most 0.5: 0.01 is one harmless rollout in 100",
        ),
    ] = Field(
        default=ALPHA,
        description="The greatest share of harmless rollouts that compare and objective, all"
        " together, roll back. More than 0 and at most 0.5.",
    )
    evaluate_every: Annotated[str, Field(max_length=32), duration_of("1s", "5m")] = Field(
        default="10s",
        description="How often compare and objective look, raised to the scrape interval."
        " A duration of 1s to 5m.",
    )
    reporter: ReporterName = Field(
        default="destination",
        description="Whose proxies count the requests: destination, source or waypoint (ambient).",
    )
    grpc_good: GrpcStatuses | None = Field(
        default=None,
        description="The gRPC statuses that are no errors, all of them: numbers from 0 to 16 or"
        f" names. Default: {_GOOD}.",
    )
    metrics_server: ServerModel | None = Field(
        default=None,
        description="The metrics server that is asked. Default: that of the daemon.",
    )
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

    def analysis(self, namespace: str, *, judged: bool = True) -> Analysis:
        """Return the analysis of a Canary in `namespace`, complete, with every step filled in.

        Without metrics it is judged by the usual gates, or by nothing at all if not `judged`.
        """
        metrics = (entry.metric(namespace) for entry in self.metrics)
        return Analysis(
            interval=parse_duration(self.interval),
            threshold=self.threshold,
            steps=self._steps(),
            metrics=tuple(metric for metric in metrics if metric is not None),
            ready_threshold=self.canary_ready_threshold,
            no_data=self.no_data.policy(),
            unavailable=self.unavailable.policy(),
            evidence=self._evidence(judged=judged),
            server=self.metrics_server.server(namespace) if self.metrics_server else None,
        )

    def _evidence(self, *, judged: bool) -> Evidential:
        preset = Preset(self.preset)
        gates = (entry.gate(preset) for entry in self.metrics)
        given = tuple(gate for gate in gates if gate is not None)
        return Evidential(
            gates=given if self.metrics or not judged else usual(preset),
            evaluate_every=parse_duration(self.evaluate_every),
            alpha=self.alpha,
            reporter=Reporter(self.reporter),
            grpc_good=numbers(self.grpc_good) if self.grpc_good else GRPC_GOOD,
        )

    def _steps(self) -> tuple[Step, ...]:
        stay = parse_duration(self.interval)
        if self.steps is not None:
            return tuple(step.step(stay) for step in self.steps)
        weights = self.step_weights or rising(self.step_weight, self.max_weight)
        return tuple(Step(Weight(weight), stay, most=longest(stay, stay)) for weight in weights)
