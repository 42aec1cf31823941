"""How a command that has no cluster reaches a metrics server: its address, login and advice.

What the daemon reads from a Secret comes from files here; the login itself is the daemon's.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import overload

from canaryd.adapters.prometheus.login import (
    CA,
    PASSWORD,
    TOKEN,
    USERNAME,
    Called,
    Login,
    login_of,
)
from canaryd.adapters.prometheus.metrics import DEADLINE, PrometheusMetrics
from canaryd.adapters.prometheus.session import UNTRUSTED
from canaryd.cli.exits import Stop
from canaryd.cli.options import Access
from canaryd.model.errors import CanarydError
from canaryd.model.gates import MetricsServer
from canaryd.model.spec import Spec
from canaryd.ports import Clock

OPTION, FIELD = "--metrics-server", "spec.analysis.metricsServer"
EXAMPLE = f"{OPTION} http://localhost:9090"
LARGEST = 1 << 20
"""No file with a login or certificates has more bytes."""
_NONE = "gave no answer:"
"""So the adapter begins to say why; what stands elsewhere may be a server's own words."""
_SLOW = ("no whole answer within", "no answer within", "timed out")
LOGIN = "--bearer-token-file FILE, or --username NAME and --password-file FILE"


@dataclass(frozen=True, slots=True)
class Target:
    """The metrics server to ask, how to get in, and where its address was written."""

    address: str = field(repr=False)  # may hold a login
    login: Login
    access: Access
    written: str
    """The option or the field that names it; empty: none does."""
    delay: timedelta = timedelta()

    @asynccontextmanager
    async def opened(
        self, clock: Clock, *, deadline: timedelta = DEADLINE
    ) -> AsyncIterator[PrometheusMetrics]:
        """A client of it; ends the command when the address is none.

        After Ctrl-C nobody waits for a query that a server is still at.
        """
        try:
            client = PrometheusMetrics(
                self.address,
                clock=clock,
                counted=lambda _: None,
                deadline=deadline,
                login=self.login,
            )
        except CanarydError as error:
            message = f"{self.written or OPTION}: {error}"
            raise Stop(message) from error
        hurried = False
        try:
            yield client
        except CancelledError:
            hurried = True
            raise
        finally:
            if hurried:
                client.drop()
            else:
                await client.close()

    def advice(self, detail: str, *, spans: bool = False) -> str:
        """What to do about an answer that is none: the end of a sentence that tells the detail.

        `spans`: so much of the past was asked for that --last could be shorter.
        """
        told = self._about_connection(detail) or self._about_answer(detail, spans=spans)
        return f"; {told}" if told else ""

    def _about_connection(self, detail: str) -> str:
        """Where nobody was reached, or not with confidence."""
        if UNTRUSTED in detail:
            return self._about_certificate(detail)
        return self._about_address() if f"{_NONE} no connection" in detail else ""

    def _about_answer(self, detail: str, *, spans: bool) -> str:
        if _answered(detail, 401, 403):
            return self._about_login()
        if _answered(detail, 301, 302, 303, 307, 308) or "not JSON" in detail:
            return (
                "that may be a page to log in at: give the address of the API itself with "
                f"{OPTION}, and a login with {LOGIN}"
            )
        if _answered(detail, 404, 405):
            return f"{self._place} must end before /api/v1, like {self._example}"
        if _answered(detail, 504) or any(words in detail for words in _SLOW):
            return "the server is slow: try later" + (", or a shorter --last" if spans else "")
        if f"{_NONE} the answer is larger than" in detail:
            return (
                "that is more than the pods of one Canary have: check that the server of "
                f"{self._place} is the right one"
            )
        if f"{_NONE} the answer was cut off, or no HTTP" in detail:
            return f"check port and scheme (http or https) of {self._place}"
        return ""

    @property
    def _place(self) -> str:
        """Where the address stands, or would."""
        return f"{FIELD}.address" if self.written == FIELD else OPTION

    @property
    def _example(self) -> str:
        return "address: http://prometheus:9090" if self.written == FIELD else EXAMPLE

    def _about_certificate(self, detail: str) -> str:
        if "expired" in detail:
            return "it has to be renewed where the server runs"
        if "not valid for" in detail:
            return f"give an address with a name that stands in the certificate, with {OPTION}"
        if self.access.ca_file is not None:
            return f"{self.access.ca_file} of --ca-file is not the authority that signed it"
        return "give --ca-file FILE with the authority that signed it"

    def _about_login(self) -> str:
        login = [name for name in self.access.options if name not in {"--header", "--ca-file"}]
        if login:
            return (
                f"it does not accept what {' and '.join(login)} gave: check that it is still "
                "valid and allowed to query; a tenant is given with --header 'X-Scope-OrgID: team'"
            )
        return f"give a login with {LOGIN}; a tenant with --header 'X-Scope-OrgID: team'"

    def _about_address(self) -> str:
        if self.written == OPTION:
            return f"look whether the address in {OPTION} is right, and reached from here"
        if self.written == FIELD:
            return (
                f"the address is that of {FIELD}, which may be known in the cluster only: forward "
                f"a port to it and give {OPTION}, like {EXAMPLE}"
            )
        return f"give its address with {OPTION}, like {EXAMPLE}"


def _answered(detail: str, *statuses: int) -> bool:
    return any(f"answered {status}" in detail for status in statuses)


@overload
def server_of(spec: Spec, address: str | None, access: Access, *, otherwise: str) -> Target: ...


@overload
def server_of(spec: Spec, address: str | None, access: Access) -> Target | None: ...


def server_of(
    spec: Spec, address: str | None, access: Access, *, otherwise: str | None = None
) -> Target | None:
    """The server at that address, else the Canary's own, else `otherwise`; None: none is named.

    Ends the command where a file cannot be used, or where the Canary's login is in a Secret and
    none was given. Headers are those of the Canary only for the Canary's own server.
    """
    named = spec.analysis.server
    delay = named.delay if named else timedelta()
    if address is None and named is not None:
        if named.secret is not None and not _lets_in(access):
            message = (
                f"{FIELD}.secretRef: the login is in Secret {named.secret}, which is not read "
                f"without a cluster: give it with {LOGIN}; --ca-file FILE is for its ca.crt"
            )
            raise Stop(message)
        login = login_from(access, named.headers)
        return Target(named.address, login, access, FIELD, delay)
    chosen = otherwise if address is None else address
    if chosen is None:
        return None
    return Target(chosen, login_from(access), access, OPTION if address is not None else "", delay)


def login_from(access: Access, headers: Mapping[str, str] | None = None) -> Login:
    """The login that options say, with these headers besides; ends the command when it is none."""
    called = Called(
        header="--header {}",
        instead=f"give {LOGIN}",
        token=f"--bearer-token-file {access.bearer_token_file}",
        ca=f"--ca-file {access.ca_file}",
    )
    own = Counter(name.lower() for name, _ in access.headers)
    twice = next((name for name, times in own.items() if times > 1), None)
    if twice is not None:
        message = f"--header {twice} is given more than once: give each header once"
        raise Stop(message)
    kept = {name: text for name, text in (headers or {}).items() if name.lower() not in own}
    files = {
        TOKEN: ("--bearer-token-file", "the token", access.bearer_token_file),
        PASSWORD: ("--password-file", "the password", access.password_file),
        CA: ("--ca-file", "certificates in PEM form", access.ca_file),
    }
    secret = {
        key: (_line if key == PASSWORD else str.strip)(_read(option, what, path))
        for key, (option, what, path) in files.items()
        if path is not None
    }
    if access.username is not None:
        secret[USERNAME] = access.username
    try:
        return login_of(MetricsServer("", None, kept | dict(access.headers)), secret, called)
    except CanarydError as error:
        raise Stop(str(error)) from error


def _lets_in(access: Access) -> bool:
    """Whether anything is given of what Secrets hold."""
    return bool(set(access.options) - {"--header"})


def _line(text: str) -> str:
    """Without the end of its last line; blanks may belong to a password."""
    return text.removesuffix("\n").removesuffix("\r")


def _read(option: str, what: str, path: str) -> str:
    """The text of a file, which is more than blanks; never shown in words."""
    try:
        with Path(path).open("rb") as opened:
            content = opened.read(LARGEST + 1)
        text = content.decode()
    except UnicodeDecodeError:
        wrong = "holds no text"
    except OSError as error:
        wrong = f"cannot be read ({error.strerror})"
    else:
        if text.strip() and len(content) <= LARGEST:
            return text
        wrong = "is empty" if not text.strip() else f"is larger than {LARGEST >> 20} MiB"
    message = f"{option} {path} {wrong}: it has to hold {what}"
    raise Stop(message)
