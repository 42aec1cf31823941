"""The Prometheus that the bench plays, read by the product's own adapter, whatever workloads do.

Those that hang or are late outlast the deadline here; the bench's own is longer.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from bench.scale.asked import Kind
from bench.scale.standin import Standin
from bench.scale.traffic import Mode
from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.question import ServerTime
from canaryd.model.snapshot import Sample
from canaryd.model.spec import DURATION, SUCCESS_RATE
from canaryd.model.tile import Tile
from tests.adapters.asking import built_in, tile_question

NAMES, TURNED, OTHER = ("app0", "app1"), "app1", "app0"
NEVER = {Mode.FAIL, Mode.HANG, Mode.LATE}
SCRAPE = 5
"""Seconds."""


@asynccontextmanager
async def playing(mode: Mode) -> AsyncIterator[str]:
    """Its URL; both apps have a pod a side that has been there for two hours."""
    app = web.AppRunner(Standin().app(), shutdown_timeout=0.1)
    await app.setup()
    site = web.TCPSite(app, "127.0.0.1", 0)
    await site.start()
    sides = [f"{name}-{version}" for name in NAMES for version in ("v1", "v2")]
    here = [["demo", side, f"{side}-7f9c-00001", 7200] for side in sides]
    told = {
        "places": dict.fromkeys(sides, "demo"),
        "facts": {"shares": dict.fromkeys(sides, 0.5), "here": here, "gone": []},
        "modes": {f"{TURNED}-v2": mode.value},
    }
    url = site.name
    try:
        async with aiohttp.ClientSession() as session:
            for path, body in told.items():
                async with session.post(f"{url}/{path}", json=body) as answer:
                    assert answer.ok
        yield url
    finally:
        await app.cleanup()


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[PrometheusMetrics]:
    metrics = PrometheusMetrics(
        url, clock=SystemClock(), counted=lambda _: None, deadline=timedelta(seconds=0.5)
    )
    try:
        yield metrics
    finally:
        await metrics.close()


EXPECTED: dict[Mode, tuple[float | None, float | None]] = {
    Mode.GOOD: (99.9, 50.0),
    Mode.BAD: (50.0, 5000.0),
    Mode.SLOW: (99.9, 5000.0),
    Mode.NAN: (None, None),
    Mode.EMPTY: (None, None),
}


@pytest.mark.parametrize("mode", Mode)
async def test_threshold_queries_are_answered_by_what_the_workload_does(mode: Mode) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - what a metrics server knows about is now
    asked = [
        replace(built_in(name, metric), due=now)
        for name in NAMES
        for metric in (SUCCESS_RATE, DURATION)
    ]
    async with playing(mode) as url, asking(url) as metrics:
        told = await metrics.ask(asked)

    def of(name: str) -> list[Sample]:
        return [told[Key("demo", name), metric] for metric in (SUCCESS_RATE, DURATION)]

    if mode in NEVER:
        assert {each.answered for each in of(TURNED)} == {Answered.UNAVAILABLE}
        return
    assert tuple(each.value for each in of(TURNED)) == EXPECTED[mode]
    assert tuple(each.value for each in of(OTHER)) == EXPECTED[Mode.GOOD]


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in NEVER])
async def test_tiles_are_answered_for_all_that_say_something(mode: Mode) -> None:
    end = datetime.fromtimestamp(time.time() // SCRAPE * SCRAPE, UTC)  # noqa: TID251 - as above
    asked = [replace(tile_question(name, edges=(500.0,)), end=end) for name in NAMES]
    async with playing(mode) as url, asking(url) as metrics:
        told = await metrics.tiles(asked, time=ServerTime(timedelta(), timedelta(seconds=SCRAPE)))
    for name in NAMES:
        made = told[Key("demo", name)]
        assert isinstance(made, Tile)
        counted = {row.workload for row in made.rows if row.count and row.edge is None}
        silent = {f"{TURNED}-v2"} if mode is Mode.EMPTY else set[str]()
        assert counted == {f"{name}-v1", f"{name}-v2"} - silent
        assert made.reservation == ""


async def test_both_forms_of_a_tile_are_answered_with_the_same_counts() -> None:
    end = datetime.fromtimestamp(time.time() // SCRAPE * SCRAPE, UTC)  # noqa: TID251 - as above
    swiftly = replace(tile_question(OTHER, edges=(500.0,)), end=end)
    nobody = frozenset({(f"{OTHER}-v1", "of whom it is not known, so that it is looked closely")})
    async with playing(Mode.BAD) as url, asking(url) as metrics:
        made = [
            (await metrics.tiles([asked], time=ServerTime(timedelta(), None)))[asked.key]
            for asked in (swiftly, replace(swiftly, warm=nobody))
        ]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/counts") as answer:
            asked = (await answer.json())["queries"]
    assert asked == {Kind.SWIFT.value: 2, Kind.EXACT.value: 1}
    assert isinstance(made[0], Tile)
    assert made[0].rows
    assert made[0] == made[1]


@pytest.mark.parametrize(("manner", "status"), [("ok", 200), ("500", 500), ("403", 404)])
async def test_receivers_are_played_as_their_address_says(manner: str, status: int) -> None:
    async with (
        playing(Mode.GOOD) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/hook/{manner}", json={}) as answer,
    ):
        assert answer.status == status
