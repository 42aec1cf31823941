"""A metrics server as users name it, and its way into `model.gates`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.wire.fields import Label, ObjectName, duration_of, parse_duration
from canaryd.wire.rules import Rule, WireModel, matches

_LOGIN = r"^[a-z]+://[^/?#]*@"
ADDED = r"/api/v1(/(query|query_range))?/*$"
"""What stands at an address' end that canaryd adds itself."""
LOGINS = ("authorization", "proxy-authorization")
"""Headers with a login, in small letters."""
_KEPT = (*LOGINS, "host", "connection", "transfer-encoding", "accept-encoding")
_BODY = "content-"
_KEPT_NAMES = ", ".join(f"'{name}'" for name in _KEPT)


def is_reserved(header: str) -> bool:
    """Whether canaryd sets that header itself, or takes it from a Secret only."""
    lower = header.lower()
    return lower in _KEPT or lower.startswith(_BODY)


LOGIN = (
    "The Secret's name. It holds either the key token, sent as a bearer token, or the keys username"
    " and password; and ca.crt, in PEM form, if the server's certificate is of an authority of its"
    " own. At most 253 characters."
)
ServerAddress = Annotated[
    str,
    Field(max_length=2048),
    Rule(
        holds=lambda text: not re.match(_LOGIN, text),
        cel=f"!self.matches(r'{_LOGIN}')",
        message="has a login in it: put username and password into a Secret, and name that in"
        " secretRef",
    ),
    Rule(
        holds=lambda text: not re.search(ADDED, text),
        cel=f"!self.matches(r'{ADDED}')",
        message="must end before /api/v1, which canaryd adds itself, like http://prometheus:9090",
    ),
    matches(
        r"https?://[^\s/?#]+(/[^\s?#]*)?",
        "must be a URL like http://prometheus:9090 that begins with http:// or https://,"
        " without ? and #",
    ),
]
Headers = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=1024)]],
    Field(max_length=10),
    Rule(
        holds=lambda headers: all(re.fullmatch(r"[A-Za-z0-9-]{1,64}", name) for name in headers),
        cel="self.all(name, name.matches('^[A-Za-z0-9-]{1,64}$'))",
        message="headers must have names of letters, digits and '-', like X-Scope-OrgID",
    ),
    Rule(
        holds=lambda headers: not any(map(is_reserved, headers)),
        cel=f"self.all(name, !(name.lowerAscii() in [{_KEPT_NAMES}])"
        f" && !name.lowerAscii().startsWith('{_BODY}'))",
        message="headers must not set Authorization, put the login into a Secret and name that in"
        " secretRef; nor Host, Content-*, Connection, Transfer-Encoding or Accept-Encoding, which"
        " canaryd sets itself",
    ),
    Rule(
        holds=lambda headers: all(
            re.fullmatch(r"[\x20-\x7e]*", value) for value in headers.values()
        ),
        cel="self.all(name, self[name].matches(r'^[\\x20-\\x7e]*$'))",
        message="headers must have values of printable ASCII characters",
    ),
]
Delay = Annotated[str, Field(max_length=32), duration_of("0s", "10m")]


class LoginRef(WireModel):
    """The Secret with the login, in the namespace of the object that names it."""

    name: ObjectName = Field(description=LOGIN)


class ClusterLoginRef(WireModel):
    """The Secret with the login, for an object that belongs to no namespace."""

    name: ObjectName = Field(description=LOGIN)
    namespace: Label = Field(description="The Secret's namespace. At most 63 characters.")


class Reached(WireModel):
    """Where a metrics server is that speaks Prometheus' HTTP API, and how to ask it."""

    address: ServerAddress = Field(
        description="Where it is: a URL, http or https, as far as before /api/v1, without a login."
        " At most 2048 characters."
    )
    headers: Headers = Field(
        default={},
        description="Headers that are sent with each query, like X-Scope-OrgID; no logins."
        " At most 10.",
    )
    delay: Delay = Field(
        default="0s",
        description="How much later than scraped its samples can be asked for; 30s behind remote"
        " write. A duration of 0s to 10m.",
    )

    def reached(self, secret: Key | None) -> MetricsServer:
        """Return the server as the rest of the program knows it, with the place of its login."""
        return MetricsServer(self.address, secret, self.headers, parse_duration(self.delay))


class ServerModel(Reached):
    """A metrics server, with its login in the namespace of the object that names it."""

    secret_ref: LoginRef | None = Field(
        default=None,
        description="The Secret with the login, in this object's namespace. Default: no login.",
    )

    def server(self, namespace: str) -> MetricsServer:
        """Return the server of an object in `namespace`."""
        return self.reached(Key(namespace, self.secret_ref.name) if self.secret_ref else None)


class ClusterServerModel(Reached):
    """A metrics server, with its login in a namespace that is named."""

    secret_ref: ClusterLoginRef | None = Field(
        default=None, description="The Secret with the login. Default: no login."
    )

    def server(self) -> MetricsServer:
        """Return the server of an object that belongs to no namespace."""
        secret = self.secret_ref
        return self.reached(Key(secret.namespace, secret.name) if secret else None)
