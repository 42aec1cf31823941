"""Made-up meshes in every trouble, and tiles of them from a real Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.decide.tiles import Frame
from canaryd.model.gates import Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.question import ServerTime, TileQuestion
from canaryd.model.tile import Tile
from tests.cluster.books import EVERY, Mesh, Pod, at, write
from tests.world.prometheus import PrometheusServer, Version

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
