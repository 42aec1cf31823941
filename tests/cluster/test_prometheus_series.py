"""Which series of a real Prometheus, 2 and 3, tiles are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.decide.tiles import doubtful
from canaryd.model.gates import Reporter
from canaryd.model.question import ServerTime
from tests.cluster.books import EVERY, Mesh, Pod, labelled, milliseconds, write
from tests.cluster.meshes import BUSY, FRAME, STEADY, books, canary, counts, question, tile, told
from tests.world.prometheus import PrometheusServer, Version

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.mark.parametrize("spelling", ["{:g}", "{}"], ids=["2", "3"])
async def test_buckets_are_found_however_the_server_writes_their_edges(
    tmp_path: Path, version: Version, spelling: str
) -> None:
    mesh = replace(STEADY, spelling=spelling)
    async with told(tmp_path, version, mesh) as (_, metrics):
        some = await tile(metrics, question(60, (50.0, 1000.0)))
        every = await tile(metrics, question(60, None))
        none = await tile(metrics, question(60))
    found = {row.edge for row in some.rows} - {None}
    assert found == {50.0, 1000.0, float("inf")}
    assert {row.edge for row in every.rows} - {None} == {5.0, 50.0, 100.0, 1000.0, float("inf")}
    assert counts(some) == counts(every) == counts(none)
    assert {row for row in every.rows if row.edge in found} == {
        row for row in some.rows if row.edge is not None
    }
    for pod in mesh.pods:
        early, late = (mesh.last_scrape(pod, stamp) for stamp in (50, 60))
        assert early is not None
        assert late is not None
        timed = sum(r.count for r in every.rows if r.pod == pod.name and r.edge == float("inf"))
        assert timed == sum(pod.counted(c, late) - pod.counted(c, early) for c in pod.rates)


async def test_series_without_pods_come_with_an_empty_one(tmp_path: Path, version: Version) -> None:
    mesh = Mesh((canary(1, name=""),))
    async with told(tmp_path, version, mesh) as (_, metrics):
        made = await tile(metrics, question(60))
    assert {row.pod for row in made.rows} == {""}
    refusal = doubtful(made, FRAME)
    assert refusal is not None
    assert "no `pod` label" in refusal.message


async def test_a_workload_whose_name_begins_alike_is_another(
    tmp_path: Path, version: Version
) -> None:
    others = (
        Pod("app-v1-canary-5d5d-1", "app-v1-canary", BUSY),
        Pod("app-v2-7f9c-7", "app-v2-7f9c", BUSY),
    )
    mesh = replace(STEADY, pods=(*STEADY.pods, *others))
    async with told(tmp_path, version, mesh) as (_, metrics):
        made = await tile(metrics, question(60))
    assert counts(made) == books(STEADY, 60)


async def test_failed_requests_that_reached_nobody_are_told_apart(
    tmp_path: Path, version: Version
) -> None:
    """As clients count them: Istio names their service and no workload."""

    def line(service: str, workload: str, code: str) -> dict[str, str]:
        return {
            **labelled(STEADY.pods[0], code),
            "__name__": "istio_requests_total",
            "reporter": "source",
            "destination_workload": workload,
            "destination_workload_namespace": "unknown" if workload == "unknown" else "demo",
            "destination_service_name": service,
            "destination_service_namespace": "demo",
            "pod": "gateway-1",
        }

    lines = [
        line("app", "app-v1", "200"),
        line("app", "unknown", "503"),
        line("app", "unknown", "404"),
        line("another", "unknown", "503"),
    ]
    steps = [(milliseconds(s), float(s + 900)) for s in range(-900, 100, EVERY)]
    async with told(tmp_path, version, STEADY) as (server, metrics):
        write(server.url, ((labels, steps) for labels in lines))
        made = await tile(metrics, replace(question(60), reporter=Reporter.SOURCE))
    assert [(row.workload, row.code, row.count) for row in made.rows] == [
        ("app-v1", "200", 15.0),
        ("unknown", "503", 15.0),
    ]
    refusal = doubtful(made, FRAME)
    assert refusal is not None
    assert "reached no pod" in refusal.message


async def test_it_measures_how_often_pods_are_scraped(tmp_path: Path, version: Version) -> None:
    """Nearer to now than the mesh's noon, as the server's own clock is meant."""
    clock = SystemClock()
    now = clock.now().timestamp()
    flags = ("--web.enable-remote-write-receiver",)
    with PrometheusServer(version, tmp_path, flags=flags) as server:
        metrics = PrometheusMetrics(server.url, clock=clock, counted=lambda _: None)
        try:
            nothing = await metrics.time(question(0))
            labels = {"__name__": "istio_requests_total", **labelled(canary(1), "200")}
            stamps = [now - 240 + step * 15 for step in range(16) if step not in {4, 5, 9}]
            write(server.url, [(labels, [(round(1000 * s), s) for s in stamps])])
            found = await metrics.time(question(0))
        finally:
            await metrics.close()
    assert isinstance(nothing, ServerTime)
    assert nothing.scrape is None
    assert isinstance(found, ServerTime)
    assert found.scrape == timedelta(seconds=15)
    assert abs(found.skew) < timedelta(seconds=5)
