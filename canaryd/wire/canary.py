"""The `spec` of a Canary as users write it, and its way into `model.spec`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from canaryd.model.names import SlotName
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Slot, Spec
from canaryd.wire.analysis import AnalysisModel
from canaryd.wire.fields import INTEGRAL, Label, ObjectName
from canaryd.wire.rules import Rule, WireModel, distinct
from canaryd.wire.sentences import sentences

INVALID_SPEC = "InvalidSpec"
TOLD_MISTAKES = 3


class TargetRef(WireModel):
    """Which workload a slot stands for."""

    api_version: Literal["apps/v1"] = Field(description="Always apps/v1.", alias="apiVersion")
    kind: Literal["Deployment"] = Field(description="Always Deployment.")
    name: ObjectName = Field(
        description="The Deployment's name, in the Canary's namespace. At most 253 characters."
    )


class SlotModel(WireModel):
    """One of the two workloads that take turns as primary and canary."""

    name: Label = Field(
        description="Your name for the slot, like v1 or blue. At most 63 characters."
    )
    target_ref: TargetRef = Field(description="The slot's own Deployment; canaryd only reads it.")
    subset: Label | None = Field(
        default=None,
        description="The DestinationRule's subset that selects the slot's pods. At most"
        " 63 characters. Default: none, the slot is told apart by its destination's host.",
    )

    def slot(self) -> Slot:
        """Return the slot as the rest of the program knows it."""
        return Slot(SlotName(self.name), self.target_ref.name, self.subset)


class VirtualServiceRef(WireModel):
    """Whose weights canaryd writes."""

    name: ObjectName = Field(
        description="The VirtualService's name, in the Canary's namespace. At most 253 characters."
    )
    route: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None,
        description="The name of the http route with both slots. At most 253 characters."
        " Default: the one route whose destinations include both slots.",
    )


class CanarySpec(WireModel):
    """What the user wants: two workloads that take turns, and how a new one proves itself."""

    slots: Annotated[
        list[SlotModel],
        Field(min_length=2, max_length=2),
        distinct("name", "slots must have two different names: rename one of the slots"),
        Rule(
            holds=lambda slots: len({slot.target_ref.name for slot in slots}) == len(slots),
            cel="self.all(a, self.exists_one(b, b.targetRef.name == a.targetRef.name))",
            message="slots must have two different targetRef.name: each slot needs its own",
        ),
    ] = Field(description="The two workloads that take turns; exactly 2.")
    virtual_service: VirtualServiceRef = Field(
        description="The VirtualService that splits the requests; canaryd writes two weights in it."
    )
    analysis: AnalysisModel | None = Field(
        default=None,
        description="How a rollout walks and how it is judged. Default: stepWeight 10, every"
        " minute, judged by compare errors and compare latency.",
    )
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=604_800), INTEGRAL] = Field(
        default=600,
        description="How long the canary may be unready without a break before it is rolled back,"
        " in seconds.",
    )
    suspend: bool = Field(
        default=False,
        description="Whether nothing advances; what runs is judged on and may be rolled back.",
    )
    skip_analysis: bool = Field(
        default=False,
        description="Whether a new revision gets 100 per cent as soon as it is ready, unjudged.",
    )

    def spec(self, namespace: str) -> Spec:
        """Return the spec complete, as the rest of the program knows it."""
        first, second = self.slots
        analysis = self.analysis or AnalysisModel()
        return Spec(
            slots=(first.slot(), second.slot()),
            virtual_service=self.virtual_service.name,
            route=self.virtual_service.route,
            analysis=analysis.analysis(namespace, judged=not self.skip_analysis),
            progress_deadline=timedelta(seconds=self.progress_deadline_seconds),
            suspend=self.suspend,
            skip_analysis=self.skip_analysis,
            alerts=tuple(alert.alert(namespace) for alert in analysis.alerts),
        )


def parse_spec(raw: bytes, namespace: str) -> Spec | Problem:
    """Read a Canary's spec; what cannot be used is a Problem that names field and fix."""
    try:
        return CanarySpec.model_validate_json(raw).spec(namespace)
    except ValidationError as error:
        return invalid_spec(error)


def invalid_spec(error: ValidationError) -> Problem:
    """Return the Problem that a spec cannot be used, with its first few mistakes."""
    told = sentences(error)
    more = f"; and {len(told) - TOLD_MISTAKES} more" if len(told) > TOLD_MISTAKES else ""
    return Problem(INVALID_SPEC, "; ".join(told[:TOLD_MISTAKES]) + more)
