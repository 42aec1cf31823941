"""Absurd answers about tiles: each is a tile or a failure with words, and no exception."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canaryd.adapters.prometheus import swift, tile_answers
from canaryd.adapters.prometheus.answers import Trouble
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tiles import part_of
from canaryd.model.answered import Answered
from canaryd.model.question import Failed
from canaryd.model.tile import Tile
from tests.adapters.asking import (
    TIME,
    Line,
    exactly,
    line,
    lines,
    spans,
    steady,
    tile_question,
    tile_told,
)
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import Behaviour, http, json, raw


def spoilt(form: str, place: int, **changes: object) -> list[Line]:
    """A healthy answer with one line changed; `value` is that at the end."""
    made = steady() if form == "matrix" else exactly()
    if form == "matrix" and "value" in changes:
        early = made[place]["values"][0]
        changes["values"] = [early, changes.pop("value")]
    made[place] = {**made[place], **changes}
    return made


LABELS: Line = line("counts", "1")["metric"]
UNCERTAIN = [one for one in steady() if part_of(one["metric"]) != "seen"]
BAD_VALUES = ["NaN", "+Inf", "-Inf", "-1", "-0.0001", "nan", "Infinity", "1e400"]
NO_VALUES: list[object] = ["", "ten", None, 10, 10.5, True, [], {}, "0x1g", "1 2"]
BAD_PAIRS: list[object] = [None, [], [1], "12", 7, {}, [[], []], {"1": "2"}]
BAD_METRICS: list[object] = [
    None, [], "x", 3, {}, {"part": "seen"}, {**LABELS, "pod": 7}, {**LABELS, "pod": None},
    {**LABELS, "response_code": 200}, {**LABELS, "destination_workload": ["x"]},
    {**LABELS, "destination_workload": {}}, {**LABELS, "le": "x"}, {**LABELS, "le": "NaN"},
    {**LABELS, "le": None}, {**LABELS, "le": 50}, {"pod": "x"},
]  # fmt: skip
BAD_LINES: list[object] = [None, 1, "x", [], {}, {"value": [1, "1"]}, {"metric": LABELS}, [[]]]
BAD_RESULTS: list[object] = [None, {}, "x", 7, True, [None], [[]], ["x"], {"a": 1}]
BAD_DATA: list[object] = [None, [], "x", 7, {}, {"resultType": "vector"}, {"result": []}]
BAD_KINDS: list[object] = ["scalar", "string", "streams", "", None, 3, [], {}]
BAD_BODIES: list[object] = [None, [], "x", 7, {}, {"status": "error"}, {"status": "success"}]
BAD_BYTES = [
    b"",
    b"{",
    b"<html>",
    b"\xff\xfe",
    b"null",
    b"NaN",
    b"[" * 5000,
    b'{"status":"success"',
]
STATUSES = [201, 204, 301, 302, 400, 401, 403, 404, 408, 418, 422, 429, 500, 502, 503, 504]


def malformed(form: str) -> list[tuple[str, Behaviour]]:
    """Answers to a query of that form."""
    told = spans if form == "matrix" else lines
    end, healthy = NOON.timestamp(), steady() if form == "matrix" else exactly()

    def result(value: object, kind: object = form) -> Behaviour:
        return json({"status": "success", "data": {"resultType": kind, "result": value}})

    def one(place: int, **changes: object) -> Behaviour:
        return told(*spoilt(form, place, **changes))

    made: list[tuple[str, Behaviour]] = []
    for place in (0, 1, 2, 3):
        made += [(f"{v} in {place}", one(place, value=[end, v])) for v in BAD_VALUES]
    made += [(f"value {v!r}", one(0, value=[end, v])) for v in NO_VALUES]
    made += [(f"pair {v!r}", one(0, value=v)) for v in BAD_PAIRS]
    made += [(f"metric {v!r}"[:40], one(0, metric=v)) for v in BAD_METRICS]
    made += [(f"line {v!r}"[:40], told(*healthy, v)) for v in BAD_LINES]
    made += [(f"stamp {v}", one(1, value=[end, v])) for v in ("1e12", "9e99", "-5")]
    made += [(f"result {v!r}", result(v)) for v in BAD_RESULTS]
    made += [(f"data {v!r}", json({"status": "success", "data": v})) for v in BAD_DATA]
    made += [(f"kind {v!r}", result([], v)) for v in BAD_KINDS]
    made += [(f"body {v!r}", json(v)) for v in BAD_BODIES]
    made += [(f"bytes {v[:9]!r}", http(200, v)) for v in BAD_BYTES]
    made += [(f"status {v}", http(v, b"{}")) for v in STATUSES]
    made += [("twice", told(*healthy, healthy[0]))]
    native = {"metric": LABELS, "histogram": [1, {}], "histograms": [[1, {}]]}
    made += [("native", told(*healthy, native))]
    made += [("cut", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", close=True))]
    made += [("nothing", raw(b"", close=True)), ("garbage", raw(b"\x00" * 99, close=True))]
    return made


MALFORMED = [
    pytest.param(form, behaviour, id=f"{form} {number} {name}")
    for form in ("matrix", "vector")
    for number, (name, behaviour) in enumerate(malformed(form))
]


@pytest.mark.parametrize(("form", "behaviour"), MALFORMED)
async def test_a_malformed_answer_is_a_failure_with_words(form: str, behaviour: Behaviour) -> None:
    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: seen.append(what))
    script = (behaviour,) if form == "matrix" else (spans(*UNCERTAIN), behaviour)
    made = await tile_told(*script, deadline=2)
    assert isinstance(made, Failed), made
    assert made.answered is not Answered.VALUE
    assert made.detail
    assert not seen


def test_there_are_more_than_a_hundred_malformed_answers() -> None:
    assert len(MALFORMED) > 100


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 1 << 53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
values = st.sampled_from(["1", "2.5", "NaN", "-1"]) | anything
instants = st.sampled_from([NOON.timestamp(), NOON.timestamp() - 10]) | anything
points = st.tuples(instants, values)
parts = st.sampled_from(["counts", "timed", "end", "start", "seen", "peak", "timed peak", "warm"])
nearly = st.fixed_dictionaries(
    {
        "metric": st.fixed_dictionaries(
            {name: st.just(LABELS[name]) for name in LABELS},
            optional={
                "part": parts | anything,
                "le": st.sampled_from(["+Inf", "50", "50.0"]) | anything,
                "response_code": st.just("200") | anything,
            },
        )
        | anything,
        "value": points,
        "values": st.lists(points, max_size=3) | anything,
    }
)


@settings(max_examples=300, deadline=None)
@given(result=st.lists(nearly | anything, max_size=6))
@pytest.mark.parametrize("form", ["matrix", "vector"])
def test_whatever_comes_is_a_tile_or_words(form: str, result: list[object]) -> None:
    body = {"status": "success", "data": {"resultType": form, "result": result}}
    reply = Reply(200, "application/json", orjson.dumps(body, default=str))
    start = NOON - timedelta(seconds=10)
    matrix = form == "matrix"
    found = swift.read(reply, start=start, end=NOON) if matrix else tile_answers.read(reply)
    if isinstance(found, Trouble):
        assert found.reading.detail
        return
    made = tile_answers.tile_of(found, tile_question(), time=TIME, closely=not matrix)
    if isinstance(made, Failed):
        assert made.detail
    if isinstance(made, Tile):
        assert all(0 <= row.count < math.inf for row in made.rows)
