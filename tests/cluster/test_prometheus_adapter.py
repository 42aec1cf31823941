"""What the built-in metrics say about series that a real Prometheus holds, and when it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.model.answered import Answered
from canaryd.model.names import Key, Revision
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from canaryd.model.spec import DURATION, SUCCESS_RATE
from tests.cluster.past import NOON, past
from tests.world.faults import HTML, Body, Cut, Fault, Hang, Status, prometheus_answer
from tests.world.world import World

__all__ = ["past"]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

MINUTE = timedelta(minutes=1)


def question(
    name: str, metric: str = SUCCESS_RATE, revision: str | None = "r1", **changes: str
) -> Question:
    return Question(
        key=Key("demo", name),
        metric=metric,
        query=changes.get("query"),
        namespace=changes.get("namespace", "demo"),
        workload=name,
        revision=Revision(revision) if revision else None,
        window=MINUTE,
        due=NOON,
    )


@asynccontextmanager
async def asking(url: str, deadline: float = 20) -> AsyncIterator[PrometheusMetrics]:
    metrics = PrometheusMetrics(
        url,
        clock=SystemClock(),
        counted=lambda _: None,
        deadline=timedelta(seconds=deadline),
        rest=timedelta(milliseconds=50),
    )
    try:
        yield metrics
    finally:
        await metrics.close()


async def ask(url: str, *questions: Question) -> list[Sample]:
    async with asking(url) as metrics:
        samples = await metrics.ask(questions)
    return [samples[one.key, one.metric] for one in questions]


async def rate(url: str, name: str, revision: str | None = "r1") -> float:
    (sample,) = await ask(url, question(name, revision=revision))
    assert sample.answered is Answered.VALUE, sample.detail
    assert sample.value is not None
    return round(sample.value, 6)


async def test_the_success_rate_is_the_share_of_answers_that_went_well(past: str) -> None:
    assert await rate(past, "healthy") == 100
    assert await rate(past, "mixed") == 95, "a hang-up (code 0) is an error as 503 is"
    assert await rate(past, "refusing") == 100, "404 is the caller's mistake"


async def test_a_canary_that_only_ever_fails_is_at_zero_and_not_without_data(past: str) -> None:
    assert await rate(past, "broken") == 0


@pytest.mark.parametrize("name", ["idle", "unheard-of"])
@pytest.mark.parametrize("metric", [SUCCESS_RATE, DURATION])
async def test_without_requests_there_is_no_data(past: str, name: str, metric: str) -> None:
    (sample,) = await ask(past, question(name, metric))
    assert sample.answered is Answered.NO_DATA
    assert f"no requests to {name} (r1) were seen in the last 60s" in sample.detail


async def test_only_pods_of_the_judged_revision_count(past: str) -> None:
    assert await rate(past, "moved") == 100
    assert await rate(past, "moved", "r0") == 0
    assert await rate(past, "moved", None) == pytest.approx(100 * 5 / 505)


async def test_series_without_pods_count_as_they_are(past: str) -> None:
    assert await rate(past, "unlabelled") == 75


async def test_only_the_destination_is_asked(past: str) -> None:
    assert await rate(past, "twice") == 100


async def test_names_and_namespaces_are_not_mixed_up(past: str) -> None:
    assert await rate(past, "app") == 100
    assert await rate(past, "app-r1") == 0
    assert await rate(past, "dot.ted") == 100
    (prod,) = await ask(past, question("app", namespace="prod"))
    assert prod.value == 0


async def test_the_latency_is_the_99th_percentile_in_milliseconds(past: str) -> None:
    healthy, slow = await ask(past, question("healthy", DURATION), question("slow", DURATION))
    assert healthy.value is not None
    assert slow.value is not None
    assert healthy.value <= 5
    assert 100 < slow.value <= 250


async def test_many_questions_give_what_each_alone_gives(past: str) -> None:
    names = ["healthy", "mixed", "broken", "moved", "unlabelled", "twice", "app", "idle"]
    questions = [question(name, metric) for name in names for metric in (SUCCESS_RATE, DURATION)]
    together = await ask(past, *questions)
    alone = [(await ask(past, one))[0] for one in questions]
    assert together == alone


async def test_users_own_queries_are_answered_or_refused_in_the_servers_words(past: str) -> None:
    asked = [
        question("a", "one", query="sum(rate(istio_requests_total[1m]))"),
        question("b", "scalar", query="1 + 1"),
        question("c", "many", query="istio_requests_total"),
        question("d", "empty", query="nothing"),
        question("e", "nan", query="vector(0) / 0"),
        question("f", "wrong", query="sum("),
        question("g", "matrix", query="istio_requests_total[1m]"),
        question("h", "clash", query="istio_requests_total * on (reporter) istio_requests_total"),
    ]
    one, scalar, many, empty, nan, wrong, matrix, clash = await ask(past, *asked)
    assert one.answered is Answered.VALUE
    assert scalar.value == 2
    assert (many.answered, "series, not one number" in many.detail) == (Answered.NO_DATA, True)
    assert (empty.answered, nan.answered) == (Answered.NO_DATA, Answered.NO_DATA)
    assert (wrong.answered, "parse error" in wrong.detail) == (Answered.REFUSED, True)
    assert (matrix.answered, "matrix" in matrix.detail) == (Answered.NO_DATA, True)
    assert (clash.answered, "duplicate series" in clash.detail) == (Answered.REFUSED, True)


def now(query: str = "vector(7)") -> Question:
    due = SystemClock().now()
    return Question(Key("demo", "now"), "seven", query, "demo", "now", None, MINUTE, due)


async def test_it_goes_on_when_a_prometheus_that_was_away_is_back(world: World) -> None:
    part = world.parts["prometheus"]
    async with asking(world.prometheus_url, deadline=5) as metrics:

        async def answered() -> Answered:
            (sample,) = (await metrics.ask([now()])).values()
            return sample.answered

        changes: list[tuple[Callable[[], object], Callable[[], object]]] = [
            (part.suspend, part.resume),
            (part.stop, part.start),
        ]
        for away, back in changes:
            assert await answered() is Answered.VALUE
            away()
            try:
                assert await answered() is Answered.UNAVAILABLE
            finally:
                back()
            async with asyncio.timeout(60):
                while await answered() is not Answered.VALUE:
                    pass


async def test_what_stands_between_may_talk_nonsense(world: World) -> None:
    nonsense: list[tuple[Fault, Answered]] = [
        (Status(500), Answered.UNAVAILABLE),
        (Status(429, retry_after=1), Answered.UNAVAILABLE),
        (HTML, Answered.UNAVAILABLE),
        (Cut(), Answered.UNAVAILABLE),
        (Cut(inside=True), Answered.UNAVAILABLE),
        (Hang(), Answered.UNAVAILABLE),
        (Body("{}"), Answered.UNAVAILABLE),
        (prometheus_answer(), Answered.NO_DATA),
        (prometheus_answer(({}, "NaN")), Answered.NO_DATA),
        (prometheus_answer(({"a": "1"}, "1"), ({"a": "2"}, "2")), Answered.NO_DATA),
    ]
    with world.prometheus_proxy() as proxy:
        for fault, wanted in nonsense:
            async with asking(proxy.url, deadline=5) as metrics:
                with proxy.fault(fault, path="/api/v1/query"):
                    (sample,) = (await metrics.ask([now()])).values()
                    assert (fault, sample.answered) == (fault, wanted), sample.detail
                (sample,) = (await metrics.ask([now()])).values()
                assert (fault, sample.answered) == (fault, Answered.VALUE), sample.detail


async def test_the_worlds_own_series_are_understood(world: World, namespace: str) -> None:
    host = f"{namespace}.example"
    world.podinfo(namespace, host=host, weights=(50, 50))
    world.behave(namespace, "podinfo-v2", error_rate=1.0)

    def revision(name: str) -> Revision:
        pods = world.pods(namespace, name)
        return Revision(pods[0]["metadata"]["labels"]["pod-template-hash"])

    async def both(metrics: PrometheusMetrics) -> Mapping[tuple[Key, str], Sample]:
        due = SystemClock().now()
        window = timedelta(seconds=10)
        return await metrics.ask(
            [
                Question(
                    Key(namespace, name), metric, None, namespace, name, revision(name), window, due
                )
                for name in ("podinfo-v1", "podinfo-v2")
                for metric in (SUCCESS_RATE, DURATION)
            ]
        )

    samples: Mapping[tuple[Key, str], Sample] = {}
    async with asking(world.prometheus_url) as metrics:
        with world.load(rate=50, host=host):
            while not (samples and all(one.value is not None for one in samples.values())):
                samples = await both(metrics)
                await asyncio.to_thread(world.send, 10, host=host)
    found = {(key.name, metric): sample for (key, metric), sample in samples.items()}
    assert found["podinfo-v1", SUCCESS_RATE].value == 100, found
    assert found["podinfo-v2", SUCCESS_RATE].value == 0, found
    assert found["podinfo-v2", DURATION].value is not None, found
