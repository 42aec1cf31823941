"""Asks a misbehaving server through the real adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.model.names import Key, Revision
from canaryd.model.snapshot import Answered, Sample
from canaryd.model.spec import SUCCESS_RATE
from canaryd.ports import Question
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import (
    Behaviour,
    Misbehaving,
    misbehaving,
)

MINUTE = timedelta(minutes=1)
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
