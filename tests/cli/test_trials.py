"""What many releases in thought come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from canaryd.cli.report import false_alarms
from canaryd.cli.trials import apart, healthy, upper_bound
from canaryd.decide.trial import Outcome

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def outcome(minutes: int, *, failed: str | None = None) -> Outcome:
    return Outcome(failed, minutes * MINUTE, 0, 100.0, finished=failed is None)


def test_few_rollouts_say_little() -> None:
    assert upper_bound(0, 0) == 1
    assert 0.03 < upper_bound(0, 100) < 0.05
    assert upper_bound(0, 1000) < 0.005
    assert upper_bound(0.1, 100) < upper_bound(0.1, 10)


def test_releases_that_overlap_tell_once() -> None:
    begins = [NOON + number * 10 * MINUTE for number in range(6)]
    assert apart(begins, [outcome(5)] * 6) == 6
    assert apart(begins, [outcome(10)] * 6) == 6
    assert apart(begins, [outcome(15)] * 6) == 3
    assert apart(begins, [outcome(60)] * 6) == 1
    assert apart([], []) == 0


def test_the_bound_of_releases_that_overlap_is_wider() -> None:
    outcomes = [outcome(15)] * 50
    assert healthy(outcomes, told=25).upper > healthy(outcomes, told=50).upper


def test_healthy_releases_that_did_not_end_are_told_with_their_reason() -> None:
    held = replace(outcome(9), finished=False, held="Environment")
    short = replace(outcome(9), finished=False)
    told = list(false_alarms(healthy([outcome(5), held, held, short], told=4)))
    assert "  2 did not come to their end: held for Environment" in told
    assert any(line.startswith("  1 did not come to their end in time") for line in told)
    assert not any("did not" in line for line in false_alarms(healthy([outcome(5)], told=1)))


def test_without_a_release_nothing_is_known() -> None:
    nothing = healthy([], told=0)
    assert (nothing.rollouts, nothing.upper, nothing.typical_seconds) == (0, 1.0, None)
