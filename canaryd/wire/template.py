"""AnalysisTemplate and ClusterAnalysisTemplate as users write them, and into `model.template`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError
from typing_extensions import override

from canaryd.model.gates import MetricsServer
from canaryd.model.query import (
    ARGUMENT,
    OPENING,
    OWN,
    VARIABLES,
    WELL_FORMED_TEMPLATE,
    own_variables,
)
from canaryd.model.template import QueryTemplate, TemplateKind, TemplateRef
from canaryd.wire.notice import StatusPart
from canaryd.wire.rules import Rule, WireModel, distinct, matches
from canaryd.wire.sentences import sentences
from canaryd.wire.server import ClusterServerModel, ServerModel
from canaryd.wire.standing import ConditionStatus
from canaryd.wire.templated import ARGUMENT_NAMES, MOST_ARGUMENTS, Value
from canaryd.wire.watch import TemplateObject

ACCEPTED = "Accepted"
ASKED = (
    "The metrics server that is asked. Default: analysis.metricsServer of the Canary, or else that"
    " of the daemon."
)

TemplateQuery = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    matches(
        WELL_FORMED_TEMPLATE,
        "query has an unknown or unclosed {{ variable }}: there are "
        + ", ".join(VARIABLES)
        + " and variables.NAME for each of args",
    ),
]


class ArgumentModel(WireModel):
    """A variable of the template's own."""

    name: Annotated[
        str,
        Field(max_length=32),
        matches(ARGUMENT, f"must be {ARGUMENT_NAMES}"),
    ] = Field(
        description="The variable's name: the query says {{ variables.NAME }}."
        " At most 32 characters."
    )
    value: Value | None = Field(
        default=None,
        description="What it is where a Canary gives nothing. At most 512 characters."
        " Default: none, each Canary has to give it.",
    )
    description: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="What it means, for people. At most 512 characters."
    )


Type = Annotated[
    Literal["prometheus"],
    Field(description="Always prometheus: whatever speaks its HTTP API."),
]


class ProviderModel(ServerModel):
    """The metrics server that the query is for."""

    type: Type


class ClusterProviderModel(ClusterServerModel):
    """The metrics server that the query is for."""

    type: Type


class TemplateModel(WireModel):
    """A query that many Canaries share, but for where it is asked."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda spec: not spec.undeclared(),
            cel=f"self.query.replace(' ', '').split('{OPENING}').all(part,"
            f" !part.startsWith('{OWN}') || (has(self.args) && self.args.exists(a,"
            f" part.startsWith('{OWN}' + a.name + '}}}}'))))",
            message="query uses a {{ variables.NAME }} that args do not declare: add it to args",
        ),
    )
    description: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="What the number tells, for people. At most 1024 characters."
    )
    unit: Annotated[str, Field(max_length=32)] | None = Field(
        default=None,
        description="The number's unit, which stands behind it in sentences, like ms or messages."
        " At most 32 characters.",
    )
    args: Annotated[
        list[ArgumentModel],
        Field(max_length=MOST_ARGUMENTS),
        distinct("name", "args must have names of their own: rename one of those that are equal"),
    ] = Field(default=[], description="The template's own variables.")
    query: TemplateQuery = Field(
        description="PromQL that gives one number. Variables in the form {{ name }}:"
        f" {', '.join(VARIABLES)}, and {{{{ variables.NAME }}}} for each of args."
        " At most 4096 characters."
    )

    def undeclared(self) -> frozenset[str]:
        """Return the query's own variables that are not declared."""
        return own_variables(self.query) - {argument.name for argument in self.args}

    def template(self, ref: TemplateRef) -> QueryTemplate:
        """Return the template as the rest of the program knows it."""
        return QueryTemplate(
            ref=ref,
            query=self.query,
            unit=self.unit or "",
            description=self.description or "",
            arguments={argument.name: argument.value for argument in self.args},
            server=self.server(ref.namespace),
        )

    @abstractmethod
    def server(self, namespace: str) -> MetricsServer | None:
        """Return whom to ask about a template in `namespace`; None: the Canary's server."""


class AnalysisTemplateSpec(TemplateModel):
    """A query that many Canaries share."""

    provider: ProviderModel | None = Field(default=None, description=ASKED)

    @override
    def server(self, namespace: str) -> MetricsServer | None:
        return self.provider.server(namespace) if self.provider else None


class ClusterAnalysisTemplateSpec(TemplateModel):
    """A query that the Canaries of all namespaces share."""

    provider: ClusterProviderModel | None = Field(default=None, description=ASKED)

    @override
    def server(self, namespace: str) -> MetricsServer | None:
        return self.provider.server() if self.provider else None


SPECS: Mapping[TemplateKind, type[TemplateModel]] = {
    TemplateKind.NAMESPACED: AnalysisTemplateSpec,
    TemplateKind.CLUSTER: ClusterAnalysisTemplateSpec,
}


class TemplateStatus(StatusPart):
    """Whether the template can be used; written by canaryd alone."""

    observed_generation: int = Field(
        default=0, description="The template's generation that was last read."
    )
    conditions: Annotated[list[ConditionStatus], Field(max_length=10)] = Field(
        default=[], description="Accepted: whether Canaries can use it, and if not, why."
    )


def parse_template(obj: TemplateObject, kind: TemplateKind) -> QueryTemplate:
    """Read a template; raises ValueError with a sentence when it cannot be used."""
    ref = TemplateRef(kind, obj.metadata.namespace, obj.metadata.name)
    try:
        return SPECS[kind].model_validate_json(bytes(obj.spec)).template(ref)
    except ValidationError as error:
        raise ValueError("; ".join(sentences(error))) from error


def accepted(obj: TemplateObject) -> str | None:
    """Return what the condition Accepted says of this generation; None when nothing."""
    for condition in _status(obj).conditions:
        if condition.type == ACCEPTED and condition.observed_generation == obj.metadata.generation:
            return condition.status
    return None


def _status(obj: TemplateObject) -> TemplateStatus:
    try:
        return TemplateStatus.model_validate_json(bytes(obj.status))
    except ValidationError:
        return TemplateStatus()


def render_acceptance(
    obj: TemplateObject,
    refusal: str | None,
    now: datetime,
    *,
    reason: str | None = None,
    unknown: bool = False,
) -> dict[str, Any] | None:
    """Return the template's status if it is to change; `refusal` says why it cannot be used.

    `unknown` says that `refusal` is why nobody can tell.
    """
    status = "Unknown" if unknown else "True" if refusal is None else "False"
    before = _status(obj)
    known = next((one for one in before.conditions if one.type == ACCEPTED), None)
    same = known is not None and known.status == status
    condition = ConditionStatus(
        type=ACCEPTED,
        status=status,
        reason=reason or ("Usable" if refusal is None else "InvalidSpec"),
        message=refusal or "Canaries can use it.",
        last_transition_time=known.last_transition_time if known and same else now,
        observed_generation=obj.metadata.generation,
    )
    after = TemplateStatus(
        observed_generation=obj.metadata.generation,
        conditions=[condition, *(one for one in before.conditions if one.type != ACCEPTED)],
    )
    return None if after == before else after.model_dump(mode="json", by_alias=True)
