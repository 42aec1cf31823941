"""A status from before the wall clock was set back keeps nothing waiting."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide.draft import sure
from canaryd.decide.past import nothing_to_come, written_later
from canaryd.model.evidence import Evidence
from canaryd.model.names import Weight
from canaryd.model.status import Cap, CapReason, Contest, Gate, HoldReason, Missing, Status, Verdict
from tests.decide.build import MINUTE, T0, at_step

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
        contest=Contest("somebody", at, at, 1, Weight(30)),
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
    status = replace(of(LATER), step=None, rollout=None, cap=None, contest=None, gates=())
    assert nothing_to_come(status, T0) is status


def test_the_time_that_a_step_has_stayed_is_not_taken_from_it() -> None:
    status = of(LATER)
    stayed = replace(status, step=replace(sure(status.step), stayed=timedelta(seconds=30)))
    step = sure(nothing_to_come(stayed, T0).step)
    assert step.elapsed(T0 + timedelta(seconds=10)) == timedelta(seconds=40)


def test_a_fall_that_was_written_late_counts_from_then_on() -> None:
    status = of(T0)
    evidence = Evidence(MINUTE, T0, changes=(T0 - HOUR, T0))
    later = written_later(replace(status, evidence=evidence), T0, LATER)
    step = sure(later.step)
    assert (step.entered_at, step.live_since, step.running_since) == (T0, LATER, LATER)
    assert sure(later.evidence).changes == (T0 - HOUR, LATER)


def test_what_a_late_fall_did_not_begin_stays_as_it_is() -> None:
    status = replace(of(T0 - HOUR), evidence=Evidence(MINUTE, T0, changes=(T0 - HOUR,)))
    assert written_later(status, T0, LATER) == status
    idle = replace(status, step=None, evidence=None)
    assert written_later(idle, T0, LATER) == idle
