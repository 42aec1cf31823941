"""What is gone is forgotten: an hour of churn leaves nothing behind, and no Secret either."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping
from typing import Any

import msgspec

from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.provider import AlertProvider, ProviderType
from canaryd.model.template import QueryTemplate, TemplateKind, TemplateRef
from canaryd.runtime.receivers import KEPT, AlertReceivers
from canaryd.runtime.resolve import Templates
from canaryd.wire import watch
from tests.runtime.fakes import KEY, HandClock, canary, meta, store
from tests.runtime.test_resolve import a_template


class Sends:
    """A provider made with what its Secret holds."""

    def __init__(self, secret: Mapping[str, str]) -> None:
        self.secret = secret

    async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
        """Nothing is sent."""


class Secrets:
    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        return {"address": f"https://{namespace}/{name}"}


def a_provider(name: str) -> watch.ProviderObject:
    body: dict[str, Any] = {
        "metadata": meta(name),
        "spec": {"type": "webhook", "secretRef": {"name": "address"}},
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=watch.ProviderObject)


async def test_what_was_in_the_secret_of_a_deleted_provider_is_let_go_of() -> None:
    known, clock = store(HandClock()), HandClock()

    def make(_: AlertProvider, secret: Mapping[str, str]) -> Sends:
        return Sends(secret)

    receivers = AlertReceivers(
        store=known, secrets=Secrets(), makers={ProviderType.WEBHOOK: make}, clock=clock
    )
    for name in ("first", "second"):
        known.apply(watch.PROVIDERS, a_provider(name))
    first = weakref.ref(await receivers.find(Key(KEY.namespace, "first")))
    known.remove(watch.PROVIDERS, KEY.namespace, "first")
    clock.seconds += KEPT.total_seconds()
    await receivers.find(Key(KEY.namespace, "second"))
    gc.collect()
    assert first() is None


def test_templates_that_were_deleted_with_their_namespaces_are_forgotten() -> None:
    known = store(HandClock())
    templates = Templates(known)
    for number in range(1_000):
        place = f"preview-{number}"
        known.apply(watch.TEMPLATES, a_template(namespace=place))
        assert templates.find(TemplateRef(TemplateKind.NAMESPACED, place, "queue-depth"))
        known.remove(watch.TEMPLATES, place, "queue-depth")
    gc.collect()
    left = sum(isinstance(each, QueryTemplate) for each in gc.get_objects())
    assert left < 200


def test_a_canary_does_not_begin_with_what_was_denied_to_its_namesake() -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, canary(version=1))
    known.remove(watch.CANARIES, *KEY)
    known.deny(KEY, "patch virtualservices is forbidden")
    known.apply(watch.CANARIES, canary(version=2))
    assert not known.denied
