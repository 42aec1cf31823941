"""Which statuses may be left unwritten when there is news, and which say what nobody else knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.draft import sure
from canaryd.decide.repeatable import repeatable
from canaryd.model.names import Weight
from canaryd.model.status import (
    Cap,
    CapReason,
    Contest,
    Failure,
    Gate,
    HoldReason,
    Missing,
    Status,
    Verdict,
)
from tests.decide.build import T0, at_step

BEFORE = at_step().status
ROLLOUT = sure(BEFORE.rollout)
GATE = Gate("errors", Verdict.UNDECIDED, "no data", T0)


def test_a_step_that_was_entered_is_entered_again() -> None:
    assert repeatable(BEFORE, replace(BEFORE, canary_weight=Weight(30), notices=()))


def test_a_rollout_that_began_begins_again() -> None:
    assert repeatable(replace(BEFORE, rollout=None), BEFORE)


def test_while_nothing_is_released_nothing_is_counted() -> None:
    idle = replace(BEFORE, rollout=None)
    assert repeatable(idle, replace(idle, observed_generation=9))


@pytest.mark.parametrize(
    "after",
    [
        replace(BEFORE, rollout=replace(ROLLOUT, failed_checks=1, failed_at=T0)),
        replace(BEFORE, rollout=replace(ROLLOUT, losses=1)),
        replace(BEFORE, rollout=replace(ROLLOUT, failure=Failure("WorseThanPrimary", "it is"))),
        replace(BEFORE, gates=(replace(GATE, missing=Missing(HoldReason.NO_CANARY_DATA, T0)),)),
        replace(BEFORE, cap=Cap(CapReason.CANARY_LOST, "its pods are gone", T0)),
        replace(BEFORE, rollout=None),
        replace(BEFORE, contest=Contest("somebody", T0, T0, 1, Weight(30))),
    ],
    ids=["checks", "losses", "failure", "missing", "cap", "end", "contest"],
)
def test_what_was_counted_or_failed_is_written_before_it_is_decided_again(after: Status) -> None:
    assert not repeatable(BEFORE, after)


def test_that_data_came_back_is_written_too() -> None:
    missing = replace(GATE, missing=Missing(HoldReason.NO_CANARY_DATA, T0))
    assert not repeatable(replace(BEFORE, gates=(missing,)), replace(BEFORE, gates=(GATE,)))


def test_another_rollout_has_counted_nothing_yet() -> None:
    failed = replace(BEFORE, rollout=replace(ROLLOUT, failed_checks=2, failed_at=T0))
    assert repeatable(failed, replace(BEFORE, rollout=replace(ROLLOUT, id="another")))
