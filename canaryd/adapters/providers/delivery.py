"""How notices are posted: one shared HTTP session, hard limits, no secret in any word.

An answer is translated here, once, into the tree of `model.errors`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from canaryd.model.errors import RefusedError, ThrottledError, UnreachableError
from canaryd.ports import Clock

TIMEOUT = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=10)
_DEFAULT_PAUSE = timedelta(seconds=30)
_HOPS = 3
_WORDS = 200
_KEPT_METHOD = {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}


def open_session(*, connections: int = 20, per_host: int = 4) -> aiohttp.ClientSession:
    """Make the one session that all providers share; close it at the end."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, limit_per_host=per_host),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT.total_seconds()),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "canaryd"},
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: str | None
    location: str | None
    text: str


class Mailbox:
    """One receiver's address, which is a secret, and how to post to it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: str,
        *,
        clock: Clock,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        """Raises RefusedError when the address is none; the words do not show it."""
        self._session = session
        self._clock = clock
        self._seconds = timeout.total_seconds()
        try:
            self._url = URL(address.strip())
            usable = self._url.scheme in {"http", "https"} and bool(self._url.host)
        except ValueError:
            usable = False
        if not usable:
            raise RefusedError("the receiver's address is not an http:// or https:// address")
        self.shown = f"{self._url.scheme}://{self._url.host}"

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Deliver; raises ThrottledError, UnreachableError or RefusedError."""
        answer = await self._follow(body, {"Content-Type": "application/json", **(headers or {})})
        status = answer.status
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        said = f"{self.shown} answered {status}"
        broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if status == HTTPStatus.TOO_MANY_REQUESTS or (broken and answer.retry_after is not None):
            raise ThrottledError(said, retry_after=self._pause(answer.retry_after))
        if broken or status == HTTPStatus.REQUEST_TIMEOUT:
            raise UnreachableError(said)
        if status < HTTPStatus.BAD_REQUEST:
            message = f"{said}, a redirect that is not followed: set the final address"
            raise RefusedError(message)
        raise RefusedError(f"{said}: {answer.text}" if answer.text else said)

    async def _follow(self, body: bytes, headers: Mapping[str, str]) -> _Answer:
        url = self._url
        for _ in range(_HOPS):
            answer = await self._send(url, body, headers)
            onward = self._onward(url, answer)
            if onward is None:
                return answer
            url = onward
        message = f"{self.shown} redirects in circles"
        raise RefusedError(message)

    def _onward(self, url: URL, answer: _Answer) -> URL | None:
        """Return where to post again: only to the same host, never from https to http."""
        if answer.status not in _KEPT_METHOD or answer.location is None:
            return None
        try:
            onward = url.join(URL(answer.location))
        except ValueError:
            return None
        same = onward.host == self._url.host and onward.port == url.port
        secured = onward.host == self._url.host and onward.scheme == "https"
        return onward if secured or (same and onward.scheme == url.scheme) else None

    async def _send(self, url: URL, body: bytes, headers: Mapping[str, str]) -> _Answer:
        try:
            async with self._session.post(
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._seconds),
            ) as response:
                text = (await response.content.read(_WORDS)).decode(errors="replace")
                return _Answer(
                    status=response.status,
                    retry_after=response.headers.get("Retry-After"),
                    location=response.headers.get("Location"),
                    text=self._harmless(text),
                )
        except TimeoutError as error:
            message = f"{self.shown} did not answer within {self._seconds:g} s"
            raise UnreachableError(message) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The foreign error may spell the address out: only its kind is told.
            message = f"{self.shown} cannot be reached ({type(error).__name__})"
            raise UnreachableError(message) from None

    def _harmless(self, text: str) -> str:
        """Make a receiver's words fit to be shown, even when they repeat the address."""
        line = "".join(char if char.isprintable() else " " for char in text).strip()
        for secret in (str(self._url), self._url.raw_path_qs, self._url.password or ""):
            if len(secret) > 1:
                line = line.replace(secret, "***")
        return line

    def _pause(self, text: str | None) -> timedelta:
        wished = _retry_after(text, self._clock.now()) if text else None
        pause = _DEFAULT_PAUSE if wished is None else wished
        return min(max(pause, timedelta(seconds=1)), LONGEST_PAUSE)


def _retry_after(text: str, now: datetime) -> timedelta | None:
    """Read seconds or an HTTP date."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        return None if at.tzinfo is None else at - now
    if not math.isfinite(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_PAUSE.total_seconds()))
