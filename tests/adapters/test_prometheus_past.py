"""What is asked about the past and about the server's clock, and what absurd answers come to."""

from __future__ import annotations

from datetime import timedelta

import promql_parser
import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.model.answered import Answered
from canaryd.model.gates import Reporter
from canaryd.model.names import Key
from canaryd.model.past import Past, by_column
from canaryd.model.question import Failed, PastQuestion, ServerTime
from tests.adapters.asking import asking, line, tile_question
from tests.adapters.fakes import NOON
from tests.adapters.misbehaving import Behaviour, hang, http, json, misbehaving, raw, refused

LABELS = line("", "1", response_code="200")["metric"]
NOW = NOON.timestamp()


def asked(columns: int = 4, *, latency: bool = False) -> PastQuestion:
    return PastQuestion(
        key=Key("demo", "podinfo"),
        namespace="demo",
        workloads=("podinfo-v1", "podinfo-v2"),
        window=timedelta(seconds=10),
        end=NOON,
        span=timedelta(seconds=10 * columns),
        reporter=Reporter.DESTINATION,
        latency=latency,
    )


def matrix(*points: object, metric: object = LABELS, **more: object) -> Behaviour:
    result = [{"metric": metric, "values": list(points)}]
    return json({"status": "success", "data": {"resultType": "matrix", "result": result}, **more})


async def past(
    *script: Behaviour, question: PastQuestion | None = None, deadline: float = 2
) -> Past | Failed:
    async with misbehaving(*script) as server, asking(server, deadline=deadline) as metrics:
        told = await metrics.past(question or asked())
        for heard in server.heard:
            promql_parser.parse(heard.form["query"])
    return told


async def test_the_past_is_columns_oldest_first_also_where_nobody_was_there() -> None:
    told = await past(matrix([NOW - 30, "5"], [NOW - 10, "7"], [NOW, "8"]))
    assert not isinstance(told, Failed)
    assert [column.end - NOON for column in by_column(told)] == [
        timedelta(seconds=-s) for s in (30, 20, 10, 0)
    ]
    assert [[row.count for row in column.rows] for column in by_column(told)] == [
        [5.0],
        [],
        [7.0],
        [8.0],
    ]


async def test_a_past_that_is_too_much_is_asked_for_in_parts() -> None:
    script = (
        refused(422, "too many samples"),
        matrix([NOW - 30, "1"], [NOW - 20, "2"]),
        matrix([NOW - 10, "3"], [NOW, "4"]),
    )
    async with misbehaving(*script) as server, asking(server) as metrics:
        told = await metrics.past(asked())
        spans = [(float(h.form["start"]) - NOW, float(h.form["end"]) - NOW) for h in server.heard]
    assert spans == [(-30, 0), (-30, -20), (-10, 0)]
    assert not isinstance(told, Failed)
    assert [row.count for column in by_column(told) for row in column.rows] == [1.0, 2.0, 3.0, 4.0]


async def test_no_more_points_are_asked_for_than_prometheus_gives() -> None:
    async with misbehaving(matrix()) as server, asking(server) as metrics:
        told = await metrics.past(asked(columns=25_000))
        wanted = [(float(h.form["end"]) - float(h.form["start"])) / 10 + 1 for h in server.heard]
    assert not isinstance(told, Failed)
    assert (len(told.ends), sum(wanted)) == (25_000, 25_000)
    assert max(wanted) <= 11_000


async def test_times_are_asked_for_only_where_they_are_wanted() -> None:
    async with misbehaving(matrix()) as server, asking(server) as metrics:
        await metrics.past(asked())
        assert len(server.heard) == 1
        await metrics.past(asked(latency=True))
        assert len(server.heard) == 3
        assert "le) (" in server.heard[2].form["query"]


def lines(*every: tuple[dict[str, str], dict[int, str]]) -> Behaviour:
    """Series of these labels besides the usual, with values at so many seconds before the end."""
    result = [
        {"metric": {**LABELS, **labels}, "values": [[NOW - ago, text] for ago, text in at.items()]}
        for labels, at in every
    ]
    return json({"status": "success", "data": {"resultType": "matrix", "result": result}})


async def timed(*every: tuple[dict[str, str], dict[int, str]]) -> list[list[tuple[str, float]]]:
    """Pod and count of the rows of each column, of an answer about buckets."""
    told = await past(lines(), lines(*every), question=asked(latency=True))
    assert not isinstance(told, Failed)
    return [[(row.pod, row.count) for row in column.rows] for column in by_column(told)]


async def test_a_pod_with_an_edge_in_two_spellings_is_left_out() -> None:
    a, also_a, b = ({"pod": pod, "le": le} for pod, le in (("a", "50"), ("a", "50.0"), ("b", "50")))
    columns = await timed((a, {10: "8", 0: "9"}), (also_a, {0: "9"}), (b, {0: "9"}))
    assert columns == [[], [], [("a", 8.0)], [("b", 9.0)]]


async def test_an_edge_that_is_spelt_otherwise_since_an_upgrade_is_the_same() -> None:
    early, late = ({"pod": "a", "le": le} for le in ("1", "1.0"))
    columns = await timed((early, {30: "5", 20: "6"}), (late, {10: "7", 0: "8"}))
    assert columns == [[("a", 5.0)], [("a", 6.0)], [("a", 7.0)], [("a", 8.0)]]


async def test_requests_and_their_times_stand_beside_each_other() -> None:
    requests = lines(({"pod": "a"}, {10: "8", 0: "9"}))
    times = lines(({"pod": "a", "le": "50"}, {0: "4"}), ({"pod": "b", "le": "50"}, {10: "3"}))
    told = await past(requests, times, question=asked(latency=True))
    assert not isinstance(told, Failed)
    rows = [[(row.pod, row.edge, row.count) for row in column.rows] for column in by_column(told)]
    assert rows[2:] == [[("a", None, 8.0), ("b", 50.0, 3.0)], [("a", None, 9.0), ("a", 50.0, 4.0)]]


async def test_a_pod_that_is_only_in_one_of_the_parts_is_there_in_its_columns() -> None:
    script = (
        refused(422, "too many samples"),
        lines(({"pod": "early"}, {30: "1"}), ({"pod": "both"}, {20: "2"})),
        lines(({"pod": "late"}, {10: "3"}), ({"pod": "both"}, {0: "4"})),
    )
    told = await past(*script)
    assert not isinstance(told, Failed)
    columns = [[(row.pod, row.count) for row in column.rows] for column in by_column(told)]
    assert columns == [[("early", 1.0)], [("both", 2.0)], [("late", 3.0)], [("both", 4.0)]]


@pytest.mark.parametrize(
    "script",
    [
        (lines(({}, {0: "1"})), lines(({}, {0: "1"}))),
        (lines(({"le": "50"}, {0: "1"})), lines(({"le": "50"}, {0: "1"}))),
    ],
)
async def test_a_server_that_answers_both_questions_alike_is_told_so(
    script: tuple[Behaviour, ...],
) -> None:
    told = await past(*script, question=asked(latency=True))
    assert isinstance(told, Failed)
    assert told.detail


async def test_a_series_that_says_an_instant_twice_is_nonsense() -> None:
    assert isinstance(await past(matrix([NOW, "5"], [NOW, "7"])), Failed)


BAD_POINTS: list[object] = [
    [NOW, "NaN"], [NOW, "-1"], [NOW, "+Inf"], [NOW, 5], [NOW], [], None, "12", 7,
    [NOW + 10, "1"], [NOW - 500, "1"], ["x", "1"], [None, "1"], [1e308 * 10, "1"],
]  # fmt: skip


BAD_METRICS: list[object] = [None, [], {}, "x", {"pod": "a"}]
MALFORMED: list[Behaviour] = [
    *(matrix(point) for point in BAD_POINTS),
    *(matrix([NOW, "1"], metric=metric) for metric in BAD_METRICS),
    matrix([NOW, "1"], metric={**LABELS, "le": "x"}),
    matrix([NOW, "1"], warnings=["a store is away"]),
    matrix([NOW, "1"], isPartial=True),
    json({"status": "success", "data": {"resultType": "vector", "result": []}}),
    json({"status": "success", "data": {"resultType": "matrix", "result": [7]}}),
    json({"status": "success", "data": {"resultType": "matrix", "result": None}}),
    json([]),
    http(200, b"{"),
    http(502, b"<html>", kind="text/html"),
    refused(400, "parse error"),
    raw(b"", close=True),
    hang,
]


@pytest.mark.parametrize("number", range(len(MALFORMED)))
async def test_a_malformed_past_is_a_failure_with_words(number: int) -> None:
    told = await past(MALFORMED[number], deadline=0.5)
    assert isinstance(told, Failed)
    assert told.detail
    assert told.answered is not Answered.VALUE


def scalar(value: object) -> Behaviour:
    return json({"status": "success", "data": {"resultType": "scalar", "result": [1, value]}})


CLOCKLESS: list[Behaviour] = [
    *(scalar(value) for value in ("NaN", "+Inf", "-Inf", "1e300", "x", 5, None)),
    matrix([NOW, "1"]),
    json({"status": "success", "data": {"resultType": "vector", "result": []}}),
    http(200, b""),
    http(401, b""),
    raw(b"", close=True),
    hang,
]


@pytest.mark.parametrize("number", range(len(CLOCKLESS)))
async def test_a_server_without_a_clock_is_a_failure_with_words(number: int) -> None:
    async with misbehaving(CLOCKLESS[number]) as server, asking(server, deadline=0.5) as metrics:
        told = await metrics.time(tile_question())
    assert isinstance(told, Failed)
    assert told.detail


@pytest.mark.parametrize(
    ("stamps", "scrape"),
    [
        ([0.0, 15.0, 30.0, 90.0, 105.0], 15),
        ([0.0, 15.02, 30.0, 60.0], 15.02),
        ([0.0, 150.0, 165.0, 180.0], 15),
        ([0.0, 150.0, 300.0], 150),
        ([0.0, 150.0, 165.0], None),
        ([0.0, 100.0, 250.0], None),
        ([0.0, 15.0], None),
        ([], None),
        ([0.0, 0.0, 0.0], None),
        ([3.0, 2.0, 1.0], None),
        (["x", 1, 2], None),
    ],
)
async def test_the_scrape_interval_is_the_usual_step_between_samples(
    stamps: list[object], scrape: float | None
) -> None:
    one = {"metric": {**LABELS, "odd": 'a"b\\'}, "value": [NOW, "5"]}
    script = (
        scalar(str(SystemClock().now().timestamp())),
        json({"status": "success", "data": {"resultType": "vector", "result": [one]}}),
        matrix(*([stamp, "1"] for stamp in stamps)),
    )
    async with misbehaving(*script) as server, asking(server) as metrics:
        told = await metrics.time(tile_question())
        assert ["time" in heard.form for heard in server.heard] == [False] * 3
        promql_parser.parse(server.heard[2].form["query"])
    assert isinstance(told, ServerTime)
    assert told.scrape == (None if scrape is None else timedelta(seconds=scrape))
