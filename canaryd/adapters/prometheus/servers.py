"""Implements `ports.MetricsServers`: the daemon's own server, and those that Canaries name.

Servers with the same address, login and headers are one, with one breaker. All of them share a few
threads; see `threads`.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import structlog

from canaryd.adapters.prometheus.login import login_of
from canaryd.adapters.prometheus.metrics import DEADLINE, REST, PrometheusMetrics
from canaryd.adapters.prometheus.threads import Share, Threads
from canaryd.model.answered import Answered
from canaryd.model.errors import CanarydError, RefusedError
from canaryd.model.gates import MetricsServer
from canaryd.ports import Clock, Metrics, Secrets

_log = structlog.stdlib.get_logger("canaryd.prometheus")

KEPT = timedelta(minutes=5)
"""A Secret is read again after this: a changed login takes effect without a restart."""
REFUSED_KEPT = timedelta(seconds=10)
"""The same, while the server does not accept the login."""
EACH = 2
"""So many threads one server may have at a time."""


@dataclass(slots=True)
class _Known:
    """Which client belongs to a server as it is named, and when its Secret was read."""

    identity: str
    read_at: float


class PrometheusServers:
    """At most `most` clients are kept; the one that was not wanted for longest goes first.

    `threads` are shared by all named servers, of which those that do not answer get `doubtful`.
    """

    def __init__(
        self,
        own: Metrics,
        *,
        secrets: Secrets,
        clock: Clock,
        counted: Callable[[Answered], None],
        deadline: timedelta = DEADLINE,
        rest: timedelta = REST,
        threads: int = 16,
        doubtful: int = 4,
        most: int = 256,
    ) -> None:
        self._own = own
        self._secrets = secrets
        self._clock = clock
        self._counted = counted
        self._deadline = deadline
        self._rest = rest
        self._most = most
        self._threads = Threads(threads, doubtful=doubtful)
        self._known: OrderedDict[MetricsServer, _Known] = OrderedDict()
        self._clients: OrderedDict[str, PrometheusMetrics] = OrderedDict()

    async def find(self, server: MetricsServer | None) -> Metrics:
        """The server; None: the daemon's own.

        Raises RefusedError when spec or Secret cannot be used, naming the field or key, and what
        reading the Secret raises.
        """
        if server is None:
            return self._own
        known = self._known.get(server)
        if known is not None and (client := self._still_good(known)) is not None:
            self._known.move_to_end(server)
            self._clients.move_to_end(known.identity)
            return client
        secret: Mapping[str, str] = {}
        if server.secret is not None:
            secret = await self._secrets.read(*server.secret)
        identity = _identity(server, secret)
        try:
            client = self._clients.get(identity) or await self._made(server, secret, identity)
        except CanarydError:
            raise
        except Exception as error:  # noqa: BLE001 - one Canary's server must not end the daemon
            # Only its name: the rest could tell the login.
            kind = type(error).__name__
            _log.error("a metrics server cannot be used: a fault of canaryd itself", kind=kind)
            message = f"its address or its login cannot be used ({kind}): look at both"
            raise RefusedError(message) from None
        self._remember(server, identity)
        return client

    async def close(self) -> None:
        """Close all clients but the daemon's own."""
        await self._threads.close()
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        self._known.clear()

    def _still_good(self, known: _Known) -> PrometheusMetrics | None:
        client = self._clients.get(known.identity)
        if client is None:
            return None
        keep = REFUSED_KEPT if client.login_refused else KEPT
        young = self._clock.monotonic() - known.read_at < keep.total_seconds()
        return client if young else None

    async def _made(
        self, server: MetricsServer, secret: Mapping[str, str], identity: str
    ) -> PrometheusMetrics:
        login = login_of(server, secret)

        def make() -> PrometheusMetrics:
            return PrometheusMetrics(
                server.address,
                clock=self._clock,
                counted=self._counted,
                deadline=self._deadline,
                rest=self._rest,
                threads=EACH,
                login=login,
                share=share,
            )

        share = Share(self._threads, EACH)
        made = await asyncio.to_thread(make)  # reading the system's certificates takes a while
        found = self._clients.setdefault(identity, made)
        if found is not made:
            made.drop()  # somebody else made it meanwhile
        return found

    def _remember(self, server: MetricsServer, identity: str) -> None:
        self._known[server] = _Known(identity, self._clock.monotonic())
        self._known.move_to_end(server)
        self._clients.move_to_end(identity)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        wanted = {known.identity for known in self._known.values()}
        for gone in [one for one in self._clients if one not in wanted]:
            self._clients.pop(gone).drop()


def _identity(server: MetricsServer, secret: Mapping[str, str]) -> str:
    """Return what tells clients apart; a digest, as it holds the login."""
    parts = [server.address, sorted(server.headers.items()), sorted(secret.items())]
    return sha256(json.dumps(parts).encode()).hexdigest()
