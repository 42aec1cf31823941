"""Evidence in the status is read back bit for bit, and stays small."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.model.evidence import (
    FORMAT,
    Bets,
    Evidence,
    GateEvidence,
    Strand,
    Tally,
)
from canaryd.model.gates import Counted
from canaryd.model.names import Weight
from canaryd.model.notice import KEPT_NOTICES, Notice
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Condition,
    Gate,
    Status,
    Verdict,
)
from canaryd.wire.status import LARGEST_STATUS, parse_status, render_status
from tests.wire.statuses import EVIDENCE, FULL, NOW, SECOND, bits


@given(EVIDENCE)
def test_evidence_goes_on_bit_for_bit_after_a_restart(evidence: Evidence) -> None:
    read = parse_status(orjson.dumps(render_status(Status(evidence=evidence)))).evidence

    assert bits(read) == bits(evidence)


@given(st.lists(st.floats(max_value=1e308, allow_nan=False), max_size=20).map(tuple))
def test_bets_that_are_lost_stay_lost(logs: tuple[float, ...]) -> None:
    logs = tuple(value + 0.0 for value in logs)
    strand = Strand(None, Bets(logs), Bets(()))
    evidence = Evidence(SECOND, NOW, gates=(GateEvidence("a", Counted.ERRORS, (strand,)),))
    wire = render_status(Status(evidence=evidence))

    assert bits(parse_status(orjson.dumps(wire)).evidence) == bits(evidence)
    (told,) = wire["evidence"]["gates"][0]["strands"]
    assert [log is None for log in told["worse"]["logs"]] == [math.isinf(log) for log in logs]


def test_evidence_is_compact() -> None:
    wire = render_status(FULL)["evidence"]

    assert wire["format"] == FORMAT
    assert wire["window"] == 10
    strand = wire["gates"][0]["strands"][0]
    assert strand["steps"][0] == [8, 1834, 31, 9911]
    assert orjson.dumps(strand["steps"][0]) == b"[8,1834,31,9911]"
    assert strand["worse"]["logs"][:2] == [None, 0.30000000000000004]


UNREADABLE: list[dict[str, Any]] = [
    {"format": FORMAT + 1},
    {"format": "1"},
    {"countedUntil": "yesterday"},
    {"window": None},
    {"gates": [{"name": "errors"}]},
    {"gates": [{"name": "errors", "counted": "coins", "strands": []}]},
    {"followed": [1, 2, 3]},
    {"followed": [1, 2, 3, "many"]},
    {"changes": 7},
]


@pytest.mark.parametrize("change", UNREADABLE, ids=str)
def test_evidence_that_cannot_be_read_is_none_and_the_rest_stays(change: dict[str, Any]) -> None:
    wire = render_status(FULL)
    wire["evidence"] |= change

    assert parse_status(orjson.dumps(wire)) == replace(FULL, evidence=None)


@pytest.mark.parametrize("wrong", [7, "x", [], {}, True])
def test_what_is_no_evidence_at_all_is_none(wrong: Any) -> None:
    wire = render_status(FULL) | {"evidence": wrong, "background": wrong}

    assert parse_status(orjson.dumps(wire)) == replace(FULL, evidence=None, background=None)


def test_a_full_status_keeps_its_evidence_whole() -> None:
    numbers = tuple(-math.pi * 10**n for n in range(5))
    strand = Strand(
        1000.0,
        Bets(numbers, 1 / 3),
        Bets(numbers, 0.0),
        (Tally(12345.0, 1234567.0, 23456.0, 9876543.0),) * 50,
    )
    gates = (
        GateEvidence("errors", Counted.ERRORS, (strand,)),
        GateEvidence("latency", Counted.LATENCY, (strand,) * 9),
    )
    long = "x" * 5000
    status = Status(
        evidence=Evidence(SECOND, NOW, gates=gates, changes=(NOW,) * 9),
        gates=tuple(Gate(f"metric-{n}", Verdict.FAIL, long, NOW, 1 / 3) for n in range(20)),
        conditions=(Condition("Ready", "False", "Reason", long, NOW),) * 6,
        notices=tuple(
            Notice(n, "Reason", long, Severity.INFO, NOW, "Idle", Weight(0))
            for n in range(KEPT_NOTICES)
        ),
    )
    wire = render_status(status)
    read = parse_status(orjson.dumps(wire))

    assert len(orjson.dumps(wire)) <= LARGEST_STATUS
    assert bits(read.evidence) == bits(status.evidence)
    assert read.notices[-1].seq == KEPT_NOTICES - 1
