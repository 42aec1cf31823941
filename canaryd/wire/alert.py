"""Who is told about a Canary, on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from canaryd.model.names import Key
from canaryd.model.spec import Alert, Severity
from canaryd.wire.fields import Label, ObjectName
from canaryd.wire.rules import WireModel


class ProviderRef(WireModel):
    """An AlertProvider."""

    name: ObjectName = Field(description="The AlertProvider's name. At most 253 characters.")
    namespace: Label | None = Field(
        default=None,
        description="The AlertProvider's namespace. At most 63 characters."
        " Default: the Canary's namespace.",
    )


class AlertModel(WireModel):
    """Who is told about this Canary, and how much."""

    name: Label = Field(
        description="The alert's name, unique in this Canary. At most 63 characters."
    )
    severity: Literal["info", "warn", "error"] = Field(
        default="info", description="The least severity that is told: info, warn or error."
    )
    provider_ref: ProviderRef = Field(description="The AlertProvider that delivers.")

    def alert(self, namespace: str) -> Alert:
        """Return the alert as the rest of the program knows it."""
        key = Key(self.provider_ref.namespace or namespace, self.provider_ref.name)
        return Alert(self.name, Severity(self.severity), key)
