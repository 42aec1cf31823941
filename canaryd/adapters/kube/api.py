"""The request layer: bytes in, bytes out, over the ApiClient's session; raises only `model.errors`.

Every request has a total deadline, an explicit content type and a size cap. None is repeated here;
aiohttp sends a GET, PUT or DELETE once more when a kept connection turns out to be closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import aiohttp

from canaryd.adapters.kube.connect import Connection
from canaryd.adapters.kube.errors import Lacking, excerpt, own_role, translate
from canaryd.adapters.kube.kinds import JSON, METHODS, Call
from canaryd.adapters.kube.library import ConfigException
from canaryd.model.errors import CanarydError, UnreachableError

Observe = Callable[[str, str, str], None]
"""Told of every request: verb, kind, and `ok` or the name of its error."""

_MIB = 1 << 20
_REFUSAL_SIZE = _MIB
_OK = range(200, 300)
_UNAUTHORIZED = 401


def _user_agent() -> str:
    try:
        return f"canaryd/{version('canaryd')}"
    except PackageNotFoundError:
        return "canaryd/unknown"


def _nobody(verb: str, kind: str, outcome: str) -> None:
    """Nobody counts."""


class Api:
    """Asks the API server. `timeout` is a request's, and a watch's until it is open.

    `lacking` says to whoever asks which right is missing.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        timeout: timedelta = timedelta(seconds=10),
        largest: int = 64 * _MIB,
        observe: Observe = _nobody,
        lacking: Lacking = own_role,
    ) -> None:
        self._observe = observe
        self._client = connection.client
        self._expire = connection.expire
        self._timeout = timeout.total_seconds()
        self._largest = largest
        self._lacking = lacking
        rest = self._client.rest_client
        self._session: aiohttp.ClientSession = rest.pool_manager
        # Without this every request walks os.environ for proxies and reads ~/.netrc.
        self._session._trust_env = False  # noqa: SLF001 - there is no public way after its making
        self._fixed: dict[str, Any] = {"allow_redirects": False, "timeout": _NO_DEADLINE_OF_ITS_OWN}
        if rest.proxy:
            self._fixed |= {"proxy": rest.proxy, "proxy_headers": rest.proxy_headers}
        if rest.server_hostname:
            self._fixed["server_hostname"] = rest.server_hostname
        self._user_agent = _user_agent()

    async def send(
        self,
        call: Call,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: timedelta | None = None,  # noqa: ASYNC109 - a request's deadline is part of it
    ) -> bytes:
        """Ask, and return the whole answer, which is JSON and a success."""
        seconds = timeout.total_seconds() if timeout else self._timeout
        with self._counted(call), _translated(call):
            async with asyncio.timeout(seconds):
                async with await self._open(call, query, body, content_type) as response:
                    return await self._read(call, response, self._largest)

    @asynccontextmanager
    async def stream(
        self, call: Call, *, query: Mapping[str, str], ends_after: timedelta
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """Open an answer that goes on, at most for `ends_after`; it is closed with the block."""
        with _translated(call):
            async with asyncio.timeout(ends_after.total_seconds()):
                with self._counted(call), _translated(call):
                    async with asyncio.timeout(self._timeout):
                        response = await self._open(call, query, None, JSON)
                try:
                    _keep_alive(response)
                    yield response.content
                finally:
                    _drop(response)

    @contextmanager
    def _counted(self, call: Call) -> Iterator[None]:
        """Count what is asked by how it ends; of what goes on, whether it was opened."""
        try:
            yield
        except CanarydError as error:
            outcome = type(error).__name__.removesuffix("Error").lower()
            self._observe(call.verb, call.kind, outcome)
            raise
        self._observe(call.verb, call.kind, "ok")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.close()
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next round

    async def _open(
        self, call: Call, query: Mapping[str, str] | None, body: bytes | None, content_type: str
    ) -> aiohttp.ClientResponse:
        headers = {
            "Accept": JSON,
            # Within a cluster bytes are cheaper than both sides' time to squeeze them.
            "Accept-Encoding": "identity",
            "User-Agent": self._user_agent,
        }
        if body is not None:
            headers["Content-Type"] = content_type
        await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        basic = self._client.configuration.username
        if basic and "authorization" not in headers:
            headers["authorization"] = self._client.configuration.get_basic_auth_token()
        response = await self._session.request(
            METHODS[call.verb],
            f"{self._client.configuration.host}{call.path}",
            params=query,
            data=body,
            headers=headers,
            **self._fixed,
        )
        try:
            await self._check(call, response)
        except BaseException:
            response.close()
            raise
        return response

    async def _check(self, call: Call, response: aiohttp.ClientResponse) -> None:
        if response.status == _UNAUTHORIZED:
            self._expire()
        if response.status not in _OK:
            body = await self._read(call, response, _REFUSAL_SIZE)
            pause = response.headers.get("Retry-After")
            raise translate(call, response.status, body, pause, self._lacking)
        if response.content_type != JSON:
            start = await response.content.read(200)
            words = f"the answer is {response.content_type}, not JSON: {excerpt(start)}"
            raise UnreachableError(call.says(words))

    async def _read(self, call: Call, response: aiohttp.ClientResponse, largest: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > largest:
                response.close()
                raise UnreachableError(call.says(f"an answer of more than {largest >> 20} MiB"))
            parts.append(part)
        return b"".join(parts)


_NO_DEADLINE_OF_ITS_OWN = aiohttp.ClientTimeout(total=None)
"""Deadlines are `asyncio.timeout`s around everything: aiohttp's leave the body of a stream out."""


@contextmanager
def _translated(call: Call) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise UnreachableError(call.says("the API server did not answer in time")) from error
    except (aiohttp.ClientError, OSError, ConfigException) as error:
        words = str(error) or type(error).__name__
        raise UnreachableError(call.says(f"the API server cannot be reached: {words}")) from error


def _drop(response: aiohttp.ClientResponse) -> None:
    """Close an answer that goes on, without TLS's farewell: a silent side keeps that waiting.

    One that has ended gave its connection back, which may be another request's by now.
    """
    if transport := _transport(response):
        transport.abort()
    response.close()


def _transport(response: aiohttp.ClientResponse) -> asyncio.Transport | None:
    return response.connection.transport if response.connection else None


def _keep_alive(response: aiohttp.ClientResponse) -> None:
    """Let the kernel find out within a minute when the other side of a quiet watch is gone."""
    transport = _transport(response)
    sock = transport.get_extra_info("socket") if transport else None
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
