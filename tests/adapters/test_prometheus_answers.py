"""What users are told about each kind of answer; every one really sent over a socket."""

from __future__ import annotations

import gzip
import threading

import pytest

from canaryd.model.answered import Answered
from tests.adapters.asking import answer_to, asking, question
from tests.adapters.misbehaving import (
    Behaviour,
    drip,
    hang,
    http,
    json,
    misbehaving,
    raw,
    refused,
    vector,
)


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
