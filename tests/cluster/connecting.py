"""Clients of the real API server under a service account, for tests of the adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.connect import connect_by_kubeconfig
from tests.cluster.daemon import NAMESPACE
from tests.world.world import World

Connect = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
async def farewell() -> AsyncIterator[None]:
    """Ends when the sockets of the test's loop are closed: TLS takes leave of a server, which may
    be busy, and a socket that outlives its loop fails whatever test runs later.
    """
    sockets = open_sockets()
    yield
    while open_sockets() > sockets:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)


def open_sockets() -> int:
    """How many sockets the running loop has."""
    loop = asyncio.get_running_loop()
    return len(loop._selector.get_map())  # type: ignore[attr-defined]  # nobody else counts them


@pytest.fixture
def connect(installed: World, farewell: None) -> Connect:
    """Makes a client, by default under canaryd's own account."""

    @asynccontextmanager
    async def connected(
        server: str | None = None, *, account: tuple[str, str] = (NAMESPACE, "canaryd")
    ) -> AsyncIterator[Api]:
        where = {"server": server} if server else {}
        kubeconfig = installed.service_account_kubeconfig(*account, **where)
        connection = await connect_by_kubeconfig(SystemClock(), path=str(kubeconfig))
        api = Api(connection, timeout=timedelta(seconds=5))
        try:
            yield api
        finally:
            await api.aclose()

    return connected
