"""Whether tiles of a real Prometheus, 2 and 3, say what the books of a made-up mesh say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.decide.tiles import doubtful
from canaryd.model.gates import Reporter
from canaryd.model.names import Key
from canaryd.model.past import by_column
from canaryd.model.question import Failed, PastQuestion
from canaryd.runtime.attendance import Attendance
from tests.cluster.books import Mesh, at, milliseconds, write
from tests.cluster.meshes import (
    COMING,
    EVERYTHING,
    FRAME,
    GAPS,
    MESHES,
    STEADY,
    WINDOW,
    books,
    canary,
    counts,
    judged,
    primary,
    question,
    tile,
    tiles_of,
    told,
)
from tests.world.prometheus import PrometheusServer, Version

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


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


BACK_AND_GONE = Mesh(
    (primary(1), primary(2), canary(1), canary(2, gaps=((50.0, 60.0),), died=83.0))
)


@pytest.mark.parametrize("name", [*MESHES, "back and gone"])
async def test_pods_remembered_as_warm_make_the_tiles_that_the_server_would_make(
    tmp_path: Path, version: Version, name: str
) -> None:
    attendance, remembered = Attendance(), 0
    mesh = MESHES.get(name, BACK_AND_GONE)
    async with told(tmp_path, version, mesh) as (_, metrics):
        for end in tiles_of(mesh):
            asked = question(end)
            warm = attendance.warm(
                asked.end - asked.window, warm_up=asked.warm_up, window=asked.window
            )
            made = await tile(metrics, asked)
            assert await tile(metrics, replace(asked, warm=warm)) == made, f"{name} at {end}"
            attendance.note(made)
            remembered += bool(warm)
    assert remembered >= 3


async def test_an_edge_that_no_bucket_has_is_told_with_those_that_there_are(
    tmp_path: Path, version: Version
) -> None:
    async with told(tmp_path, version, STEADY) as (_, metrics):
        wrong = await tile(metrics, question(60, (50.0, 300.0)))
        right = await tile(metrics, question(60, (50.0,)))
    assert (wrong.lacking, wrong.buckets) == ((300.0,), (5.0, 50.0, 100.0, 1000.0))
    assert (right.lacking, right.buckets) == ((), ())
    assert wrong.rows == right.rows
    assert doubtful(wrong, FRAME) is None


async def test_requests_that_a_waypoint_counts_are_named_and_counted_when_it_is_asked(
    tmp_path: Path, version: Version
) -> None:
    """Ambient mode: no proxy of the destination's own, and the client's is the waypoint."""
    flags = ("--web.enable-remote-write-receiver",)
    ambient = [({**labels, "reporter": "waypoint"}, told) for labels, told in STEADY.series()]
    with PrometheusServer(version, tmp_path, flags=flags) as server:
        write(server.url, ambient)
        metrics = PrometheusMetrics(server.url, clock=SystemClock(), counted=lambda _: None)
        usual, mended = question(60), replace(question(60), reporter=Reporter.WAYPOINT)
        try:
            named, made = await tile(metrics, usual), await tile(metrics, mended)
            later = await tile(metrics, replace(usual, end=at(STEADY.end + 3000)))
        finally:
            await metrics.close()
    assert (named.rows, named.pods, named.counted_by) == ((), (), Reporter.WAYPOINT)
    assert later.counted_by is None, "nobody has counted anything for a while"
    assert made.counted_by is None
    assert sum(counts(made).values()) == sum(books(STEADY, 60).values()) > 0


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
        answer = await metrics.past(asked)
        assert not isinstance(answer, Failed), answer
        columns = by_column(answer)
        assert [column.end for column in columns] == [at(end) for end in tiles_of(mesh)]
        for column, end in zip(columns, tiles_of(mesh), strict=True):
            made = await tile(metrics, question(end, None))
            there = {pod.pod for pod in made.pods if pod.at_end and pod.at_start}
            wanted = {row for row in made.rows if row.pod in there}
            mine = {row for row in column.rows if "5b5b" not in row.pod}
            assert mine == wanted, end
