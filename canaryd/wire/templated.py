"""How a metric names the template of its query, and gives it values."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from canaryd.model.query import ARGUMENT
from canaryd.model.template import TemplateKind, TemplateRef
from canaryd.wire.fields import Label, ObjectName
from canaryd.wire.rules import Rule, WireModel

MOST_ARGUMENTS = 10
ARGUMENT_NAMES = "letters, digits and '_', beginning with a letter"

Value = Annotated[str, Field(max_length=512)]
Variables = Annotated[
    dict[str, Value],
    Field(max_length=MOST_ARGUMENTS),
    Rule(
        holds=lambda values: all(re.fullmatch(ARGUMENT, name, re.ASCII) for name in values),
        cel=f"self.all(name, name.matches('^{ARGUMENT}$'))",
        message=f"templateVariables must have names of {ARGUMENT_NAMES}; at most 32 characters",
    ),
]


class TemplateRefModel(WireModel):
    """The template that a metric's query comes from."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda ref: ref.kind != "ClusterAnalysisTemplate" or ref.namespace is None,
            cel="!has(self.kind) || self.kind != 'ClusterAnalysisTemplate'"
            " || !has(self.__namespace__)",
            message="namespace is not for a ClusterAnalysisTemplate, which belongs to none:"
            " remove namespace",
        ),
    )
    kind: Literal["AnalysisTemplate", "ClusterAnalysisTemplate"] = Field(
        default="AnalysisTemplate",
        description="AnalysisTemplate, of a namespace, or ClusterAnalysisTemplate, for all.",
    )
    name: ObjectName = Field(description="The template's name. At most 253 characters.")
    namespace: Label | None = Field(
        default=None,
        description="The AnalysisTemplate's namespace. At most 63 characters. Not with kind"
        " ClusterAnalysisTemplate. Default: the Canary's namespace.",
    )

    def ref(self, namespace: str) -> TemplateRef:
        """Return the reference as the rest of the program knows it, from a Canary there."""
        kind = TemplateKind(self.kind)
        if kind is TemplateKind.CLUSTER:
            return TemplateRef(kind, "", self.name)
        return TemplateRef(kind, self.namespace or namespace, self.name)
