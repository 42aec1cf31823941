"""From an AlertProvider's name to what delivers: its spec, its Secret, its kind's maker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias

from canaryd.model.errors import NotFoundError, RefusedError
from canaryd.model.names import Key
from canaryd.model.provider import AlertProvider, ProviderType
from canaryd.model.snapshot import Problem
from canaryd.ports import Clock, Provider, Secrets
from canaryd.runtime.store import Store
from canaryd.wire.provider import parse_provider
from canaryd.wire.watch import PROVIDERS

Maker: TypeAlias = Callable[[AlertProvider, Mapping[str, str]], Provider]
KEPT = timedelta(minutes=5)
"""A Secret is read again after this: a changed address takes effect without a restart."""


class AlertReceivers:
    """Implements `ports.Receivers`."""

    def __init__(
        self, *, store: Store, secrets: Secrets, makers: Mapping[ProviderType, Maker], clock: Clock
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._makers = makers
        self._clock = clock
        self._made: dict[Key, tuple[str, float, Provider]] = {}

    async def find(self, provider: Key) -> Provider:
        """The provider; raises NotFoundError or RefusedError with what to mend."""
        obj = self._store.get(PROVIDERS, *provider)
        if obj is None:
            message = (
                f"AlertProvider {provider} does not exist; create it or mend spec.analysis.alerts"
            )
            raise NotFoundError(message)
        now, version = self._clock.monotonic(), obj.metadata.resource_version
        made = self._made.get(provider)
        if made is not None and made[0] == version and now - made[1] < KEPT.total_seconds():
            return made[2]
        spec = parse_provider(obj)
        if isinstance(spec, Problem):
            message = f"AlertProvider {provider}: {spec.message}"
            raise RefusedError(message)
        secret: Mapping[str, str] = {}
        if spec.secret is not None:
            secret = await self._secrets.read(provider.namespace, spec.secret)
        result = self._makers[spec.type](spec, secret)
        old = [key for key, (_, at, _) in self._made.items() if now - at >= KEPT.total_seconds()]
        for key in old:  # those of deleted providers too: they hold what was in their Secrets
            del self._made[key]
        self._made[provider] = (version, now, result)
        return result
