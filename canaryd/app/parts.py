"""What lives as long as the process: files, sockets, clients, and the store that watches fill."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial

import aiohttp
import structlog

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.history.writer import SqliteHistory
from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.connect import (
    Connection,
    connect_by_kubeconfig,
    connect_in_cluster,
    own_namespace,
)
from canaryd.adapters.kube.identity import identity
from canaryd.adapters.kube.kinds import LEASES, Catalogue
from canaryd.adapters.kube.lease import KubeLease, LeaseTimes
from canaryd.adapters.kube.secrets import KubeSecrets
from canaryd.adapters.meters import Meters
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.adapters.prometheus.servers import PrometheusServers
from canaryd.adapters.providers.delivery import open_session
from canaryd.adapters.web import WebServer
from canaryd.model.errors import CanarydError, RefusedError
from canaryd.runtime.queue import Queue
from canaryd.runtime.store import Store
from canaryd.settings import Settings
from canaryd.wire.watch import OBJECTS

log = structlog.get_logger(__name__)

LEASE = "canaryd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What lives as long as the process, whoever holds the lease."""

    settings: Settings
    clock: SystemClock
    meters: Meters
    queue: Queue
    store: Store
    api: Api
    catalogue: Catalogue
    history: SqliteHistory
    servers: PrometheusServers
    session: aiohttp.ClientSession
    lease: KubeLease


async def opened(settings: Settings, stack: AsyncExitStack) -> Parts:
    """Open files, sockets and clients; each is closed with the stack, the last one first."""
    clock, meters, queue = SystemClock(), Meters(), Queue()
    store = Store(
        kinds=tuple(OBJECTS), clock=clock, enqueue=queue.add, stale_after=settings.stale_watch
    )
    name = identity(settings.identity, settings.data_dir)
    web = WebServer(
        unready=store.unready, metrics=meters.render, host=settings.listen, port=settings.port
    )
    await listen(web, settings)
    stack.push_async_callback(web.stop)
    api = Api(await connect(settings, clock), observe=meters.requested)
    stack.push_async_callback(api.aclose)
    catalogue = Catalogue()
    with suppress(CanarydError):  # a reflector that finds nothing asks again
        await catalogue.discover(api)
    history = SqliteHistory(
        settings.data_dir,
        clock=clock,
        lost=meters.lost_history,
        keep=settings.history_age,
        max_bytes=settings.history_bytes,
    )
    history.start()
    stack.push_async_callback(asyncio.to_thread, history.close)
    metrics = PrometheusMetrics(
        settings.metrics_server,
        clock=clock,
        counted=meters.sampled,
        deadline=settings.query_deadline,
    )
    stack.push_async_callback(metrics.close)
    servers = PrometheusServers(
        metrics,
        secrets=KubeSecrets(api),
        clock=clock,
        counted=meters.sampled,
        deadline=settings.query_deadline,
    )
    stack.push_async_callback(servers.close)
    session = open_session()
    stack.push_async_callback(session.close)
    log.info("started", identity=name, metrics_server=settings.metrics_server, port=web.port)
    return Parts(
        settings=settings,
        clock=clock,
        meters=meters,
        queue=queue,
        store=store,
        api=api,
        catalogue=catalogue,
        history=history,
        servers=servers,
        session=session,
        lease=lease(settings, api, catalogue, clock, name, tell=partial(store.failed, LEASES)),
    )


async def listen(web: WebServer, settings: Settings) -> None:
    """Listen, or say which setting to change."""
    try:
        await web.start()
    except (OSError, UnicodeError) as error:
        # A port is taken, or not for everybody; all else is the address.
        port = isinstance(error, OSError) and error.errno in {errno.EADDRINUSE, errno.EACCES}
        option = "--port" if port else "--listen"
        message = f"cannot listen on {settings.listen}:{settings.port} ({error}); set {option}"
        raise RefusedError(message) from error


async def connect(settings: Settings, clock: SystemClock) -> Connection:
    """Connect by the kubeconfig that was given, else as a pod."""
    if settings.kubeconfig or settings.context:
        return await connect_by_kubeconfig(
            clock, path=settings.kubeconfig, context=settings.context
        )
    return await connect_in_cluster(clock)


def lease(
    settings: Settings,
    api: Api,
    catalogue: Catalogue,
    clock: SystemClock,
    name: str,
    *,
    tell: Callable[[str | None], None],
) -> KubeLease:
    """The lease that keeps two daemons from doing the same work; `tell` hears of its failures."""
    times = LeaseTimes(
        duration=settings.lease_duration,
        deadline=settings.lease_deadline,
        renew=settings.lease_renew,
    )
    namespace = settings.namespace or own_namespace() or "canaryd"
    return KubeLease(
        api,
        catalogue,
        clock,
        namespace=namespace,
        name=LEASE,
        identity=name,
        times=times,
        tell=tell,
    )
