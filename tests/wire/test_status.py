"""What is written into the status is read back the same, and is never too large."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given

from canaryd.model.names import Revision, Weight
from canaryd.model.notice import KEPT_NOTICES, Notice
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Condition,
    Gate,
    Hold,
    HoldReason,
    Phase,
    Promoted,
    Status,
    StepState,
    Verdict,
)
from canaryd.wire.patch import merge_patch
from canaryd.wire.status import LARGEST_STATUS, parse_status, render_status
from tests.wire.statuses import FULL, NOW, STATUSES, applied, no_nulls


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
