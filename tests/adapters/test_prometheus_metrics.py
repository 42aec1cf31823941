"""How questions share queries, and how a server in trouble is spared."""

from __future__ import annotations

import asyncio

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.model.answered import Answered
from canaryd.model.errors import RefusedError
from canaryd.model.names import Key
from canaryd.model.spec import DURATION, SUCCESS_RATE
from tests.adapters.asking import answer_to, asking, built_in, question, side
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import (
    Behaviour,
    hang,
    http,
    misbehaving,
    raw,
    refused,
    vector,
)


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


@pytest.mark.parametrize(
    ("said", "meant"),
    [("99.99999999999999", 100), ("100.00000000000001", 100), ("99.9999", 99.9999), ("-1e-14", 0)],
)
async def test_a_success_rate_is_free_of_the_noise_of_adding(said: str, meant: float) -> None:
    assert (await answer_to(vector((side("a"), said)), asked=built_in("a"))).value == meant


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


@pytest.mark.parametrize("address", ["", "prometheus:9090", "http://", "http://ann:s3cret@h:x"])
def test_a_wrong_address_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(RefusedError) as caught:
        PrometheusMetrics(address, clock=SystemClock(), counted=lambda _: None)
    assert "s3cret" not in str(caught.value)


async def test_after_closing_there_is_still_an_answer() -> None:
    async with misbehaving(vector(({}, "1"))) as server:
        async with asking(server) as metrics:
            pass
        (sample,) = (await metrics.ask([question()])).values()
    assert sample.answered is Answered.UNAVAILABLE
