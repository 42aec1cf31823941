"""Asks a misbehaving server through the real adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.adapters.prometheus.tiles import COUNTS, TIMED
from canaryd.model.answered import Answered
from canaryd.model.gates import Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.question import Failed, Question, ServerTime, TileQuestion
from canaryd.model.snapshot import Sample
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.tile import Tile
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import (
    Behaviour,
    Misbehaving,
    json,
    misbehaving,
)

MINUTE = timedelta(minutes=1)
TIME = ServerTime(timedelta(seconds=1), timedelta(seconds=5))
Line = dict[str, Any]
SIDES = ("destination_workload_namespace", "destination_workload")


def question(
    name: str = "podinfo",
    metric: str = "depth",
    query: str | None = "sum(depth)",
    namespace: str = "demo",
    revision: str | None = "7f9c",
    window: timedelta = MINUTE,
) -> Question:
    shown = Revision(revision) if revision else None
    return Question(
        Key(namespace, name), metric, query, namespace, f"{name}-v2", shown, window, NOON
    )


def built_in(name: str = "podinfo", metric: str = SUCCESS_RATE, revision: str = "7f9c") -> Question:
    return question(name, metric, None, revision=revision)


def side(name: str, namespace: str = "demo") -> dict[str, str]:
    return dict(zip(SIDES, (namespace, f"{name}-v2"), strict=True))


@asynccontextmanager
async def asking(
    server: Misbehaving, *, deadline: float = 5.0, rest: float = 60.0, threads: int = 4
) -> AsyncIterator[PrometheusMetrics]:
    metrics = PrometheusMetrics(
        server.url.replace("//", "//ann:s3cret@") + "/prom/",
        clock=SystemClock(),
        counted=lambda _: None,
        deadline=timedelta(seconds=deadline),
        rest=timedelta(seconds=rest),
        threads=threads,
    )
    try:
        yield metrics
    finally:
        await metrics.close()


async def answer_to(
    *behaviours: Behaviour, asked: Question | None = None, deadline: float = 5.0
) -> Sample:
    asked = asked or question()
    async with misbehaving(*behaviours) as server, asking(server, deadline=deadline) as metrics:
        samples = await metrics.ask([asked])
    assert set(samples) == {(asked.key, asked.metric)}
    sample = samples[asked.key, asked.metric]
    assert (sample.asked_at, sample.window, sample.metric) == (NOON, MINUTE, asked.metric)
    assert "s3cret" not in sample.detail
    assert (sample.value is not None) == (sample.answered is Answered.VALUE)
    assert bool(sample.detail) == (sample.answered is not Answered.VALUE)
    return sample


def tile_question(
    name: str = "podinfo",
    *,
    revision: str = "7f9c",
    edges: tuple[float, ...] | None = (),
    window: float = 10,
    after: float = 0,
    reporter: Reporter = Reporter.DESTINATION,
    warm_up: float = 30,
) -> TileQuestion:
    return TileQuestion(
        key=Key("demo", name),
        namespace="demo",
        canary=f"{name}-v2",
        primary=f"{name}-v1",
        revision=Revision(revision),
        window=timedelta(seconds=window),
        end=NOON + timedelta(seconds=after),
        edges=edges,
        warm_up=timedelta(seconds=warm_up),
        reporter=reporter,
    )


def line(part: str, value: object, *, workload: str = "podinfo-v2", **labels: object) -> Line:
    """One line of a tile's answer; rows of counts do not say which part they are."""
    pod = f"{workload}-{'7f9c' if workload.endswith('v2') else '6d4c'}-a1b2c"
    sides = dict(zip(SIDES, ("demo", workload), strict=True))
    named = None if part in {COUNTS, TIMED} else part
    metric = {"part": named, **sides, "pod": pod, **labels}
    shown = {key: label for key, label in metric.items() if label is not None}
    return {"metric": shown, "value": [NOON.timestamp(), value]}


def span(part: str, early: object, late: object, **labels: object) -> Line:
    """One line of the answer to the swift form: values at the tile's start and end; None: none."""
    made = line(part, None, **labels)  # type: ignore[arg-type]
    points = ((NOON.timestamp() - 10, early), (NOON.timestamp(), late))
    values = [[stamp, value] for stamp, value in points if value is not None]
    return {"metric": made["metric"], "values": values}


def steady(name: str = "podinfo") -> list[Line]:
    """The lines of a healthy tile: one pod a side, ten requests each."""
    early, late = str(NOON.timestamp() - 12), str(NOON.timestamp() - 2)
    return [
        made
        for workload in (f"{name}-v1", f"{name}-v2")
        for made in (
            span("counts", "100", "110", workload=workload, response_code="200"),
            span("seen", early, late, workload=workload),
            span("warm", "1", "1", workload=workload),
            span("peak", "100", "110", workload=workload),
        )
    ]


def exactly(name: str = "podinfo") -> list[Line]:
    """The same as the exact form says it."""
    stamp = NOON.timestamp() - 2
    return [
        made
        for workload in (f"{name}-v1", f"{name}-v2")
        for made in (
            line("counts", "10", workload=workload, response_code="200"),
            line("end", str(stamp), workload=workload),
            line("start", str(stamp - 10), workload=workload),
            line("warm", "1", workload=workload),
        )
    ]


def spans(*made: object, **more: object) -> Behaviour:
    data = {"resultType": "matrix", "result": list(made)}
    return json({"status": "success", "data": data, **more})


def lines(*made: object, **more: object) -> Behaviour:
    data = {"resultType": "vector", "result": list(made)}
    return json({"status": "success", "data": data, **more})


async def tile_told(
    *behaviours: Behaviour, asked: TileQuestion | None = None, deadline: float = 5.0
) -> Tile | Failed:
    asked = asked or tile_question()
    async with misbehaving(*behaviours) as server, asking(server, deadline=deadline) as metrics:
        told = await metrics.tiles([asked], time=TIME)
    assert set(told) == {asked.key}
    return told[asked.key]
