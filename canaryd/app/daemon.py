"""One daemon: watch always, lead while the lease is ours, end cleanly when told."""

from __future__ import annotations

import asyncio
import os
from asyncio import TaskGroup
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from canaryd.adapters.kube.reflector import Pace, Reflector
from canaryd.app.leader import Leader
from canaryd.app.parts import Parts, opened
from canaryd.settings import Settings, unknown
from canaryd.wire.watch import OBJECTS

log = structlog.get_logger(__name__)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run one daemon until `stop` is set; raises CanarydError when it cannot start."""
    for name, nearest in unknown(os.environ):
        log.warning("unknown setting", variable=name, nearest=nearest)
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
            running.append(tasks.create_task(stay_leader(parts, ending=stop.is_set)))
            await stop.wait()
            log.info("stopping")
            for task in running:
                task.cancel()


async def stay_leader(parts: Parts, *, ending: Callable[[], bool]) -> None:
    """Work whenever the lease is ours; between two times of it, only watch."""

    async def work() -> None:
        parts.meters.lease(held=True)
        try:
            await Leader(parts, ending=ending).work()
        finally:
            parts.meters.lease(held=False)

    while True:
        await parts.lease.hold(work)
