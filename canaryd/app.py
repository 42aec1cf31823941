"""The composition root: settings in, a running daemon out; the only place that joins parts."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta

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
from canaryd.adapters.kube.kinds import Catalogue
from canaryd.adapters.kube.lease import KubeLease, LeaseTimes
from canaryd.adapters.kube.reflector import Pace, Reflector
from canaryd.adapters.kube.secrets import KubeSecrets
from canaryd.adapters.kube.writer import KubeWriter
from canaryd.adapters.meters import Meters
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.adapters.providers.delivery import Mailbox, open_session
from canaryd.adapters.providers.events import EventsProvider
from canaryd.adapters.providers.slack import SlackProvider
from canaryd.adapters.providers.webhook import WebhookProvider
from canaryd.adapters.routers.istio import IstioRouter
from canaryd.adapters.timers import HeapTimers
from canaryd.adapters.web import WebServer
from canaryd.model.errors import CanarydError, RefusedError
from canaryd.model.provider import ADDRESS_KEY, TOKEN_KEY, AlertProvider, ProviderType
from canaryd.model.waits import Waits
from canaryd.ports import Provider
from canaryd.runtime.collector import Collector
from canaryd.runtime.commit import Commit
from canaryd.runtime.controller import Controller
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.janitor import Janitor
from canaryd.runtime.outbox import Outbox
from canaryd.runtime.queue import Queue
from canaryd.runtime.receivers import AlertReceivers
from canaryd.runtime.reconcile import Reconcile
from canaryd.runtime.store import Store
from canaryd.runtime.unusable import Unusable
from canaryd.settings import Settings
from canaryd.wire.watch import OBJECTS

log = structlog.get_logger(__name__)

LEASE = "canaryd"
RESYNC = timedelta(minutes=10)
DELIVERY_LOOK = timedelta(seconds=5)
HOUSEKEEPING = timedelta(hours=1)


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
    metrics: PrometheusMetrics
    session: aiohttp.ClientSession
    lease: KubeLease


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run one daemon until `stop` is set; raises CanarydError when it cannot start."""
    async with AsyncExitStack() as stack:
        parts = await opened(settings, stack)
        pace = Pace(silence=settings.dead_watch)
        async with TaskGroup() as tasks:
            running = [
                tasks.create_task(
                    Reflector(parts.api, parts.catalogue, kind, parts.store, pace=pace).run()
                )
                for kind in OBJECTS
            ]
            running.append(tasks.create_task(stay_leader(parts)))
            await stop.wait()
            log.info("stopping")
            for task in running:
                task.cancel()


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
    api = Api(await connect(settings, clock))
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
        metrics=metrics,
        session=session,
        lease=lease(settings, api, catalogue, clock, name),
    )


async def listen(web: WebServer, settings: Settings) -> None:
    """Listen, or say which setting to change."""
    try:
        await web.start()
    except OSError as error:
        message = f"cannot listen on {settings.listen}:{settings.port} ({error}); set --port"
        raise RefusedError(message) from error


async def connect(settings: Settings, clock: SystemClock) -> Connection:
    """Connect by the kubeconfig that was given, else as a pod."""
    if settings.kubeconfig or settings.context:
        return await connect_by_kubeconfig(
            clock, path=settings.kubeconfig, context=settings.context
        )
    return await connect_in_cluster(clock)


def lease(
    settings: Settings, api: Api, catalogue: Catalogue, clock: SystemClock, name: str
) -> KubeLease:
    """The lease that keeps two daemons from doing the same work."""
    times = LeaseTimes(
        duration=settings.lease_duration,
        deadline=settings.lease_duration * 2 / 3,
        renew=settings.lease_renew,
    )
    namespace = settings.namespace or own_namespace() or "canaryd"
    return KubeLease(
        api, catalogue, clock, namespace=namespace, name=LEASE, identity=name, times=times
    )


async def stay_leader(parts: Parts) -> None:
    """Work whenever the lease is ours; between two times of it, only watch."""

    async def work() -> None:
        parts.meters.lease(held=True)
        try:
            await Leader(parts).work()
        finally:
            parts.meters.lease(held=False)

    while True:
        await parts.lease.hold(work)


class Leader:
    """The parts that act; made anew each time the lease is acquired."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._writer = KubeWriter(
            parts.api, parts.catalogue, parts.store, parts.clock, observe=parts.meters.requested
        )
        self._timers = HeapTimers(
            clock=parts.clock, due=parts.queue.add, pump_every=parts.settings.pump
        )

    async def work(self) -> None:
        """Decide and act for every Canary until cancelled."""
        store = self._parts.store
        async with TaskGroup() as tasks:
            outbox = self._outbox(tasks)
            controller = self._controller(outbox, tasks)
            self._housekeeping(outbox)
            await store.synced.wait()
            for key in list(store.canaries):
                outbox.offer(key)
            self._timers.start()
            try:
                await controller.run()
            finally:
                self._timers.stop()

    def _outbox(self, tasks: TaskGroup) -> Outbox:
        parts = self._parts
        receivers = AlertReceivers(
            store=parts.store,
            secrets=KubeSecrets(parts.api),
            makers={ProviderType.SLACK: self._slack, ProviderType.WEBHOOK: self._webhook},
            clock=parts.clock,
        )
        return Outbox(
            store=parts.store,
            receivers=receivers,
            events=EventsProvider(self._writer),
            clock=parts.clock,
            meter=parts.meters,
            tasks=tasks,
        )

    def _controller(self, outbox: Outbox, tasks: TaskGroup) -> Controller:
        parts, writer, timers = self._parts, self._writer, self._timers
        store, clock, router = parts.store, parts.clock, IstioRouter(writer)
        collector = Collector(store=store, metrics=parts.metrics, clock=clock, tasks=tasks)
        timers.every("collector", parts.settings.pump, collector.tick)
        commit = Commit(
            writer=writer,
            answers=writer,
            history=parts.history,
            outbox=outbox,
            clock=clock,
        )
        reconcile = Reconcile(
            store=store,
            gather=Gatherer(store=store, router=router, waits=waits(parts.settings)),
            router=router,
            commit=commit,
            unusable=Unusable(store=store, writer=writer, clock=clock),
            collector=collector,
            timers=timers,
            clock=clock,
            meter=parts.meters,
        )
        return Controller(
            queue=parts.queue,
            store=store,
            reconcile=reconcile,
            timers=timers,
            clock=clock,
            meter=parts.meters,
        )

    def _housekeeping(self, outbox: Outbox) -> None:
        parts = self._parts
        janitor = Janitor(
            store=parts.store,
            writer=self._writer,
            clock=parts.clock,
            keep=parts.settings.request_retention,
        )

        async def deliveries() -> None:
            for key in outbox.unwritten():
                parts.queue.add(key)

        async def resync() -> None:
            parts.store.enqueue_all()

        self._timers.every("deliveries", DELIVERY_LOOK, deliveries)
        self._timers.every("resync", RESYNC, resync)
        self._timers.every("requests", HOUSEKEEPING, janitor.sweep)
        self._timers.every("history", HOUSEKEEPING, parts.history.prune)

    def _slack(self, spec: AlertProvider, secret: Mapping[str, str]) -> Provider:
        return SlackProvider(
            self._mailbox(spec, secret), channel=spec.channel, username=spec.username
        )

    def _webhook(self, spec: AlertProvider, secret: Mapping[str, str]) -> Provider:
        return WebhookProvider(self._mailbox(spec, secret), token=secret.get(TOKEN_KEY))

    def _mailbox(self, spec: AlertProvider, secret: Mapping[str, str]) -> Mailbox:
        address = spec.address or secret.get(ADDRESS_KEY)
        if not address:
            message = f"Secret {spec.secret} of AlertProvider {spec.key} has no key {ADDRESS_KEY}"
            raise RefusedError(message)
        return Mailbox(self._parts.session, address, clock=self._parts.clock)


def waits(settings: Settings) -> Waits:
    """The waits that decisions keep to."""
    return Waits(
        readiness_return=settings.readiness_return,
        contest_window=settings.contest_window,
        stale_watch=settings.stale_watch,
        evidence_write=settings.evidence_write,
    )
