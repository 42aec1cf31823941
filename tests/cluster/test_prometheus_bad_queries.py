"""Bad queries put to a real Prometheus, 2 and 3: each is named, and none harms its neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.cli.query_check import SAMPLES
from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.query import render
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from tests.adapters.bad_queries import PARSED, SERIES, spoilt
from tests.cluster.books import write
from tests.world.prometheus import PrometheusServer, Version

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

MINUTE = timedelta(minutes=1)
SLOW = f"max_over_time(vector({' + '.join(['time()'] * 800)})[2d:1s])"
"""Much work for the server in small pieces: it looks at the time after each; little memory."""
ENDLESS = "max_over_time(sum_over_time(vector(1)[1h:1s])[7d:1s])"
"""The same in one piece, in which Prometheus 2 does not look at the time."""
MANY = 250


@pytest.fixture(scope="module")
def server(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    flags = ("--web.enable-remote-write-receiver",)
    with PrometheusServer(version, folder, flags=flags) as server:
        yield server.url


@asynccontextmanager
async def asking(url: str, *, deadline: float = 60) -> AsyncIterator[PrometheusMetrics]:
    """The adapter; whatever the loop would report of it is a failure."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
    metrics = PrometheusMetrics(
        url, clock=SystemClock(), counted=lambda _: None, deadline=timedelta(seconds=deadline)
    )
    try:
        yield metrics
    finally:
        await metrics.close()
        assert not reported


def written(url: str) -> datetime:
    """Write the series that the queries are about; returns an instant at which they are there."""
    now = SystemClock().now()
    stamp = round(now.timestamp() * 1000) - 1000
    write(url, [(labels, [(stamp, value)]) for labels, value in SERIES])
    return now


def question(name: str, text: str, due: datetime) -> Question:
    query = render(text, SAMPLES)
    return Question(Key("demo", name), "depth", query, "demo", "app-v2", None, MINUTE, due)


async def told(metrics: PrometheusMetrics, asked: list[Question]) -> list[Sample]:
    samples = await metrics.ask(asked)
    assert len(samples) == len(asked)
    return [samples[one.key, one.metric] for one in asked]


async def test_every_bad_query_is_named_and_a_good_one_between_them_is_answered(
    server: str,
) -> None:
    due = written(server)
    asked: list[Question] = []
    for number, case in enumerate(PARSED):
        asked.append(question(f"bad{number}", case.query, due))
        asked.append(question(f"good{number}", "lone", due))
    async with asking(server) as metrics:
        samples = await told(metrics, asked)
    bad, good = samples[::2], samples[1::2]
    assert {(one.answered, one.value) for one in good} == {(Answered.VALUE, 7.0)}
    wrong = [
        f"{case.query[:60]!r}: {sample.answered.value} {sample.detail}"
        for case, sample in zip(PARSED, bad, strict=True)
        if sample.answered is not case.told
        or case.words not in sample.detail
        or bool(sample.detail) == (sample.answered is Answered.VALUE)
    ]
    assert not wrong
    assert len(PARSED) > 120


async def test_spoilt_queries_have_a_number_or_words_and_a_good_one_is_answered(
    server: str,
) -> None:
    due = written(server)
    texts = [text for text in spoilt(seed=9, count=2 * MANY) if "{{" not in text][:MANY]
    assert len(texts) == MANY
    asked = [question(f"bad{number}", text, due) for number, text in enumerate(texts)]
    async with asking(server) as metrics:
        *bad, good = await told(metrics, [*asked, question("good", "lone", due)])
    assert (good.answered, good.value) == (Answered.VALUE, 7.0)
    for text, sample in zip(texts, bad, strict=True):
        assert sample.answered is not Answered.UNAVAILABLE, (text, sample)
        assert (sample.value is None) == bool(sample.detail), (text, sample)
        assert sample.detail.isprintable(), (text, sample)
        assert len(sample.detail) < 400, (text, sample)
    assert sum(sample.answered is Answered.REFUSED for sample in bad) > MANY / 2


async def test_slow_queries_are_given_up_by_the_server_with_words(server: str) -> None:
    due = written(server)
    async with asking(server, deadline=10) as metrics:
        samples = await told(metrics, [question(name, SLOW, due) for name in ("slow1", "slow2")])
    assert {one.answered for one in samples} == {Answered.UNAVAILABLE}
    for one in samples:
        assert "the metrics server answered 503: query timed out" in one.detail


async def test_queries_that_never_end_blind_nobody(server: str) -> None:
    due = written(server)
    slow = [question(f"slow{number}", ENDLESS, due) for number in range(4)]
    good = question("good", "lone", due)
    async with asking(server, deadline=3) as metrics:
        samples = await told(metrics, [*slow, good])
        (after,) = await told(metrics, [good])
    assert [one.answered for one in samples[:4]] == [Answered.UNAVAILABLE] * 4
    assert all(one.detail for one in samples[:4])
    assert (samples[4].value, after.value) == (7.0, 7.0), after.detail
