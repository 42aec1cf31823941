"""The `spec` of an AlertProvider as users write it, and its way into `model.provider`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationError

from canaryd.model.names import Key
from canaryd.model.provider import AlertProvider, ProviderType
from canaryd.model.snapshot import Problem
from canaryd.wire.canary import invalid_spec
from canaryd.wire.fields import ObjectName
from canaryd.wire.rules import Rule, WireModel, matches
from canaryd.wire.watch import ProviderObject

Address = Annotated[
    str,
    Field(max_length=2048),
    matches(r"https?://[^\s/]+(/\S*)?", "must be a URL that begins with http:// or https://"),
]


class SecretRef(WireModel):
    """A Secret in the provider's own namespace."""

    name: ObjectName = Field(
        description="The Secret's name. Its key address says where to send to; its key token, if"
        " any, is sent as a bearer token. At most 253 characters."
    )


class AlertProviderSpec(WireModel):
    """Where notices go, and in which form."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=lambda spec: (spec.address is None) != (spec.secret_ref is None),
            cel="has(self.address) != has(self.secretRef)",
            message="give either address or secretRef, not both",
        ),
        Rule(
            holds=lambda spec: spec.type == "slack" or not (spec.channel or spec.username),
            cel="self.type == 'slack' || !(has(self.channel) || has(self.username))",
            message="channel and username are for type slack: remove them",
        ),
    )
    type: Literal["slack", "webhook"] = Field(
        description="slack for a Slack incoming webhook, webhook for the notice as JSON."
    )
    address: Address | None = Field(
        default=None,
        description="The URL that notices are posted to, http or https. At most 2048 characters."
        " Either this or secretRef.",
    )
    channel: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        default=None,
        description="The Slack channel. At most 80 characters."
        " Default: what the webhook is made for.",
    )
    username: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        default=None,
        description="The name that Slack shows. At most 80 characters."
        " Default: what the webhook is made for.",
    )
    secret_ref: SecretRef | None = Field(
        default=None,
        description="The Secret with the keys address and, if wanted, token. Instead of address.",
    )


def parse_provider(obj: ProviderObject) -> AlertProvider | Problem:
    """Read an AlertProvider; what cannot be used is a Problem that names field and fix."""
    try:
        spec = AlertProviderSpec.model_validate_json(bytes(obj.spec))
    except ValidationError as error:
        return invalid_spec(error)
    return AlertProvider(
        key=Key(obj.metadata.namespace, obj.metadata.name),
        type=ProviderType(spec.type),
        address=spec.address,
        secret=spec.secret_ref.name if spec.secret_ref else None,
        channel=spec.channel,
        username=spec.username,
    )
