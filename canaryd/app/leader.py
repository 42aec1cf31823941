"""What decides and acts while the lease is held; made anew each time it is acquired."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable, Mapping
from datetime import timedelta

from canaryd.adapters.kube.secrets import KubeSecrets
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.adapters.kube.writer import KubeWriter
from canaryd.adapters.providers.delivery import Mailbox
from canaryd.adapters.providers.events import EventsProvider
from canaryd.adapters.providers.slack import SlackProvider
from canaryd.adapters.providers.webhook import WebhookProvider
from canaryd.adapters.routers.istio import IstioRouter
from canaryd.adapters.timers.alarm import Alarm
from canaryd.adapters.timers.heap import HeapTimers
from canaryd.adapters.timers.rounds import Rounds
from canaryd.app.lean import give_back
from canaryd.app.parts import Parts
from canaryd.model.errors import RefusedError
from canaryd.model.provider import ADDRESS_KEY, TOKEN_KEY, AlertProvider, ProviderType
from canaryd.model.waits import Waits
from canaryd.ports import Provider
from canaryd.runtime.acceptance import Acceptance
from canaryd.runtime.collector import Collector
from canaryd.runtime.commit import Commit
from canaryd.runtime.controller import Controller
from canaryd.runtime.counting import Counter
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.janitor import Janitor
from canaryd.runtime.outbox import Outbox
from canaryd.runtime.owed import Owed
from canaryd.runtime.receivers import AlertReceivers
from canaryd.runtime.reconcile import Reconcile
from canaryd.runtime.rises import Rises
from canaryd.runtime.unusable import Unusable
from canaryd.settings import Settings

DELIVERY_LOOK = timedelta(seconds=5)
TEMPLATE_LOOK = timedelta(seconds=2)
HOUSEKEEPING = timedelta(hours=1)
GIVE_BACK = timedelta(minutes=1)


class Leader:
    """The parts that act; made anew each time the lease is acquired."""

    def __init__(self, parts: Parts, *, ending: Callable[[], bool]) -> None:
        self._parts = parts
        self._ending = ending
        turnstile = Turnstile(per_second=parts.settings.writes_per_second)
        parts.meters.watch_writes(turnstile.waiting)
        parts.queue.overtake = turnstile.overtake
        self._writer = KubeWriter(
            parts.api,
            parts.catalogue,
            parts.store,
            parts.clock,
            turnstile=turnstile,
        )
        self._timers = HeapTimers(clock=parts.clock, due=parts.queue.add, grain=parts.settings.pump)
        self._rounds = Rounds(clock=parts.clock)
        self._alarms: list[tuple[Alarm, Callable[[], None]]] = []

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
            self._start()
            try:
                await controller.run()
            finally:
                self._stop()

    def _start(self) -> None:
        self._timers.start()
        self._rounds.start()
        for alarm, ring in self._alarms:
            alarm.start(ring)

    def _stop(self) -> None:
        self._timers.stop()
        self._rounds.stop()
        for alarm, _ in self._alarms:
            alarm.stop()

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
            write_after=parts.settings.delivery_write,
        )

    def _controller(self, outbox: Outbox, tasks: TaskGroup) -> Controller:
        parts, writer, timers = self._parts, self._writer, self._timers
        store, clock, router = parts.store, parts.clock, IstioRouter(writer)
        servers = parts.servers
        collecting = Alarm(clock=clock, grain=parts.settings.pump)
        collector = Collector(
            store=store, servers=servers, clock=clock, tasks=tasks, wake=collecting.at
        )
        counting = Alarm(clock=clock, grain=parts.settings.pump)
        counter = Counter(store=store, servers=servers, clock=clock, tasks=tasks, wake=counting.at)
        self._alarms += ((collecting, collector.tick), (counting, counter.tick))
        owed = Owed()
        commit = Commit(
            writer=writer,
            answers=writer,
            history=parts.history,
            outbox=outbox,
            owed=owed,
            clock=clock,
        )
        reconcile = Reconcile(
            store=store,
            gather=Gatherer(store=store, router=router, owed=owed, waits=waits(parts.settings)),
            router=router,
            commit=commit,
            unusable=Unusable(store=store, writer=writer, owed=owed, clock=clock),
            collector=collector,
            counter=counter,
            rises=Rises(
                enqueue=parts.queue.add, later=asyncio.get_running_loop().call_later, clock=clock
            ),
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
            ending=self._ending,
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

        acceptance = Acceptance(
            store=parts.store, writer=self._writer, servers=parts.servers, clock=parts.clock
        )
        self._rounds.every("templates", TEMPLATE_LOOK, acceptance.sweep)
        self._rounds.every("deliveries", DELIVERY_LOOK, deliveries)
        self._rounds.every("resync", parts.settings.resync, resync)
        self._rounds.every("memory", GIVE_BACK, give_back)
        self._rounds.every("requests", HOUSEKEEPING, janitor.sweep)
        self._rounds.every("receivers", HOUSEKEEPING, outbox.sweep)
        self._rounds.every("history", HOUSEKEEPING, parts.history.prune)

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
        warm_up=settings.warm_up,
        weight_settles=settings.weight_settles,
        share_settles=settings.share_settles,
    )
