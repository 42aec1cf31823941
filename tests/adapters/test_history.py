"""What stands in the history afterwards, on a real SQLite file."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from canaryd.adapters.history import reader
from canaryd.adapters.history.rows import rows
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import Promoted, Verdict
from tests.adapters.fakes import KEY, NOON, gate, notice, running
from tests.adapters.keeping import IDLE, MINUTE, history


def starts(number: int = 1) -> Notice:
    return notice(1, "RolloutStarted", "rollout started", Severity.INFO, f"podinfo-7f9c-{number}")


def test_a_rollout_that_was_taken_back_is_told_in_the_notices_own_words(tmp_path: Path) -> None:
    first = running(0, 10)
    second = running(1, 20, NOON + MINUTE)
    judged = replace(second, gates=(gate(at=NOON + 2 * MINUTE),))
    bad = notice(3, at=NOON + 3 * MINUTE)
    with history(tmp_path) as kept:
        kept.record(KEY, IDLE, first, [starts()])
        kept.record(KEY, first, second, [notice(2, "StepEntered", "step 2", at=NOON + MINUTE)])
        kept.record(KEY, second, judged, [])
        kept.record(KEY, judged, replace(IDLE, gates=judged.gates), [bad])

    with reader.read_only(kept.path) as db:
        (rollout,) = reader.rollouts(db, KEY)
        steps = reader.steps(db, KEY, "podinfo-7f9c-1")
        samples = reader.samples(db, KEY, "podinfo-7f9c-1")
        notices = reader.notices(db, KEY)
    assert rollout["outcome"] == "rolled back"
    assert rollout["sentence"] == bad.sentence
    assert rollout["reason"] == "RolledBack"
    assert rollout["images"] == '{"podinfo":"podinfo:6.7.0"}'
    assert (rollout["started_at"], rollout["ended_at"]) == (
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:03:00Z",
    )
    assert [(step["step"], step["weight"], step["left_at"]) for step in steps] == [
        (0, 10, "2026-11-21T12:01:00Z"),
        (1, 20, "2026-11-21T12:03:00Z"),
    ]
    assert [(one["verdict"], one["value"]) for one in samples] == [("Fail", 94.9)]
    assert [one["seq"] for one in notices] == [3, 2, 1]


def test_a_promotion_is_known_even_without_its_notice(tmp_path: Path) -> None:
    before = running()
    assert before.rollout is not None
    after = replace(IDLE, promoted=Promoted(before.rollout.revision, NOON))
    with history(tmp_path) as kept:
        kept.record(KEY, before, after, [])
    with reader.read_only(kept.path) as db:
        (rollout,) = reader.rollouts(db, KEY)
    assert rollout["outcome"] == "promoted"


def test_a_superseded_rollout_and_its_successor_are_two(tmp_path: Path) -> None:
    told = notice(2, "Superseded", "another revision was pushed")
    with history(tmp_path) as kept:
        kept.record(KEY, running(number=1), running(number=2), [told, starts(2)])
    with reader.read_only(kept.path) as db:
        outcomes = {row["id"]: row["outcome"] for row in reader.rollouts(db, KEY)}
    assert outcomes == {"podinfo-7f9c-1": "superseded", "podinfo-7f9c-2": None}


def test_the_same_transitions_recorded_twice_are_written_once(tmp_path: Path) -> None:
    with history(tmp_path) as kept:
        for _ in range(3):
            kept.record(KEY, IDLE, running(), [starts()])
            kept.record(KEY, running(), IDLE, [notice(2)])
        kept.record(KEY, IDLE, IDLE, [notice(2, at=NOON + timedelta(days=1))])
    with reader.read_only(kept.path) as db:
        assert len(reader.rollouts(db, KEY)) == 1
        assert [row["seq"] for row in reader.notices(db, KEY)] == [2, 2, 1], (
            "a Canary made anew counts from 1 again"
        )


def test_samples_are_kept_at_transitions_only_and_only_decisive_ones(tmp_path: Path) -> None:
    before = running(gates=(gate(Verdict.PASS), gate(Verdict.NO_DATA, name="request-duration")))
    with history(tmp_path) as kept:
        for minute in range(10):
            kept.record(KEY, before, replace(before, gates=(gate(at=NOON + minute * MINUTE),)), [])
        kept.record(KEY, before, running(1, 20), [notice(2, "StepEntered")])
    with reader.read_only(kept.path) as db:
        samples = reader.samples(db, KEY, "podinfo-7f9c-1")
    assert [(row["gate"], row["verdict"]) for row in samples] == [("request-success-rate", "Pass")]


def test_nothing_new_makes_no_row() -> None:
    assert list(rows(KEY, running(), running(), [], NOON)) == []


def test_reading_goes_on_beside_writing(tmp_path: Path) -> None:
    with history(tmp_path) as kept:
        kept.record(KEY, IDLE, running(), [starts()])
        kept.flush().result(20)
        with reader.read_only(kept.path) as db:
            kept.record(KEY, running(), IDLE, [notice(2)])
            kept.flush().result(20)
            assert len(reader.notices(db, KEY)) == 2
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                db.execute("delete from notices")
