"""What users are told about each kind of answer; every one really sent over a socket."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.model.names import Key, Revision
from canaryd.model.snapshot import Answered, Sample
from canaryd.model.spec import DURATION, SUCCESS_RATE
from canaryd.ports import Question
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import (
    Behaviour,
    Misbehaving,
    drip,
    hang,
    http,
    json,
    misbehaving,
    raw,
    refused,
    vector,
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


async def test_a_number_is_a_value() -> None:
    sample = await answer_to(vector(({}, "12.5")))
    assert (sample.answered, sample.value) == (Answered.VALUE, 12.5)


async def test_a_scalar_is_a_value() -> None:
    body = {"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}
    assert (await answer_to(json(body))).value == 3


async def test_a_zipped_answer_is_read() -> None:
    body = b'{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}'
    zipped = http(200, gzip.compress(body), headers=[("Content-Encoding", "gzip")])
    assert (await answer_to(zipped)).value == 3


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (vector(), "no series"),
        (vector(({}, "NaN")), "NaN"),
        (vector(({}, "+Inf")), "+Inf"),
        (vector(({}, "-Inf")), "-Inf"),
        (vector(({"a": "1"}, "1"), ({"a": "2"}, "2")), "2 series"),
        (vector(({}, "1"), warnings=["store 3 did not\nanswer"]), "store 3 did not answer"),
        (vector(({}, "1"), isPartial=True), "partial"),
        (json({"status": "success", "data": {"resultType": "matrix", "result": []}}), "matrix"),
        (
            json({"status": "success", "data": {"resultType": "string", "result": [1, "x"]}}),
            "string",
        ),
        (
            json(
                {
                    "status": "success",
                    "data": {
                        "resultType": "vector",
                        "result": [{"metric": {}, "histogram": [1, {"count": "3"}]}],
                    },
                }
            ),
            "native histogram",
        ),
    ],
    ids=[
        "empty",
        "NaN",
        "+Inf",
        "-Inf",
        "two series",
        "warning",
        "partial",
        "matrix",
        "string",
        "native histogram",
    ],
)
async def test_what_is_no_number_is_no_data_and_named(behaviour: Behaviour, words: str) -> None:
    sample = await answer_to(behaviour)
    assert sample.answered is Answered.NO_DATA
    assert words in sample.detail


async def test_an_info_note_of_the_server_is_no_warning() -> None:
    noted = vector(({}, "1"), infos=["PromQL info: metric might not be a counter"])
    assert (await answer_to(noted)).answered is Answered.VALUE


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_query_says_the_servers_words(status: int) -> None:
    sample = await answer_to(refused(status, "1:4: parse error: unexpected <EOF>"))
    assert sample.answered is Answered.REFUSED
    assert "1:4: parse error: unexpected <EOF>" in sample.detail


def _sized(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (http(500, b"oops", kind="text/plain"), "500"),
        (http(502, b"<html>", kind="text/html"), "502"),
        (
            http(503, b'{"status":"error","errorType":"timeout","error":"query timed out"}'),
            "timed out",
        ),
        (http(429, b"", kind="text/plain", headers=[("Retry-After", "60")]), "429"),
        (http(401, b"who?", kind="text/plain"), "401"),
        (http(400, b"<html>bad gateway", kind="text/html"), "400"),
        (http(302, b"", headers=[("Location", "http://login.example/")]), "302"),
        (http(200, b"<html>Sign in</html>", kind="text/html"), "text/html"),
        (http(200, b""), "not JSON"),
        (json([1, 2]), "shape"),
        (json({"status": "success"}), "shape"),
        (json({"status": "success", "data": None}), "shape"),
        (json({"status": "success", "data": {"resultType": "vector", "result": [7]}}), "shape"),
        (json({"status": "success", "data": {"resultType": "vector", "result": [{}]}}), "shape"),
        (json({"status": "error", "error": "no"}), "no"),
        (raw(_sized(500) + b'{"status":"succ', close=True), "cut off"),
        (raw(b"", close=True), "cut off"),
        (raw(b"SSH-2.0-OpenSSH_9.7\r\n", close=True), "cut off"),
        (raw(_sized(9 << 20) + b" " * (9 << 20)), "larger than"),
        (
            http(200, gzip.compress(b" " * (64 << 20)), headers=[("Content-Encoding", "gzip")]),
            "larger",
        ),
    ],
    ids=[
        "500",
        "502 HTML",
        "503",
        "429",
        "401",
        "400 HTML",
        "redirect",
        "200 HTML",
        "200 empty",
        "JSON list",
        "no data",
        "data null",
        "line is a number",
        "line is empty",
        "200 with an error",
        "body cut",
        "closed at once",
        "not HTTP",
        "oversized",
        "zip bomb",
    ],
)
async def test_nonsense_is_unavailable_and_named(behaviour: Behaviour, words: str) -> None:
    sample = await answer_to(behaviour)
    assert sample.answered is Answered.UNAVAILABLE
    assert words in sample.detail


@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        drip(b"HTTP/1.1 200 OK\r\nX-Long: aaaaaaaaaaaaaaaaaaaa\r\n"),
        drip(_sized(1 << 20)),
        drip(b"x"),
    ],
    ids=["hang", "headers drip", "all drips", "status line drips"],
)
async def test_a_server_that_hangs_or_drips_is_left_at_the_deadline(behaviour: Behaviour) -> None:
    threads = set(threading.enumerate())
    sample = await answer_to(behaviour, deadline=0.4)
    assert sample.answered is Answered.UNAVAILABLE
    assert "within 0.4 s" in sample.detail
    left = {thread for thread in threading.enumerate() if thread.name.startswith("prometheus")}
    assert not left - threads, "the thread was given back, not left to the server"


async def test_nobody_listening_is_unavailable() -> None:
    async with misbehaving(hang) as server:
        pass
    async with asking(server) as metrics:
        samples = await metrics.ask([question()])
    (sample,) = samples.values()
    assert sample.answered is Answered.UNAVAILABLE
    assert "no connection" in sample.detail
    assert f"http://127.0.0.1:{server.port} " in sample.detail


async def test_the_login_is_sent_in_a_header_and_the_query_in_a_form() -> None:
    async with misbehaving(vector(({}, "1"))) as server, asking(server) as metrics:
        await metrics.ask([question(query='sum(depth{a="b&c"})')])
        heard = server.heard[0]
    assert heard.line == "POST /prom/api/v1/query HTTP/1.1"
    assert heard.headers["authorization"] == "Basic YW5uOnMzY3JldA=="
    assert heard.form["query"] == 'sum(depth{a="b&c"})'
    assert float(heard.form["time"]) == NOON.timestamp()


async def test_many_canaries_share_one_query_and_each_gets_its_own_number() -> None:
    names = [f"app{number}" for number in range(50)]
    lines = [(side(name), str(number)) for number, name in enumerate(names)]
    async with misbehaving(vector(*lines)) as server, asking(server) as metrics:
        samples = await metrics.ask([built_in(name) for name in names])
        assert len(server.heard) == 1
    assert [samples[Key("demo", name), SUCCESS_RATE].value for name in names] == list(range(50))


async def test_a_canary_that_the_answer_misses_had_no_requests() -> None:
    async with misbehaving(vector((side("a"), "99"))) as server, asking(server) as metrics:
        samples = await metrics.ask([built_in("a"), built_in("b")])
    assert samples[Key("demo", "a"), SUCCESS_RATE].value == 99
    missing = samples[Key("demo", "b"), SUCCESS_RATE]
    assert missing.answered is Answered.NO_DATA
    assert missing.detail == "no requests to b-v2 (7f9c) were seen in the last 60s"


async def test_a_latency_of_nan_says_that_there_were_no_requests() -> None:
    asked = built_in("a", DURATION)
    sample = await answer_to(vector((side("a"), "NaN")), asked=asked)
    assert sample.answered is Answered.NO_DATA
    assert "no requests to a-v2" in sample.detail


@pytest.mark.parametrize(
    "too_much",
    [
        refused(422, "query processing would load too many samples"),
        refused(400, "the query exceeds the limit of 4 MiB"),
        http(413, b"<html>", kind="text/html"),
    ],
    ids=["422", "400", "413"],
)
async def test_a_group_that_is_too_much_is_halved(too_much: Behaviour) -> None:
    lines = [(side(name), "99") for name in "abcd"]
    async with misbehaving(too_much, vector(*lines)) as server, asking(server) as metrics:
        samples = await metrics.ask([built_in(name) for name in "abcd"])
        assert len(server.heard) == 3
    assert all(sample.value == 99 for sample in samples.values())


async def test_one_bad_query_blinds_nobody_else() -> None:
    script = (refused(400, "parse error"), vector((side("a"), "99")))
    async with misbehaving(*script) as server, asking(server, threads=1) as metrics:
        samples = await metrics.ask([question("bad"), built_in("a")])
    assert samples[Key("demo", "bad"), "depth"].answered is Answered.REFUSED
    assert samples[Key("demo", "a"), SUCCESS_RATE].value == 99


async def test_a_dead_server_is_asked_three_times_then_spared_until_a_probe_succeeds() -> None:
    cut = raw(b"", close=True)
    async with misbehaving(cut) as server, asking(server, rest=0.2) as metrics:
        for _ in range(5):
            await metrics.ask([question()])
        assert len(server.heard) == 3
        server.then(vector(({}, "1")))
        async with asyncio.timeout(20):
            while True:
                (sample,) = (await metrics.ask([question()])).values()
                if sample.answered is Answered.VALUE:
                    break
                assert "did not answer the last 3 times" in sample.detail
                await asyncio.sleep(0.02)
        assert len(server.heard) == 4, "one probe"
        (sample,) = (await metrics.ask([question()])).values()
        assert sample.answered is Answered.VALUE


async def test_a_server_that_answers_500_is_asked_on() -> None:
    async with misbehaving(http(500, b"")) as server, asking(server) as metrics:
        for _ in range(6):
            await metrics.ask([question()])
        assert len(server.heard) == 6


async def test_a_hang_costs_many_questions_no_more_than_a_few_deadlines() -> None:
    async with misbehaving(hang) as server, asking(server, deadline=0.3, threads=2) as metrics:
        samples = await metrics.ask([question(f"app{number}") for number in range(100)])
        assert len(server.heard) <= 4
    assert len(samples) == 100
    assert {sample.answered for sample in samples.values()} == {Answered.UNAVAILABLE}


async def test_after_closing_there_is_still_an_answer() -> None:
    async with misbehaving(vector(({}, "1"))) as server:
        async with asking(server) as metrics:
            pass
        (sample,) = (await metrics.ask([question()])).values()
    assert sample.answered is Answered.UNAVAILABLE
