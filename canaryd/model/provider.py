"""Who can be told about a release: a parsed AlertProvider."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from canaryd.model.names import Key


class ProviderType(Enum):
    """In which form a receiver wants its notices."""

    SLACK = "slack"
    WEBHOOK = "webhook"


ADDRESS_KEY = "address"
TOKEN_KEY = "token"  # noqa: S105 - the name of a Secret's key
"""The keys of a provider's Secret: where to send to, and an optional bearer token."""


@dataclass(frozen=True, slots=True)
class AlertProvider:
    """One receiver; its address stands here or, with an optional token, in the Secret `secret`."""

    key: Key
    type: ProviderType
    address: str | None = None
    secret: str | None = None
    """The name of a Secret in the provider's own namespace."""
    channel: str | None = None
    username: str | None = None
