"""What a Secret says about reaching a metrics server: whom to be, and whom to trust.

Nothing of it may ever stand in words, logs or reprs.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from canaryd.model.errors import RefusedError
from canaryd.model.gates import MetricsServer
from canaryd.wire.server import LOGINS, is_reserved

CA, USERNAME, PASSWORD, TOKEN = "ca.crt", "username", "password", "token"
"""The keys of the Secret."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT = re.compile(r"[\t\x20-\x7e]*")
SHOWS = 8
"""A secret of so many characters cannot be part of a sane answer."""


@dataclass(frozen=True, slots=True)
class Login:
    """Headers to send, and the certificates (PEM) of who may have signed the server's."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    ca: str | None = field(default=None, repr=False)
    hidden: tuple[bytes, ...] = field(default=(), repr=False)
    """What must not be shown if the server should repeat it."""

    def hide(self, answer: bytes) -> bytes:
        """Blot the secrets out of an answer."""
        for secret in self.hidden:
            answer = answer.replace(secret, b"[hidden]")
        return answer

    def hiding(self, more: tuple[bytes, ...]) -> Login:
        """The same that hides these too; long ones first, as one may be a part of another."""
        both = {*self.hidden, *more}
        return replace(self, hidden=tuple(sorted(both, key=lambda text: (-len(text), text))))

    def trust(self, ca_file: str | None = None) -> ssl.SSLContext:
        """Whom to believe: the Secret's `ca.crt` alone, else that file, else as the system does.

        Raises RefusedError when the file cannot be used.
        """
        if self.ca:
            return _believing(self.ca, "the certificates of its authority")
        try:
            return ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            message = f"the file of certificates {ca_file} cannot be used: {error.strerror}"
            raise RefusedError(message) from error


ANONYMOUS = Login()


@dataclass(frozen=True, slots=True)
class Called:
    """What the parts of a login are called where somebody wrote them; words name them so."""

    header: str
    """A header; {} is its name."""
    instead: str
    """What to do instead of a login in a header."""
    token: str
    ca: str
    username: str = "--username"


def login_of(
    server: MetricsServer, secret: Mapping[str, str], called: Called | None = None
) -> Login:
    """Join what the spec and the Secret say; raises RefusedError naming the field or key.

    What was written elsewhere than in spec and Secret is `called` something else.
    """
    where = f"Secret {server.secret}"
    if called is None:
        header, instead = "metricsServer.headers[{}]", "put a login into the Secret"
        keys = (f"{where}: {key}" for key in (TOKEN, CA, USERNAME))
        called = Called(header, instead, *keys)
    headers = dict(server.headers)
    _check_headers(headers, called)
    if authorization := _authorization(secret, where, called):
        headers["Authorization"] = authorization
    ca = secret.get(CA)
    if ca is not None:
        _believing(ca, called.ca)
    encoded = (authorization or "").partition(" ")[2]
    texts = (secret[key] for key in (TOKEN, PASSWORD) if key in secret)
    return Login(headers, ca).hiding(worth_hiding(*texts, encoded))


def worth_hiding(*secrets: str) -> tuple[bytes, ...]:
    """Those to hide: a short one would be found in innocent text, and hiding it would show that."""
    return tuple(secret.encode() for secret in secrets if len(secret) >= SHOWS)


def basic(username: str, password: str, *, called: str) -> str:
    """Return the header Authorization; raises RefusedError that names what `called` says."""
    if ":" in username:
        message = f"{called} cannot be sent: a name cannot hold a colon; mend it"
        raise RefusedError(message)
    try:
        return "Basic " + b64encode(f"{username}:{password}".encode()).decode()
    except UnicodeEncodeError:
        message = f"{called}, or the password, is not text in UTF-8: mend it"
        raise RefusedError(message) from None


def _check_headers(headers: Mapping[str, str], called: Called) -> None:
    first: dict[str, str] = {}
    for name, value in headers.items():
        _check_header(name, value, called)
        if (other := first.setdefault(name.lower(), name)) != name:
            header = called.header.format(name)
            message = f"{header} is the same header as {other}, in other letters: keep one of them"
            raise RefusedError(message)


def _check_header(name: str, value: str, called: Called) -> None:
    lower = name.lower()
    if is_reserved(name):
        told = called.instead if lower in LOGINS else "remove it"
        message = f"{called.header.format(name)} is set by canaryd itself: {told}"
        raise RefusedError(message)
    if not _NAME.fullmatch(name) or not _TEXT.fullmatch(value):
        shown = called.header.format(repr(name))
        message = f"{shown} is not a header that HTTP can carry: mend it"
        raise RefusedError(message)


def _authorization(secret: Mapping[str, str], where: str, called: Called) -> str | None:
    token, username = secret.get(TOKEN), secret.get(USERNAME)
    if token is not None and username is not None:
        message = f"{where} has both {TOKEN} and {USERNAME}: keep one of them"
        raise RefusedError(message)
    if token is not None:
        if not token or not token.isascii() or not token.isprintable():
            message = f"{called.token} is empty or holds what a header cannot carry: mend it"
            raise RefusedError(message)
        return f"Bearer {token}"
    if username is not None:
        return basic(username, secret.get(PASSWORD, ""), called=called.username)
    if PASSWORD in secret:
        message = f"{where} has {PASSWORD} and no {USERNAME}: add it"
        raise RefusedError(message)
    return None


def _believing(ca: str, called: str) -> ssl.SSLContext:
    """Trust these alone; raises RefusedError. PEM is ASCII, what people write around it is not."""
    try:
        return ssl.create_default_context(cadata=ca.encode("ascii", "ignore").decode() or "none")
    except (ssl.SSLError, ValueError, TypeError):
        message = f"{called} holds no certificates in PEM form: mend it"
        raise RefusedError(message) from None
