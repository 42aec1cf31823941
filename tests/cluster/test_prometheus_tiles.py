"""Whether tiles of a real Prometheus, 2 and 3, say what the books of a made-up mesh say."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.decide.tiles import Frame, doubtful
from canaryd.model.gates import Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.question import Failed, PastQuestion, ServerTime, TileQuestion
from canaryd.model.tile import Tile
from tests.cluster.books import EVERY, Mesh, Pod, at, labelled, milliseconds, write
from tests.world.prometheus import PrometheusServer, Version

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

WINDOW = 10
TIME = ServerTime(timedelta(), timedelta(seconds=EVERY))
BUSY = {"200": 7.0, "404": 0.3, "503": 0.2}
FRAME = Frame("app-v2", "app-v1")


def primary(number: int, **changes: Any) -> Pod:
    made = Pod(f"app-v1-6d4c-{number}", "app-v1", BUSY, phase=number * 3.7)
    return replace(made, **changes)


def canary(number: int, **changes: Any) -> Pod:
    made = Pod(f"app-v2-7f9c-{number}", "app-v2", BUSY, phase=1 + number * 4.1)
    return replace(made, **changes)


STEADY = Mesh((primary(1), primary(2), primary(3), canary(1), canary(2), canary(3)))
LEAVING = Mesh((primary(1, died=33.0), primary(2), canary(1, died=95.0), canary(2)))
RESTARTED = Mesh((primary(1), primary(2, restarts=(44.0,)), canary(1, restarts=(51.0, 57.0))))
COMING = Mesh((primary(1), canary(1, born=12.5), canary(2, born=48.0), canary(3)))
FIRST_ERRORS = Mesh((primary(1), canary(1, first={"503": 31.0}), canary(2, rates={"503": 2.0})))
GAPS = Mesh((primary(1), primary(2, gaps=((20.0, 80.0),)), canary(1, gaps=((31.0, 47.0),))))
AWAY = Mesh((primary(1), primary(2), canary(1)), away=((17.0, 84.0),))
LONG_AWAY = Mesh((primary(1), canary(1)), away=((-290.0, 40.0),))
EVERYTHING = Mesh(
    (
        primary(1, restarts=(44.0,)),
        primary(2, died=61.0),
        primary(3, gaps=((31.0, 47.0),)),
        canary(1, first={"503": 31.0}),
        canary(2, born=12.5),
        canary(3),
        Pod("app-v2-5b5b-9", "app-v2", {"500": 40.0}, died=36.0),
    )
)
FORGETFUL = Mesh(
    (
        primary(1),
        canary(
            1,
            rates={"200": 7.0, "200@batch": 0.5, "503@batch": 0.01, "503": 3.0, "200@new": 2.0},
            forgotten={"200@batch": 44.0, "503@batch": 44.0},
            first={"200@new": 39.0},
        ),
    )
)
MESHES = {
    "forgetful": FORGETFUL,
    "steady": STEADY,
    "leaving": LEAVING,
    "restarted": RESTARTED,
    "coming": COMING,
    "first errors": FIRST_ERRORS,
    "gaps": GAPS,
    "away": AWAY,
    "away for long": LONG_AWAY,
    "everything": EVERYTHING,
}


@pytest.fixture(scope="module", params=["2", "3"])
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


@asynccontextmanager
async def told(
    folder: Path, version: Version, mesh: Mesh
) -> AsyncIterator[tuple[PrometheusServer, PrometheusMetrics]]:
    flags = ("--web.enable-remote-write-receiver",)
    with PrometheusServer(version, folder, flags=flags) as server:
        write(server.url, mesh.series())
        metrics = PrometheusMetrics(server.url, clock=SystemClock(), counted=lambda _: None)
        try:
            yield server, metrics
        finally:
            await metrics.close()


def question(end: float, edges: tuple[float, ...] | None = ()) -> TileQuestion:
    return TileQuestion(
        key=Key("demo", "app"),
        namespace="demo",
        canary="app-v2",
        primary="app-v1",
        revision=Revision("7f9c"),
        window=timedelta(seconds=WINDOW),
        end=at(end),
        edges=edges,
        warm_up=timedelta(seconds=30),
        reporter=Reporter.DESTINATION,
    )


async def tile(metrics: PrometheusMetrics, asked: TileQuestion) -> Tile:
    made = (await metrics.tiles([asked], time=TIME))[asked.key]
    assert isinstance(made, Tile), made
    return made


def judged(pod: Pod) -> bool:
    return pod.workload == "app-v1" or pod.name.startswith("app-v2-7f9c-")


def books(mesh: Mesh, end: float) -> dict[tuple[str, str], float]:
    found: Counter[tuple[str, str]] = Counter()
    for pod in filter(judged, mesh.pods):
        for code in pod.rates:
            count = mesh.booked(pod, code, end - WINDOW, end)
            if count is not None:
                found[pod.name, code.partition("@")[0]] += count
    return dict(found)


def counts(made: Tile) -> dict[tuple[str, str], float]:
    return {(row.pod, row.code): row.count for row in made.rows if row.edge is None}


def tiles_of(mesh: Mesh) -> Iterator[float]:
    return (float(end) for end in range(0, 140, WINDOW))


@pytest.mark.parametrize("name", MESHES)
async def test_tiles_say_what_the_books_say(tmp_path: Path, version: Version, name: str) -> None:
    mesh = MESHES[name]
    async with told(tmp_path, version, mesh) as (_, metrics):
        for end in tiles_of(mesh):
            made = await tile(metrics, question(end))
            assert counts(made) == books(mesh, end), f"{name} at {end}"
            assert (made.start, made.end) == (at(end - WINDOW), at(end))
            seen = {pod.pod: pod for pod in made.pods}
            for pod in filter(judged, mesh.pods):
                for when, stamp in (("at_end", end), ("at_start", end - WINDOW)):
                    scraped = mesh.last_scrape(pod, stamp)
                    shown = getattr(seen.get(pod.name), when, None)
                    assert shown == (None if scraped is None else at(scraped)), (pod.name, end)


@pytest.mark.parametrize("name", MESHES)
async def test_a_tile_that_can_be_doubted_says_why(
    tmp_path: Path, version: Version, name: str
) -> None:
    """What counts adds up to the requests that were made, less what no scrape ever saw."""
    mesh = MESHES[name]
    async with told(tmp_path, version, mesh) as (_, metrics):
        for end in tiles_of(mesh):
            made = await tile(metrics, question(end))
            if doubtful(made, FRAME) is not None:
                assert name in {"gaps", "away", "away for long", "everything"}, doubtful(
                    made, FRAME
                )
                continue
            for pod in filter(judged, mesh.pods):
                late, early = (mesh.last_scrape(pod, t) for t in (end, end - WINDOW))
                if late is None or (early is None and pod.born < mesh.start):
                    continue
                begun = pod.begun(late)
                since = begun if early is None or begun > early else early
                shown = [code for code in pod.rates if mesh.exposed(pod, code, late)]
                truth = sum(pod.counted(c, late) - pod.counted(c, since) for c in shown)
                mine = sum(n for (who, _), n in counts(made).items() if who == pod.name)
                assert mine == truth, (pod.name, end)


async def test_a_pod_is_known_when_only_its_scrapes_were_missing(
    tmp_path: Path, version: Version
) -> None:
    mesh = Mesh((*GAPS.pods, canary(2, born=41.0)))
    async with told(tmp_path, version, mesh) as (_, metrics):
        back = next(
            end
            for end in tiles_of(mesh)
            if mesh.last_scrape(mesh.pods[2], end) is not None
            and mesh.last_scrape(mesh.pods[2], end - WINDOW) is None
        )
        made = await tile(metrics, question(back))
        assert {pod.pod: pod.known for pod in made.pods if pod.workload == "app-v2"} == {
            "app-v2-7f9c-1": True,
            "app-v2-7f9c-2": False,
        }
        refusal = doubtful(made, FRAME)
        assert refusal is not None
        assert "was not scraped at the start" in refusal.message


async def test_a_pod_is_warm_when_it_was_there_a_warm_up_before(
    tmp_path: Path, version: Version
) -> None:
    async with told(tmp_path, version, COMING) as (_, metrics):
        for end in tiles_of(COMING):
            made = await tile(metrics, question(end))
            for pod in made.pods:
                life = next(one for one in COMING.pods if one.name == pod.pod)
                before = COMING.last_scrape(life, end - WINDOW - 30)
                assert pod.warm == (before is not None), (pod, end)


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


async def test_a_tile_asked_later_gives_the_same_numbers(tmp_path: Path, version: Version) -> None:
    """As long as the server remembers; the mesh goes on meanwhile."""
    early = replace(EVERYTHING, end=60.0)
    flags = ("--web.enable-remote-write-receiver",)
    with PrometheusServer(version, tmp_path, flags=flags) as server:
        write(server.url, early.series())
        metrics = PrometheusMetrics(server.url, clock=SystemClock(), counted=lambda _: None)
        try:
            at_once = await tile(metrics, question(60, None))
            late = (
                (labels, [one for one in samples if one[0] > milliseconds(60)])
                for labels, samples in EVERYTHING.series()
            )
            write(server.url, late)
            assert await tile(metrics, question(60, None)) == at_once
        finally:
            await metrics.close()


async def test_two_servers_behind_one_address_each_tell_a_whole_truth(
    tmp_path: Path, version: Version
) -> None:
    """They scrape at other instants, and one of them has a gap: either answer is in its books."""
    one = EVERYTHING
    other = replace(
        one, pods=tuple(replace(pod, phase=pod.phase + 6.3, gaps=()) for pod in one.pods)
    )
    for name, mesh in (("one", one), ("other", other)):
        async with told(tmp_path / name, version, mesh) as (_, metrics):
            for end in tiles_of(mesh):
                assert counts(await tile(metrics, question(end))) == books(mesh, end), (name, end)


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


@pytest.mark.parametrize("name", ["steady", "everything", "first errors", "gaps"])
async def test_the_past_has_the_same_counts_as_the_tiles_of_then(
    tmp_path: Path, version: Version, name: str
) -> None:
    mesh = MESHES[name]
    asked = PastQuestion(
        key=Key("demo", "app"),
        namespace="demo",
        workloads=("app-v1", "app-v2"),
        window=timedelta(seconds=WINDOW),
        end=at(130),
        span=timedelta(seconds=140),
        reporter=Reporter.DESTINATION,
        latency=True,
    )
    async with told(tmp_path, version, mesh) as (_, metrics):
        columns = await metrics.past(asked)
        assert not isinstance(columns, Failed), columns
        assert [column.end for column in columns] == [at(end) for end in tiles_of(mesh)]
        for column, end in zip(columns, tiles_of(mesh), strict=True):
            made = await tile(metrics, question(end, None))
            there = {pod.pod for pod in made.pods if pod.at_end and pod.at_start}
            wanted = {row for row in made.rows if row.pod in there}
            mine = {row for row in column.rows if "5b5b" not in row.pod}
            assert mine == wanted, end


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
