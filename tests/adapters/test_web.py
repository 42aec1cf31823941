"""What probes and scrapes get from the daemon's own server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from canaryd.adapters.meters import Meters
from canaryd.adapters.web import WebServer
from canaryd.model.answered import Answered
from canaryd.model.names import Weight
from canaryd.model.status import Phase, Status
from tests.adapters.fakes import KEY, running


@asynccontextmanager
async def served(
    reasons: Sequence[str] = (), meters: Meters | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    render = (meters or Meters()).render
    server = WebServer(unready=lambda: reasons, metrics=render, host="127.0.0.1", port=0)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            yield session
    finally:
        await server.stop()


async def get(
    session: aiohttp.ClientSession, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    async with session.get(path, headers=headers) as response:
        return response.status, await response.text()


async def test_alive_is_ok_even_when_not_ready() -> None:
    async with served(["the watch of canaries is not synced"]) as session:
        assert await get(session, "/healthz") == (200, "ok\n")


async def test_ready_is_ok() -> None:
    async with served() as session:
        assert await get(session, "/readyz") == (200, "ok\n")
        assert await get(session, "/readyz?verbose") == (200, '{"ready":true,"reasons":[]}')


async def test_not_ready_says_why_in_sentences_or_json() -> None:
    async with served(["no watch of canaries", "no watch of pods"]) as session:
        assert await get(session, "/readyz") == (503, "no watch of canaries\nno watch of pods\n")
        wanted = (503, '{"ready":false,"reasons":["no watch of canaries","no watch of pods"]}')
        assert await get(session, "/readyz?verbose") == wanted
        assert await get(session, "/readyz", {"Accept": "application/json"}) == wanted


def values(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample, by its name and its labels' values in the order of the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_everything_counted_is_scraped() -> None:
    meters = Meters()
    meters.decided(Phase.IDLE)
    meters.reconciled(0.002, "ok")
    meters.queued(3)
    meters.requested("patch", "virtualservices", "409")
    meters.sampled(Answered.NO_DATA)
    meters.notified("demo/slack", delivered=False)
    meters.lease(held=True)
    meters.lost_history(5)
    async with served(meters=meters) as session:
        status, text = await get(session, "/metrics")
    assert status == 200
    found = values(text)
    assert found["canaryd_decisions_total", ("Idle",)] == 1
    assert found["canaryd_reconcile_seconds_count", ("ok",)] == 1
    assert found["canaryd_queue_depth", ()] == 3
    assert found["canaryd_api_requests_total", ("virtualservices", "409", "patch")] == 1
    assert found["canaryd_metric_samples_total", ("no data",)] == 1
    assert found["canaryd_notices_total", ("failed", "demo/slack")] == 1
    assert found["canaryd_lease_held", ()] == 1
    assert found["canaryd_history_rows_lost_total", ()] == 5


def test_what_has_not_happened_yet_is_shown_as_nothing_so_that_the_first_time_is_seen() -> None:
    meters = Meters()
    meters.receiver("demo/slack")
    found = values(meters.render().decode())
    assert found["canaryd_notices_total", ("failed", "demo/slack")] == 0
    assert found["canaryd_notices_total", ("delivered", "demo/slack")] == 0
    assert found["canaryd_reconcile_seconds_count", ("bug",)] == 0
    assert found["canaryd_decisions_total", (Phase.IDLE.value,)] == 0
    assert found["canaryd_metric_samples_total", (Answered.REFUSED.value,)] == 0


def test_receivers_that_no_alert_names_any_more_are_shown_no_more() -> None:
    meters = Meters()
    for team in ("a", "b"):
        meters.notified(f"{team}/slack", delivered=True)
        meters.notified(f"{team}/slack", delivered=False)
    meters.keep_receivers({"b/slack", "c/never-told"})
    meters.keep_receivers({"b/slack"})
    found = values(meters.render().decode())
    shown = {labels for name, labels in found if name == "canaryd_notices_total"}
    assert shown == {("delivered", "b/slack"), ("failed", "b/slack")}
    meters.notified("a/slack", delivered=True)
    found = values(meters.render().decode())
    assert found["canaryd_notices_total", ("delivered", "a/slack")] == 1


def test_a_deleted_canary_is_shown_no_more() -> None:
    meters = Meters()
    meters.canary(KEY, running(weight=20))
    shown = values(meters.render().decode())
    assert shown["canaryd_canary_weight_percent", ("podinfo", "demo")] == 20
    assert shown["canaryd_canary_phase", ("podinfo", "demo", "Progressing")] == 1
    assert shown["canaryd_canary_phase", ("podinfo", "demo", "Idle")] == 0
    meters.canary(KEY, Status(phase=Phase.IDLE, canary_weight=Weight(0)))
    assert (
        values(meters.render().decode())["canaryd_canary_phase", ("podinfo", "demo", "Progressing")]
        == 0
    )
    meters.forget(KEY)
    meters.forget(KEY)
    assert "podinfo" not in meters.render().decode()
