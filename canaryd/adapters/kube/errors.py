"""Turns the API server's refusals into `model.errors`; the one place that knows status codes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

import msgspec

from canaryd.adapters.kube.kinds import Call
from canaryd.model.errors import (
    CanarydError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)

_LONGEST_PAUSE = 60
_NO_ROUTE = b"404 page not found"
_UNEXPLAINED = "error in our request"
_SECONDS = re.compile(r"\s*([0-9]{1,9})\s*")
"""What the API server's Retry-After is: never a date."""
_USER = re.compile(r'User "([^"]+)"')
Lacking = Callable[[Call, str], str]
"""Says, of a call that is forbidden to this user, which right is missing and where to give it."""


class ExpiredError(TransientError):
    """The resourceVersion or continue token is too old (410): list anew."""


class ExistsError(ConflictError):
    """An object of this name is there already."""


_PLAIN: dict[int, type[CanarydError]] = {
    HTTPStatus.BAD_REQUEST: RefusedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.METHOD_NOT_ALLOWED: RefusedError,
    HTTPStatus.NOT_ACCEPTABLE: RefusedError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: ExpiredError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RefusedError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: RefusedError,
    HTTPStatus.UNPROCESSABLE_ENTITY: RefusedError,
}
"""What a status means when nothing but its number tells; all others may pass by themselves."""


class _Cause(msgspec.Struct):
    message: str = ""


class _Details(msgspec.Struct, rename="camel"):
    causes: list[_Cause] = []
    retry_after_seconds: int = 0


class Status(msgspec.Struct):
    """A Kubernetes `Status`: why something was refused."""

    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None

    @property
    def words(self) -> str:
        """The message with its causes, which often say more."""
        causes = [c.message for c in (self.details.causes if self.details else []) if c.message]
        return "; ".join([self.message, *(c for c in causes if c not in self.message)])


def own_role(call: Call, user: str) -> str:
    """Say which right the daemon lacks."""
    return (
        f"{call.permission} is forbidden for {user};"
        f" allow the verb {call.verb} on {call.resource} in its role (deploy/base/rbac.yaml)"
    )


def translate(
    call: Call,
    code: int,
    body: bytes,
    retry_after: str | None = None,
    lacking: Lacking = own_role,
) -> CanarydError:
    """Say what an answer that is no success means."""
    status = _status(body)
    if code == HTTPStatus.TOO_MANY_REQUESTS:  # the throttle answers in plain text, too
        pause = _pause(status, retry_after)
        return ThrottledError(call.says("the API server asks for a pause"), retry_after=pause)
    if status is not None:
        return refusal(call, status, code, lacking)
    if code == HTTPStatus.NOT_FOUND and body.startswith(_NO_ROUTE):
        return NotFoundError(call.says("the API server does not know this kind"))
    return UnreachableError(call.says(f"status {code} with {excerpt(body)}"))


def refusal(call: Call, status: Status, code: int = 0, lacking: Lacking = own_role) -> CanarydError:
    """Say what a `Status` means, be it an answer or an ERROR event of a watch."""
    code = code or status.code
    words = call.says(status.words)
    match code:
        case HTTPStatus.FORBIDDEN:
            return ForbiddenError(_forbidden(call, status, lacking))
        case HTTPStatus.UNAUTHORIZED:
            return UnreachableError(call.says("the API server does not accept the credentials"))
        case HTTPStatus.CONFLICT if status.reason == "AlreadyExists":
            return ExistsError(words)
        case HTTPStatus.UNPROCESSABLE_ENTITY if _failed_test(call, status):
            return ConflictError(words)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return ThrottledError(words, retry_after=_pause(status, None))
        case _:
            return _PLAIN.get(code, UnreachableError)(words)


def excerpt(body: bytes) -> str:
    """The beginning of an answer that was not understood."""
    text = " ".join(body[:200].decode(errors="replace").split())
    return f"“{text[:80]}”" if text else "an empty body"


def _status(body: bytes) -> Status | None:
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        return None
    return status if status.kind == "Status" else None


def _failed_test(call: Call, status: Status) -> bool:
    """Tell a JSON patch that does not fit (a `test` that fails, a path that is not there).

    The API server (1.34) names no cause then; an object that is invalid it always explains.
    """
    return call.verb == "patch" and _UNEXPLAINED in status.words


def _forbidden(call: Call, status: Status, lacking: Lacking) -> str:
    user = _USER.search(status.message)
    if user is None:  # an admission plugin's refusal: its own words are all there is
        return call.says(f"forbidden: {status.words}")
    return lacking(call, user[1])


def _pause(status: Status | None, header: str | None) -> timedelta:
    seconds = int(found[1]) if header and (found := _SECONDS.fullmatch(header)) else 0
    if not seconds and status and status.details:
        seconds = status.details.retry_after_seconds
    return timedelta(seconds=min(max(seconds, 1), _LONGEST_PAUSE))
