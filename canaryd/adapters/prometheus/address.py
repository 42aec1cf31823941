"""A metrics server's address taken apart: what of it may be shown, and the login in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from canaryd.adapters.prometheus.login import basic, worth_hiding
from canaryd.model.errors import RefusedError
from canaryd.wire.server import ADDED

NO_ADDRESS = (
    "the metrics server's address is not an http:// or https:// address, like"
    " http://prometheus:9090"
)
_TOO_MUCH = (
    "the metrics server's address goes on after ? or #: end it before, as far as before /api/v1;"
    " a login with such characters is written with %3F and %23"
)
_GOES_ON = (
    "the metrics server's address ends with what canaryd adds itself: end it before /api/v1, like"
    " http://prometheus:9090"
)
_NAME = "the name before @ in the metrics server's address"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a metrics server is; nothing but `authorization` and `hidden` tells the login."""

    scheme: str
    host: str
    """As a URL has it: an IPv6 address in brackets."""
    port: int | None
    path: str
    authorization: str | None = field(default=None, repr=False)
    hidden: tuple[bytes, ...] = field(default=(), repr=False)
    """What must not be shown if the server should repeat it."""

    @property
    def shown(self) -> str:
        """As words name the server."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


def address_of(text: str) -> Address:
    """Take an address apart; raises RefusedError that says what is wrong without showing it."""
    if "?" in text or "#" in text:
        raise RefusedError(_TOO_MUCH)
    parts, port = _split(text)
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    if re.search(ADDED, path):
        raise RefusedError(_GOES_ON)
    if parts.username is None:
        return Address(parts.scheme, bracketed, port, path)
    password = unquote(parts.password or "")
    authorization = basic(unquote(parts.username), password, called=_NAME)
    hidden = worth_hiding(password, authorization.partition(" ")[2])
    return Address(parts.scheme, bracketed, port, path, authorization, hidden)


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        text.encode()
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise RefusedError(NO_ADDRESS) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise RefusedError(NO_ADDRESS)
    return parts, port
