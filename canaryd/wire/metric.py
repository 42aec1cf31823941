"""One entry of `analysis.metrics` as users write it: a threshold, a comparison or an objective."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from canaryd.model.gates import Compare, EvidenceGate, Objective, Preset
from canaryd.model.query import VARIABLES, WELL_FORMED
from canaryd.model.spec import BUILTINS, SUCCESS_RATE, Bounds, Metric
from canaryd.wire.fields import DURATION_BOUNDS, Duration, Label, parse_duration
from canaryd.wire.gates import COMPARED, CompareModel, ObjectiveModel
from canaryd.wire.rules import Rule, WireModel, matches
from canaryd.wire.templated import TemplateRefModel, Variables

INTERVAL = "1m"
_BUILTIN_NAMES = ", ".join(f"'{name}'" for name in sorted(BUILTINS))
_COMPARED_NAMES = ", ".join(f"'{name}'" for name in COMPARED)

Query = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    matches(
        WELL_FORMED,
        "query has an unknown or unclosed {{ variable }}: there are " + ", ".join(VARIABLES),
    ),
]


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
    """One gate: a number within a range, a comparison with the primary, or an objective."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda m: [m.threshold_range, m.compare, m.objective].count(None) == 2,  # noqa: PLR2004
            cel="[has(self.thresholdRange), has(self.compare), has(self.objective)]"
            ".filter(x, x).size() == 1",
            message="give exactly one of thresholdRange, compare and objective",
        ),
        Rule(
            holds=lambda m: (
                m.threshold_range is not None or not (m.query or m.template_ref or m.interval)
            ),
            cel="has(self.thresholdRange)"
            " || !(has(self.query) || has(self.templateRef) || has(self.interval))",
            message="query, templateRef and interval only go with thresholdRange: remove them",
        ),
        Rule(
            holds=lambda m: m.threshold_range is not None or m.name not in BUILTINS,
            cel=f"has(self.thresholdRange) || !(self.name in [{_BUILTIN_NAMES}])",
            message="thresholdRange is what request-success-rate and request-duration need;"
            " choose another name for compare or objective",
        ),
        Rule(
            holds=lambda m: m.compare is None or m.name in COMPARED,
            cel=f"!has(self.compare) || self.name in [{_COMPARED_NAMES}]",
            message="compare is for the names errors and latency, which say what is compared",
        ),
        Rule(
            holds=lambda m: (m.query is None and m.template_ref is None) or m.name not in BUILTINS,
            cel=f"!(has(self.query) || has(self.templateRef))"
            f" || !(self.name in [{_BUILTIN_NAMES}])",
            message="query and templateRef are not for the built-in metrics: remove them, or"
            " choose another name",
        ),
        Rule(
            holds=lambda m: (
                m.threshold_range is None
                or m.name in BUILTINS
                or not (m.query is None and m.template_ref is None)
            ),
            cel=f"!has(self.thresholdRange) || self.name in [{_BUILTIN_NAMES}]"
            " || has(self.query) || has(self.templateRef)",
            message="query or templateRef is required, unless name is request-success-rate or"
            " request-duration",
        ),
        Rule(
            holds=lambda m: m.query is None or m.template_ref is None,
            cel="!(has(self.query) && has(self.templateRef))",
            message="query and templateRef exclude each other: keep one of them",
        ),
        Rule(
            holds=lambda m: not m.template_variables or m.template_ref is not None,
            cel="!has(self.templateVariables) || self.templateVariables.size() == 0"
            " || has(self.templateRef)",
            message="templateVariables only go with templateRef: remove them",
        ),
        Rule(
            holds=lambda m: m.name != SUCCESS_RATE or m.in_per_cent(),
            cel=f"self.name != '{SUCCESS_RATE}' || !has(self.thresholdRange) || ("
            "(!has(self.thresholdRange.min)"
            " || self.thresholdRange.min >= 0.0 && self.thresholdRange.min <= 100.0) && "
            "(!has(self.thresholdRange.max)"
            " || self.thresholdRange.max >= 0.0 && self.thresholdRange.max <= 100.0))",
            message="thresholdRange of request-success-rate is in per cent: use 0 to 100",
        ),
    )
    name: Label = Field(
        description="The metric's name, unique in this Canary. For compare: errors or latency."
        " With thresholdRange, built in and without a query:"
        " request-success-rate (per cent of requests answered, and not with 5xx) and"
        " request-duration (99th percentile in milliseconds). At most 63 characters."
    )
    threshold_range: RangeModel | None = Field(
        default=None,
        description="The range in which the metric's value passes; min, max or both."
        " Either this, compare or objective.",
    )
    compare: CompareModel | None = Field(
        default=None,
        description="The canary's requests against the primary's in the same instants; {} for"
        " what analysis.preset tolerates. Its name says what is compared: errors, or latency"
        " (requests slower than each of the histogram's telling edges).",
    )
    objective: ObjectiveModel | None = Field(
        default=None,
        description="The canary's requests against what the service promises.",
    )
    interval: Duration | None = Field(
        default=None,
        description="How often the metric is asked for, and the window that a built-in looks at."
        f" Only with thresholdRange. A duration of {DURATION_BOUNDS}. Default {INTERVAL}.",
    )
    query: Query | None = Field(
        default=None,
        description="PromQL that gives one number, asked as often as interval says. Variables in"
        f" the form {{{{ name }}}}: {', '.join(VARIABLES)}. At most 4096 characters."
        " With thresholdRange either this or templateRef, unless the name is that of a built-in"
        " metric.",
    )
    template_ref: TemplateRefModel | None = Field(
        default=None, description="The template that the query comes from. Instead of query."
    )
    template_variables: Variables = Field(
        default={},
        description="Values for the template's own variables, by name. At most 10."
        " Only with templateRef.",
    )

    def in_per_cent(self) -> bool:
        """Tell whether the bounds can be percentages."""
        if self.threshold_range is None:
            return True
        ends = (self.threshold_range.min, self.threshold_range.max)
        return all(end is None or 0 <= end <= 100 for end in ends)  # noqa: PLR2004 - per cent

    def metric(self, namespace: str) -> Metric | None:
        """Return the threshold gate of a Canary in `namespace`; None if it is none."""
        if self.threshold_range is None:
            return None
        return Metric(
            self.name,
            self.threshold_range.bounds(),
            parse_duration(self.interval or INTERVAL),
            self.query,
            template=self.template_ref.ref(namespace) if self.template_ref else None,
            variables=self.template_variables,
        )

    def gate(self, preset: Preset) -> EvidenceGate | None:
        """Return the gate that adds up evidence; None if it is none."""
        found: Compare | Objective | None = None
        if self.compare is not None:
            found = self.compare.gate(self.name, preset)
        elif self.objective is not None:
            found = self.objective.gate(self.name)
        return found
