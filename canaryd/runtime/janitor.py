"""Removes CanaryRequests that were answered long ago."""

from __future__ import annotations

from datetime import timedelta

import structlog

from canaryd.model.errors import CanarydError
from canaryd.ports import Clock, Writer
from canaryd.runtime.store import Store
from canaryd.wire.request import answered
from canaryd.wire.watch import REQUESTS

log = structlog.get_logger()


class Janitor:
    """One sweep at a time; a request that cannot be removed waits for the next."""

    def __init__(self, *, store: Store, writer: Writer, clock: Clock, keep: timedelta) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._keep = keep

    async def sweep(self) -> None:
        """Remove what is older than is kept."""
        oldest = self._clock.now() - self._keep
        for request in self._store.all(REQUESTS):
            meta = request.metadata
            old = meta.creation_timestamp is not None and meta.creation_timestamp < oldest
            if not old or not answered(request):
                continue
            try:
                await self._writer.delete(REQUESTS, meta.namespace, meta.name)
            except CanarydError as error:
                log.warning(
                    "request not removed", request=f"{meta.namespace}/{meta.name}", error=str(error)
                )
