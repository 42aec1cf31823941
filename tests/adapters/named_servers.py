"""Metrics servers as Canaries name them, and the Secrets with their logins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.adapters.prometheus.servers import PrometheusServers
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.snapshot import Sample
from canaryd.ports import Clock, Metrics
from tests.adapters.asking import question
from tests.adapters.misbehaving import vector

LOGIN = Key("demo", "prometheus-login")
PASSWORD, TOKEN = "correct horse battery", "abc.def-ghi_jkl"
ONE = vector(({}, "1"))


class FakeSecrets:
    """Gives what a test says, or raises it."""

    def __init__(self, content: Mapping[str, str] | Exception) -> None:
        self.content = content
        self.read_times = 0

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        assert (namespace, name) == LOGIN
        self.read_times += 1
        await asyncio.sleep(0)
        if isinstance(self.content, Exception):
            raise self.content
        return dict(self.content)


@asynccontextmanager
async def served(
    secrets: FakeSecrets | None = None,
    *,
    clock: Clock | None = None,
    deadline: float = 5,
    threads: int = 16,
    doubtful: int = 4,
    most: int = 256,
) -> AsyncIterator[PrometheusServers]:
    own = PrometheusMetrics("http://own:9090", clock=SystemClock(), counted=lambda _: None)
    servers = PrometheusServers(
        own,
        secrets=secrets or FakeSecrets({}),
        clock=clock or SystemClock(),
        counted=lambda _: None,
        deadline=timedelta(seconds=deadline),
        rest=timedelta(seconds=60),
        threads=threads,
        doubtful=doubtful,
        most=most,
    )
    try:
        assert await servers.find(None) is own
        yield servers
    finally:
        await servers.close()
        await own.close()


async def ask(metrics: Metrics) -> Sample:
    (sample,) = (await metrics.ask([question()])).values()
    return sample


def named(url: str, *, secret: bool = True, **headers: str) -> MetricsServer:
    return MetricsServer(url, LOGIN if secret else None, headers)
