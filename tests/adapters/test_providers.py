"""What receivers get, and what is made of their answers."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from canaryd.adapters.providers.delivery import Mailbox, open_session
from canaryd.adapters.providers.events import EventsProvider
from canaryd.adapters.providers.slack import SlackProvider
from canaryd.adapters.providers.webhook import WebhookProvider
from canaryd.model.errors import CanarydError, RefusedError, ThrottledError, UnreachableError
from canaryd.model.names import Key
from canaryd.model.spec import Severity
from canaryd.model.urgency import Urgency
from canaryd.ports import Provider
from tests.adapters.fakes import KEY, UID, HandClock, gate, notice
from tests.adapters.misbehaving import (
    Behaviour,
    Misbehaving,
    drip,
    hang,
    http,
    misbehaving,
    raw,
)

OK = http(200, b"ok")
SECRET = "T0000/B0000/XXXXsecretXXXX"  # noqa: S105 - made up
TOKEN = "t0ken"  # noqa: S105 - made up


@asynccontextmanager
async def receiver(*behaviours: Behaviour) -> AsyncIterator[tuple[Misbehaving, Mailbox]]:
    async with misbehaving(*behaviours) as server, open_session() as session:
        address = f"{server.url}/services/{SECRET}"
        yield server, Mailbox(session, address, clock=HandClock(), timeout=timedelta(seconds=0.5))


TOLD = replace(notice(), gates=(gate().message,))


async def send(provider: Provider) -> None:
    await provider.send(TOLD, key=KEY, uid=UID)


async def test_a_webhook_gets_the_notice_with_an_id_that_stays() -> None:
    async with receiver(OK) as (server, mailbox):
        await send(WebhookProvider(mailbox, token=TOKEN + "\n"))
        await send(WebhookProvider(mailbox))
    first, second = server.heard
    assert orjson.loads(first.body) == {
        "id": f"{UID}-7-1795262400",
        "seq": 7,
        "canary": "podinfo",
        "namespace": "demo",
        "rollout": "podinfo-7f9c-1",
        "revision": "7f9c",
        "images": {"podinfo": "podinfo:6.7.0"},
        "phase": "Idle",
        "reason": "RolledBack",
        "severity": "error",
        "weight": 0,
        "sentence": "success rate 94.9 % is below 99 %",
        "gates": ["success rate 94.9 % is below 99 %"],
        "at": "2026-11-21T12:00:00+00:00",
    }
    assert first.headers["authorization"] == "Bearer t0ken"
    assert first.headers["idempotency-key"] == f"{UID}-7-1795262400"
    assert "authorization" not in second.headers
    assert first.body == second.body


async def test_slack_gets_the_sentence_with_its_markup_made_harmless() -> None:
    async with receiver(OK) as (server, mailbox):
        loud = replace(notice(), sentence="p99 <!channel> & more")
        provider = SlackProvider(mailbox, channel="releases")
        await provider.send(loud, key=KEY, uid=UID)
    body = orjson.loads(server.heard[0].body)
    assert body["channel"] == "releases"
    assert body["text"] == "demo/podinfo: RolledBack"
    (attachment,) = body["attachments"]
    assert attachment["text"] == "p99 &lt;!channel&gt; &amp; more"
    assert attachment["color"] == "danger"
    assert {field["title"]: field["value"] for field in attachment["fields"]} == {
        "Phase": "Idle",
        "Weight": "0 %",
        "Revision": "7f9c",
        "Image": "podinfo:6.7.0",
    }


async def failure_of(*behaviours: Behaviour) -> CanarydError:
    async with receiver(*behaviours) as (_, mailbox):
        with pytest.raises(CanarydError) as caught:
            await send(WebhookProvider(mailbox, token=TOKEN))
    shown = "".join(traceback.format_exception(caught.value))
    assert "secret" not in shown
    assert "t0ken" not in shown
    assert "http://127.0.0.1" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("7", 7),
        ("0", 1),
        ("999999", 600),
        ("Sat, 21 Nov 2026 12:02:00 GMT", 120),
        ("Sat, 21 Nov 2020 12:02:00 GMT", 1),
        ("soon", 30),
        ("nan", 30),
        ("-3", 1),
        (None, 30),
    ],
)
async def test_a_wish_to_wait_is_kept_within_reason(header: str | None, pause: int) -> None:
    headers = [("Retry-After", header)] if header else []
    for status in (429, 503) if header else (429,):
        error = await failure_of(http(status, b"", headers=headers))
        assert isinstance(error, ThrottledError)
        assert error.retry_after == timedelta(seconds=pause)


@pytest.mark.parametrize(
    "behaviour",
    [
        http(500, b"oops"),
        http(503, b""),
        http(408, b""),
        hang,
        raw(b"", close=True),
        raw(b"SSH-2.0\r\n\r\n", close=True),
        drip(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
    ],
    ids=["500", "503", "408", "hang", "closed", "not HTTP", "drip"],
)
async def test_trouble_that_may_pass_is_tried_again(behaviour: Behaviour) -> None:
    assert isinstance(await failure_of(behaviour), UnreachableError)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
async def test_a_refusal_is_final_and_says_why(status: int) -> None:
    error = await failure_of(http(status, f"no_service /services/{SECRET}".encode()))
    assert isinstance(error, RefusedError)
    assert str(status) in str(error)
    assert "no_service" in str(error)


async def test_a_notice_does_not_follow_to_another_host() -> None:
    async with misbehaving(OK) as other:
        away = f"http://localhost:{other.port}/"
        error = await failure_of(http(307, b"", headers=[("Location", away)]))
    assert isinstance(error, RefusedError)
    assert other.heard == []


async def test_a_notice_follows_on_the_same_host_but_not_in_circles() -> None:
    onward = http(308, b"", headers=[("Location", "/new")])
    async with receiver(onward, OK) as (server, mailbox):
        await send(WebhookProvider(mailbox))
    assert [heard.line for heard in server.heard][1] == "POST /new HTTP/1.1"
    assert server.heard[0].body == server.heard[1].body
    assert isinstance(await failure_of(onward), RefusedError)


async def test_a_receiver_that_is_gone_is_tried_again() -> None:
    async with receiver(OK) as (server, mailbox):
        pass
    async with open_session() as session:
        mailbox = Mailbox(session, f"{server.url}/{SECRET}", clock=HandClock())
        with pytest.raises(UnreachableError) as caught:
            await send(WebhookProvider(mailbox))
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("address", ["", "hooks.example/secret", "ftp://secret", "http://[secret"])
async def test_a_wrong_address_is_refused_without_showing_it(address: str) -> None:
    async with open_session() as session:
        with pytest.raises(RefusedError) as caught:
            Mailbox(session, address, clock=HandClock())
    assert "secret" not in str(caught.value)


async def test_a_receiver_that_hangs_does_not_hold_up_another() -> None:
    async with receiver(hang) as (_, slow), receiver(OK) as (quick, fast):
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(_outcome(slow))
            await send(WebhookProvider(fast))
            assert not waiting.done()
        assert len(quick.heard) == 1
        assert isinstance(waiting.result(), UnreachableError)


async def _outcome(mailbox: Mailbox) -> Exception | None:
    try:
        await send(WebhookProvider(mailbox))
    except CanarydError as error:
        return error
    return None


class Writes:
    """A `ports.Writer` that keeps what is created, by name."""

    def __init__(self) -> None:
        self.created: dict[str, Mapping[str, Any]] = {}

    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> None:
        assert (kind, namespace) == ("events", body["metadata"]["namespace"])
        self.created.setdefault(body["metadata"]["name"], body)

    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        raise NotImplementedError

    async def json_patch(
        self,
        kind: str,
        key: Key,
        operations: Sequence[Mapping[str, Any]],
        *,
        urgency: Urgency = Urgency.RISE,
        of: Key | None = None,
    ) -> None:
        raise NotImplementedError

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        raise NotImplementedError


async def test_an_event_has_one_name_however_often_it_is_told() -> None:
    writes = Writes()
    for _ in range(2):
        await send(EventsProvider(writes))
    assert writes.created == {
        "podinfo.0d4c3f6e-7-1795262400": {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "podinfo.0d4c3f6e-7-1795262400", "namespace": "demo"},
            "involvedObject": {
                "apiVersion": "canaryd.io/v1beta1",
                "kind": "Canary",
                "namespace": "demo",
                "name": "podinfo",
                "uid": UID,
            },
            "reason": "RolledBack",
            "message": "success rate 94.9 % is below 99 %",
            "type": "Warning",
            "source": {"component": "canaryd"},
            "reportingComponent": "canaryd",
            "reportingInstance": "canaryd",
            "firstTimestamp": "2026-11-21T12:00:00Z",
            "lastTimestamp": "2026-11-21T12:00:00Z",
            "count": 1,
        }
    }


async def test_an_events_name_and_message_fit_the_api() -> None:
    writes = Writes()
    long = replace(notice(), sentence="ü" * 2000, severity=Severity.INFO)
    key = Key("demo", "a" * 250)
    await EventsProvider(writes).send(long, key=key, uid=UID)
    ((name, body),) = writes.created.items()
    assert len(name) <= 253
    assert name.endswith("0d4c3f6e-7-1795262400")
    assert len(body["message"].encode()) <= 1024
    assert body["message"].startswith("üü")
    assert body["message"].endswith("…")
    assert body["type"] == "Normal"
