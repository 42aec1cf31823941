"""The requests.Session that prometheus-api-client is handed: one urllib3 pool, hard limits.

A form POST, one deadline for the whole exchange (a server that drips is cut off), a cap on the
answer's size; no environment, no retries, no redirects. It must never show a login in words.
"""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Mapping
from functools import partial
from http.client import HTTPException, HTTPResponse
from socket import SocketIO, socket
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import orjson
import urllib3
from typing_extensions import Buffer, override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from canaryd.adapters.prometheus.address import NO_ADDRESS, address_of
from canaryd.adapters.prometheus.login import ANONYMOUS, Login
from canaryd.model.errors import RefusedError

MAX_BYTES = 8 << 20
"""No sane answer to one of our queries is larger."""

LONGEST_TYPE = 100
UNTRUSTED = "its certificate is not trusted"
"""So words say it whose server may be another one."""


class TransportError(Exception):
    """No whole HTTP answer came; the text says why."""


class TooLateError(TransportError):
    """The server took the query, and its answer was not whole in time; the text says so."""


class TooLargeError(TransportError):
    """The answer is larger than anybody may send us; the text says so."""


class _TimedReader(io.RawIOBase):
    """Reads a socket until an instant, however slowly the bytes come."""

    def __init__(self, sock: socket, raw: SocketIO, end: float) -> None:
        self._sock = sock
        self._raw = raw
        self._end = end

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(memoryview(buffer))

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An http.client response whose every read, headers too, ends at an instant."""

    def __init__(self, sock: socket, *args: Any, end: float, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        raw = sock.makefile("rb", buffering=0)
        self.fp = io.BufferedReader(_TimedReader(sock, raw, end))


class _Timed(HTTPConnection):
    """Turns the time that is left when a request was sent into an instant."""

    @override
    def getresponse(self) -> Any:
        left = self.timeout if isinstance(self.timeout, int | float) else 0.0
        self.response_class = partial(_TimedResponse, end=time.monotonic() + left)  # type: ignore[assignment]
        return super().getresponse()


class _TimedTLS(_Timed, HTTPSConnection):
    """The same over TLS."""


class Reply:
    """What a requests.Response would be to prometheus-api-client."""

    __slots__ = ("content", "content_type", "status_code")

    def __init__(self, status_code: int, content_type: str, content: bytes) -> None:
        self.status_code = status_code
        self.content_type = content_type
        self.content = content

    @property
    def ok(self) -> bool:
        """As requests has it."""
        return self.status_code < 400  # noqa: PLR2004 - HTTP

    def json(self) -> Any:  # noqa: ANN401
        """Decode the body; raises ValueError when it is not JSON."""
        return orjson.loads(self.content)


class Server:
    """One metrics server: its address without the login, and the connections to it."""

    def __init__(
        self,
        address: str,
        *,
        connections: int,
        ca_file: str | None = None,
        login: Login = ANONYMOUS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """A login given here goes before one in the address; raises RefusedError."""
        where = address_of(address)
        self.shown = where.shown
        self.url = self.shown + where.path
        self.max_bytes = max_bytes
        own = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Encoding": "gzip",
            "User-Agent": "canaryd",
        }
        if where.authorization is not None:
            own["Authorization"] = where.authorization
        given = {name.lower() for name in login.headers}
        self.headers = {name: text for name, text in own.items() if name.lower() not in given}
        self.headers.update(login.headers)
        self.hide = login.hiding(where.hidden).hide
        trust = login.trust(ca_file) if where.scheme == "https" else None
        try:
            self.pool = self._connections(where.host, where.port, connections, trust)
            self.pool.host.encode("idna")  # as the name is looked up: `a..b` is no name
        except (HTTPError, ValueError):
            raise RefusedError(NO_ADDRESS) from None

    @staticmethod
    def _connections(
        host: str, port: int | None, most: int, trust: ssl.SSLContext | None
    ) -> urllib3.HTTPConnectionPool:
        pool: urllib3.HTTPConnectionPool
        if trust is not None:
            pool = urllib3.HTTPSConnectionPool(
                host, port, maxsize=most, block=True, retries=False, ssl_context=trust
            )
            pool.ConnectionCls = cast("Any", _TimedTLS)
        else:
            pool = urllib3.HTTPConnectionPool(host, port, maxsize=most, block=True, retries=False)
            pool.ConnectionCls = cast("Any", _Timed)
        return pool

    def close(self) -> None:
        """Close idle connections; busy ones end by their deadline."""
        self.pool.close()


class Exchange:
    """One query's requests.Session: sends one request and keeps the whole answer, as it came.

    The client hands on nothing but `data.result`; warnings and error words are read from `reply`.
    """

    verify = True
    cert = None

    def __init__(self, server: Server, deadline: float) -> None:
        self._server = server
        self._deadline = deadline
        self.proxies: dict[str, str] = {}
        self.reply: Reply | None = None
        self.took = 0.0
        """Seconds from sending to the end of the answer, or of waiting for it."""

    def mount(self, prefix: str, adapter: object) -> None:
        """Ignore the client's retrying adapter."""

    def close(self) -> None:
        """Keep the shared connections."""

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> Reply:
        """Send `params` as a form; raises TransportError and nothing else."""
        begun = time.monotonic()
        end = begun + self._deadline
        try:
            response = self._server.pool.urlopen(
                method,
                urlsplit(url).path,
                body=urlencode(params),
                headers={**self._server.headers, **(headers or {})},
                timeout=urllib3.Timeout(total=self._deadline),
                preload_content=False,
                redirect=False,
                retries=False,
            )
            body = self._server.hide(self._read(response, end))
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            late = isinstance(error, TimeoutError | ReadTimeoutError)
            raise (TooLateError if late else TransportError)(self._words(error)) from error
        finally:
            self.took = time.monotonic() - begun
        kind = response.headers.get("Content-Type", "")[:LONGEST_TYPE].encode(errors="replace")
        shown = "".join(filter(str.isprintable, self._server.hide(kind).decode(errors="replace")))
        self.reply = Reply(response.status, shown, body)
        return self.reply

    def _read(self, response: urllib3.BaseHTTPResponse, end: float) -> bytes:
        chunks: list[bytes] = []
        try:
            left = self._server.max_bytes
            while chunk := response.read1(65536, decode_content=True):
                chunks.append(chunk)
                left -= len(chunk)
                self._check(left, end)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return b"".join(chunks)

    def _check(self, left: int, end: float) -> None:
        if left < 0:
            message = f"the answer is larger than {self._server.max_bytes} bytes"
            raise TooLargeError(message)
        if time.monotonic() > end:
            raise TimeoutError

    def _words(self, error: Exception) -> str:
        if isinstance(error, MaxRetryError) and error.reason is not None:
            error = error.reason
        if isinstance(error, NewConnectionError):
            return f"no connection: {error.__cause__ or 'refused'}"
        if isinstance(error, SSLError):
            return _no_tls(error)
        if isinstance(error, TimeoutError | PoolTimeoutError):
            return f"no whole answer within {self._deadline:g} s"
        if isinstance(error, LocationValueError | UnicodeError):
            return "its address cannot be used: that is no name of a host"
        if isinstance(error, HTTPException | ProtocolError):  # quotes what came, whatever it is
            return f"the answer was cut off, or no HTTP ({type(error).__name__})"
        text = str(error).replace("\n", " ")[:160]
        return f"the answer was cut off ({type(error).__name__}: {text})"


def _no_tls(error: SSLError) -> str:
    """Say why there is no connection over TLS."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{UNTRUSTED} (certificate verify failed: {cause.verify_message})"
    reason = cause.reason if isinstance(cause, ssl.SSLError) else None
    return f"no connection over TLS ({reason or type(cause).__name__})"
