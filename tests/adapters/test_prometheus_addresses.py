"""Addresses of metrics servers that cannot be used, and logins that stand in them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
import urllib3

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.adapters.prometheus.session import Exchange, Server, TransportError
from canaryd.model.answered import Answered
from canaryd.model.errors import RefusedError
from canaryd.model.gates import MetricsServer
from tests.adapters.asking import question
from tests.adapters.misbehaving import json, misbehaving, refused
from tests.adapters.named_servers import served

HOSTS = [
    "%zz",
    "a b",
    "\u2177.com",
    "..",
    "a..b",
    "a" * 64 + ".com",
    "\udcff",
    "\u200d",
    "h\x00",
    "h\x7f",
    "h:0",
    "h:99999",
    "[zz]",
    "[::1",
    "h/\udcff",
    "ann:\udcff@h",
    "\udcff:horsebattery@h",
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS, ids=ascii)
async def test_an_address_that_is_none_is_refused_when_it_is_looked_up(
    scheme: str, host: str
) -> None:
    async with served() as servers:
        with pytest.raises(RefusedError) as caught:
            await servers.find(MetricsServer(f"{scheme}://{host}"))
    words = str(caught.value)
    assert "the metrics server's address is not an http:// or https:// address" in words
    assert "horse" not in words
    assert words.isascii()


@pytest.mark.parametrize(
    "address",
    [
        "http://h/api/v1",
        "http://h/api/v1/",
        "https://ann:horse@h/p/api/v1//",
        "http://h/api/v1/query",
    ],
)
def test_an_address_that_has_what_canaryd_adds_is_refused(address: str) -> None:
    with pytest.raises(RefusedError, match="end it before /api/v1") as caught:
        Server(address, connections=1)
    assert "horse" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://k8s/api/v1/namespaces/m/services/p:9090/proxy", "http://h/api/v1beta"]
)
def test_an_address_that_only_looks_like_it_can_be_used(address: str) -> None:
    Server(address, connections=1).close()


@pytest.mark.parametrize("address", ["http://b\u00fccher.example", "http://[::1]:9", "http://h./p"])
def test_an_unusual_address_can_be_used(address: str) -> None:
    Server(address, connections=1).close()


def test_a_host_that_cannot_even_be_looked_up_is_not_said_to_have_cut_an_answer_off() -> None:
    server = Server("http://prometheus", connections=1)
    server.pool = urllib3.HTTPConnectionPool("a..b")
    with pytest.raises(TransportError, match="its address cannot be used"):
        Exchange(server, 5).request("POST", "http://prometheus/api/v1/query", {})


@pytest.mark.parametrize("rest", ["?a=b", "/?", "#x", "/p#", "/p?token=correcthorse"])
def test_what_would_be_left_out_of_an_address_is_refused(rest: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Server("http://prometheus:9090" + rest, connections=1)
    assert "address goes on after ? or #: end it before" in str(caught.value)
    assert "horse" not in str(caught.value)


def test_a_name_with_a_colon_in_an_address_is_refused() -> None:
    with pytest.raises(RefusedError, match="a name cannot hold a colon"):
        Server("http://ann%3Ab:correcthorse@prometheus", connections=1)


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("correcthorsebattery", "correcthorsebattery"),
        ("correct%20horse%C3%A9", "correct horse\u00e9"),
    ],
)
async def test_a_login_in_an_address_is_not_shown_when_the_server_repeats_it(
    written: str, password: str
) -> None:
    async with misbehaving() as server:
        metrics = PrometheusMetrics(
            server.url.replace("//", f"//ann:{written}@"),
            clock=SystemClock(),
            counted=lambda _: None,
            deadline=timedelta(seconds=5),
        )
        empty = {"resultType": "vector", "result": []}
        server.then(refused(400, "nothing yet"))
        with structlog.testing.capture_logs() as logs:
            await metrics.ask([question()])
            pair = server.heard[0].headers["authorization"]
            echo = f"go away, {password} {pair}"
            server.then(
                refused(401, echo),
                refused(400, echo),
                json({"status": "success", "warnings": [echo], "data": empty}),
            )
            details = ""
            for _ in range(3):
                (sample,) = (await metrics.ask([question()])).values()
                assert sample.answered is not Answered.VALUE
                assert "[hidden]" in sample.detail
                details += sample.detail
            await metrics.close()
    assert password not in f"{details}{logs}"
    assert pair.partition(" ")[2] not in f"{details}{logs}"
