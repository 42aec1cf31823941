"""Failed checks: how they are counted, and the one that rolls back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import Decision
from canaryd.model.status import Phase, Rejected
from tests.decide.build import (
    MINUTE,
    NEW,
    SEEN,
    T0,
    a_sample,
    a_spec,
    an_analysis,
    answers,
    at_step,
    sec,
    told,
    written,
)


def test_a_failed_check_is_told_and_the_one_with_number_threshold_rolls_back() -> None:
    first = decide(at_step(1, samples=answers(a_sample(98))), T0 + MINUTE)
    assert (first.status.phase, told(first)) == (Phase.PROGRESSING, ["CheckFailed"])
    assert first.tidings[0].sentence == (
        "failed check 1 of 2: request-success-rate was 98 % over 1m, "
        "outside its bound of at least 99 %"
    )
    snap = at_step(1, status=vars_of(first), samples=answers(a_sample(97.5, at=120)))
    second = decide(snap, T0 + 2 * MINUTE)
    assert (second.status.phase, written(second), told(second)) == (Phase.IDLE, [0], ["RolledBack"])
    sentence = (
        "podinfo-v2 (podinfo:new) rolled back from 50 %: failed check 2 of 2: request-success-rate"
        " was 97.5 % over 1m, outside its bound of at least 99 %"
    )
    assert second.tidings[0].sentence == sentence
    rejected = Rejected(NEW, "CheckFailed", sentence, T0 + 2 * MINUTE, previous=SEEN)
    assert (second.status.rejected, second.status.idle_revision) == (rejected, NEW)


def vars_of(decision: Decision) -> dict[str, object]:
    status = decision.status
    return {"rollout": status.rollout, "gates": status.gates, "step": status.step}


@pytest.mark.parametrize(
    ("at", "count"),
    [(100, 1), (119, 1), (120, 2)],
    ids=["soon after", "just within the interval", "an interval later"],
)
def test_at_most_one_failed_check_per_interval(at: float, count: int) -> None:
    rollout = {"failed_checks": 1, "failed_at": T0 + MINUTE}
    spec = a_spec(an_analysis(threshold=9))
    snap = at_step(spec=spec, rollout=rollout, samples=answers(a_sample(98, at=at)))
    after = decide(snap, T0 + sec(at)).status.rollout
    assert after is not None
    assert after.failed_checks == count


def test_many_metrics_that_fail_together_are_one_failed_check() -> None:
    queue = replace(an_analysis().metrics[0], name="queue", query="up")
    spec = a_spec(an_analysis(metrics=(*an_analysis().metrics, queue)))
    samples = answers(a_sample(98), replace(a_sample(1), metric="queue"))
    decision = decide(at_step(spec=spec, samples=samples), T0 + MINUTE)
    assert decision.status.rollout is not None
    assert decision.status.rollout.failed_checks == 1
    assert "98 %" in decision.tidings[0].sentence
    assert "queue was 1 over 1m" in decision.tidings[0].sentence


def test_after_the_clock_was_set_back_a_bad_check_counts_at_once_and_an_old_one_not_again() -> None:
    first = decide(at_step(1, samples=answers(a_sample(98))), T0 + MINUTE)
    back, old = T0 - sec(600), answers(a_sample(98))
    known = at_step(1, status=vars_of(first), samples=old)
    second = decide(known, back)
    assert second.status.step is not None
    assert second.status.step.live_since == back
    for samples in ({}, old):
        again = decide(at_step(1, status=vars_of(second), samples=samples), back + sec(1))
        assert (again.status.phase, told(again)) == (Phase.PROGRESSING, [])
    bad = at_step(1, status=vars_of(second), samples=answers(a_sample(10, at=-540)))
    assert told(decide(bad, back + MINUTE)) == ["RolledBack"]
