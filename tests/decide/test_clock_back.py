"""A status from before the wall clock was set back keeps nothing waiting."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide.draft import sure
from canaryd.decide.past import nothing_to_come
from canaryd.model.status import Cap, CapReason, Gate, HoldReason, Missing, Status, Verdict
from tests.decide.build import T0, at_step

HOUR = timedelta(hours=1)
LATER = T0 + HOUR


def of(at: datetime) -> Status:
    """Everything in it began then."""
    status = at_step().status
    return replace(
        status,
        step=replace(sure(status.step), entered_at=at, live_since=at, running_since=at),
        rollout=replace(sure(status.rollout), started_at=at, unready_since=at),
        cap=Cap(CapReason.CANARY_LOST, "its pods are gone", at, ready_since=at),
        gates=(
            Gate("errors", Verdict.UNDECIDED, "no data", T0, missing=missing(at)),
            Gate("latency", Verdict.PASS, "fine", T0),
        ),
    )


def missing(at: datetime) -> Missing:
    return Missing(HoldReason.NO_CANARY_DATA, at)


def test_what_began_at_a_time_to_come_begins_now() -> None:
    assert nothing_to_come(of(LATER), T0) == of(T0)


def test_what_began_before_stays_as_it_is() -> None:
    status = of(T0)
    assert nothing_to_come(status, LATER) is status


def test_a_canary_without_a_rollout_has_nothing_to_wait_for() -> None:
    status = replace(of(LATER), step=None, rollout=None, cap=None, gates=())
    assert nothing_to_come(status, T0) is status


def test_the_time_that_a_step_has_stayed_is_not_taken_from_it() -> None:
    status = of(LATER)
    stayed = replace(status, step=replace(sure(status.step), stayed=timedelta(seconds=30)))
    step = sure(nothing_to_come(stayed, T0).step)
    assert step.elapsed(T0 + timedelta(seconds=10)) == timedelta(seconds=40)
