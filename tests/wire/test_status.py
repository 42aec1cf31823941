"""What is written into the status is read back the same, and is never too large."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.model.evidence import (
    FORMAT,
    Bets,
    Evidence,
    GateEvidence,
    Refused,
    Strand,
    Tally,
)
from canaryd.model.gates import Counted
from canaryd.model.names import Revision, SlotName, Weight
from canaryd.model.notice import KEPT_NOTICES, Notice
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Condition,
    Gate,
    Hold,
    HoldReason,
    Phase,
    Promoted,
    Rollout,
    Status,
    StepState,
    Verdict,
)
from canaryd.model.tile import Background, Edge
from canaryd.wire.patch import merge_patch
from canaryd.wire.status import LARGEST_STATUS, parse_status, render_status

NOW = datetime(2026, 11, 21, 4, 10, 0, 7, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SECOND = timedelta(seconds=1)
NUMBERS = st.integers(-(2**53), 2**53)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: NUMBERS,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of the type, with nothing left at its default."""
    hint = getattr(hint, "__supertype__", hint)
    inner = get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(
            hint, **{field.name: values_of(hints[field.name]) for field in fields(hint)}
        )
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if get_origin(hint) is Mapping:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=3)
    if get_origin(hint) is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    return st.one_of(*map(values_of, inner))


STATUSES = values_of(Status)
EVIDENCE = values_of(Evidence)

STRAND = Strand(
    edge=None,
    worse=Bets((-math.inf, 0.1 + 0.2, 1e-300, 1.7976931348623157e308, math.log(1 / 3)), 0.5),
    fine=Bets((0.0, -1e16, 2.0**53, 123456789.125, -math.pi), 1 / 7),
    steps=(Tally(8.0, 1834.0, 31.0, 9911.0), Tally(0.5, 1e15, 1e22, 3.0)),
)
"""Numbers that are easily lost on the way."""

FULL = Status(
    phase=Phase.PROGRESSING,
    observed_generation=3,
    canary_weight=Weight(20),
    primary_slot=SlotName("v1"),
    idle_slot=SlotName("v2"),
    step=StepState(2, 5, Weight(20), NOW, stayed=timedelta(seconds=1, microseconds=500)),
    rollout=Rollout(
        "podinfo-7f9c-1",
        Revision("7f9c"),
        NOW,
        images={"podinfo": "ghcr.io/stefanprodan/podinfo:6.7.0"},
        failed_checks=1,
    ),
    hold=Hold(HoldReason.APPROVAL_NEEDED, "step 3 of 5 (20 %) waits for approval", NOW),
    gates=(Gate("queue", Verdict.FAIL, "0.333 is above 0.1", NOW, 1 / 3),),
    conditions=(Condition("Ready", "Unknown", "Progressing", "rolling out", NOW),),
    notices=(Notice(7, "StepEntered", "step 3", Severity.INFO, NOW, "Progressing", Weight(20)),),
    delivered={"ops": 6},
    evidence=Evidence(
        window=timedelta(seconds=10),
        counted_until=NOW,
        step=NOW,
        entered=3,
        gates=(
            GateEvidence("errors", Counted.ERRORS, (STRAND,)),
            GateEvidence("latency", Counted.LATENCY, (replace(STRAND, edge=0.5),)),
        ),
        changes=(NOW, NOW + timedelta(microseconds=1)),
        tiles=9,
        refused=Refused("WeightChanged", "the weight was changed in it", NOW, 2),
        expected=2**0.5,
        followed=Tally(0.0, 1834.0, 31.0, 2.0**60),
    ),
    background=Background(NOW, 3, 2.9999999999999996, 1.1, (Edge(250.0, 1 / 3, 5e-324),), 1e21),
)
"""The podinfo 90/10 case in mid-rollout."""


def bits(value: Any) -> Any:
    """The value with its floats as their bits."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if is_dataclass(value):
        return [bits(getattr(value, field.name)) for field in fields(value)]
    return [bits(inner) for inner in value] if isinstance(value, tuple) else value


def applied(before: Any, patch: Any) -> Any:
    """RFC 7386, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = applied(result.get(key), value)
    return result


def no_nulls(value: Any) -> bool:
    """Nor does a merge patch touch what is inside of a list; lost bets are nulls there."""
    if isinstance(value, dict):
        return all(name == "logs" or no_nulls(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(no_nulls(inner) for inner in value)
    return value is not None


@given(STATUSES)
def test_what_is_written_is_read_back_the_same(status: Status) -> None:
    wire = render_status(status)

    assert no_nulls(wire)
    assert parse_status(orjson.dumps(wire)) == status


@given(STATUSES, STATUSES)
def test_a_merge_patch_leads_from_one_status_to_the_other(before: Status, after: Status) -> None:
    old, new = render_status(before), render_status(after)

    assert applied(old, merge_patch(old, new)) == new
    assert merge_patch(new, new) == {}


def test_a_merge_patch_says_only_what_differs() -> None:
    before = {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 1, "f": 1}
    after = {"a": {"b": 1, "c": 3}, "d": [1], "f": True, "g": {}}

    assert merge_patch(before, after) == {
        "a": {"c": 3},
        "d": [1],
        "e": None,
        "f": True,
        "g": {},
    }


def test_the_form_on_the_wire() -> None:
    wire = render_status(FULL)

    assert wire["phase"] == "Progressing"
    assert wire["step"] == {
        "index": 2,
        "count": 5,
        "weight": 20,
        "enteredAt": "2026-11-21T04:10:00.000007Z",
        "stayedSeconds": 1.0005,
    }
    assert wire["hold"]["reason"] == "ApprovalNeeded"
    assert (wire["progress"], wire["revision"]) == ("3/5", "7f9c")
    assert wire["image"] == "ghcr.io/stefanprodan/podinfo:6.7.0"


def test_between_rollouts_the_promoted_revision_is_shown() -> None:
    wire = render_status(Status(promoted=Promoted(Revision("5d8b"), NOW, {"a": "a:1", "b": "b:1"})))

    assert (wire["revision"], wire["image"]) == ("5d8b", "a:1")
    assert "progress" not in wire


def test_before_the_first_step_progress_is_zero() -> None:
    wire = render_status(Status(step=StepState(-1, 5, Weight(7), NOW)))

    assert wire["progress"] == "0/5"


@pytest.mark.parametrize("text", ["x", "ä", "\N{PILE OF POO}"])
def test_a_status_never_grows_beyond_what_is_allowed(text: str) -> None:
    long = text * 5000
    images = {f"container-{n}": "registry.example.com/" + "i" * 200 for n in range(9)}
    notices = tuple(
        Notice(n, "Reason", long, Severity.INFO, NOW, "Idle", Weight(0), images=images)
        for n in range(KEPT_NOTICES)
    )
    gates = tuple(Gate(f"metric-{n}", Verdict.FAIL, long, NOW, 1 / 3) for n in range(20))
    conditions = (Condition("Ready", "False", "Reason", long, NOW),) * 6
    wire = render_status(Status(gates=gates, conditions=conditions, notices=notices))

    assert len(orjson.dumps(wire)) <= LARGEST_STATUS
    assert [notice.seq for notice in parse_status(orjson.dumps(wire)).notices] == list(range(20))


def test_a_long_sentence_is_cut_where_the_crd_would_refuse_it() -> None:
    wire = render_status(Status(hold=Hold(HoldReason.PAUSED, "x" * 2000, NOW)))

    assert len(wire["hold"]["message"]) == 1024
    assert wire["hold"]["message"].endswith("…")


def test_a_number_that_json_has_not_is_left_out() -> None:
    gate = Gate("queue", Verdict.NO_DATA, "NaN", NOW, float("nan"))

    assert "value" not in render_status(Status(gates=(gate,)))["gates"][0]


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


def test_fields_of_a_later_canaryd_and_words_for_people_are_ignored() -> None:
    raw = b'{"phase": "Idle", "evidence": {"format": 1}, "progress": 7, "revision": "a"}'

    assert parse_status(raw) == Status(phase=Phase.IDLE)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "not readable"),
        (b"[]", "status must be an object"),
        (b'{"phase": "Dancing"}', r"status\.phase must be"),
        (b'{"hold": {"reason": "Paused", "message": "x"}}', r"status\.hold\.since is required"),
        (
            b'{"step": {"index": 1, "count": 2, "weight": 3, "enteredAt": "2026-01-01T00:00:00"}}',
            "enteredAt",
        ),
    ],
)
def test_an_unreadable_status_is_an_error_with_a_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_status(raw)


def test_no_status_at_all_is_the_beginning() -> None:
    assert parse_status(b"{}") == Status()
