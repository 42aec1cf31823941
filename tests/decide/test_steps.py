"""The walk from 0 to promoted: what passes a step, and its clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import Observe
from canaryd.model.snapshot import Snapshot, Verb, Workload
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import HoldReason, Phase, Promoted
from tests.decide.build import (
    CANARY,
    MINUTE,
    NEW,
    OLD,
    PRIMARY,
    RATE,
    SEEN,
    T0,
    V1,
    V2,
    a_sample,
    a_snapshot,
    a_spec,
    a_workload,
    an_analysis,
    answers,
    ask,
    at_step,
    sec,
    started,
    steps,
    told,
    with_work,
    written,
)


@pytest.mark.parametrize(
    ("snap", "at", "step", "writes"),
    [
        pytest.param(a_snapshot(status=started()), 0, None, [], id="no answer yet, no traffic"),
        pytest.param(
            a_snapshot(status=started(), samples=answers(a_sample(at=-1))),
            0,
            None,
            [],
            id="an answer from before the rollout does not count",
        ),
        pytest.param(
            a_snapshot(status=started(), samples=answers(a_sample(None, at=0))),
            0,
            0,
            [10],
            id="the server answers that it knows nothing of the canary yet",
        ),
        pytest.param(
            at_step(samples=answers(a_sample(at=60))), 60, 1, [50], id="stay over, sample passes"
        ),
        pytest.param(at_step(samples=answers()), 59, 0, [], id="not before the least stay"),
        pytest.param(at_step(), 3600, 0, [], id="not without a sample"),
        pytest.param(
            at_step(samples=answers(a_sample(at=59))),
            120,
            0,
            [],
            id="not on a sample whose window began before the step",
        ),
        pytest.param(
            at_step(samples=answers(a_sample(90))), 60, 0, [], id="not after a failed check"
        ),
        pytest.param(
            at_step(2, samples=answers()), 60, None, [], id="after the last step it is promoted"
        ),
        pytest.param(
            at_step(1, samples=answers(), spec=a_spec(an_analysis(steps=steps(10, 50)))),
            60,
            None,
            [100],
            id="promotion goes from the last step to 100 at once",
        ),
        pytest.param(
            at_step(-1, samples=answers()),
            60,
            0,
            [10],
            id="below the first step it stays an interval",
        ),
        pytest.param(
            a_snapshot(status=started(), spec=a_spec(skip_analysis=True)),
            0,
            None,
            [100],
            id="skipAnalysis: 100 as soon as ready",
        ),
        pytest.param(
            with_work(
                a_snapshot(status=started(), spec=a_spec(skip_analysis=True)),
                canary=replace(CANARY, ready=2),
            ),
            0,
            None,
            [],
            id="skipAnalysis: not before it is ready",
        ),
    ],
)
def test_steps(snap: Snapshot, at: float, step: int | None, writes: list[int]) -> None:
    decision = decide(snap, T0 + sec(at))
    assert decision.status.step is None or decision.status.step.index == step
    assert (decision.status.step is None) is (step is None)
    assert written(decision) == writes


def test_promotion_swaps_the_roles() -> None:
    decision = decide(at_step(2, samples=answers()), T0 + MINUTE)
    after = decision.status
    assert (after.phase, after.primary_slot, after.idle_slot) == (Phase.IDLE, V2, V1)
    assert (after.canary_weight, after.idle_revision) == (0, OLD)
    assert after.promoted == Promoted(NEW, T0 + MINUTE, CANARY.images)
    assert (told(decision), decision.observe) == (["Promoted"], ())


def test_a_deployment_that_is_made_again_after_the_promotion_as_it_was_is_no_push() -> None:
    gone = Workload(name="podinfo-v1", exists=False)
    decision = decide(with_work(at_step(2, samples=answers()), primary=gone), T0 + MINUTE)
    assert (told(decision), decision.status.idle_revision) == (["Promoted"], OLD)


def test_a_promotion_that_another_canaryd_began_is_finished() -> None:
    snap = at_step(2, status={"phase": Phase.PROMOTING})
    assert decide(snap, T0).status.primary_slot == V2
    lost = with_work(snap, canary=replace(CANARY, ready=0))
    decision = decide(lost, T0)
    assert (written(decision), decision.status.phase) == ([0], Phase.PROMOTING)


def test_a_rise_onto_fewer_pods_than_its_share_is_warned_of() -> None:
    snap = with_work(
        at_step(samples=answers()),
        canary=replace(CANARY, replicas=1, ready=1),
        primary=replace(PRIMARY, replicas=10, ready=10),
    )
    (news,) = decide(snap, T0 + MINUTE).tidings
    assert news.sentence == (
        "podinfo-v2 enters step 2 of 3 (50 %), "
        "with 1 ready pods where 50 % of podinfo-v1's would be 5"
    )


def test_the_step_that_asks_for_approval_says_so_and_waits() -> None:
    walk = (steps(10)[0], replace(steps(50)[0], approval=True), steps(100)[0])
    spec = a_spec(an_analysis(steps=walk))
    entering = decide(at_step(samples=answers(), spec=spec), T0 + MINUTE)
    assert entering.tidings[0].sentence.endswith("step 2 of 3 (50 %), then waits for approval")
    snap = at_step(1, samples=answers(), spec=spec)
    waiting = decide(snap, T0 + MINUTE)
    assert waiting.status.hold is not None
    assert waiting.status.hold.reason is HoldReason.APPROVAL_NEEDED
    assert waiting.status.hold.message == (
        "step 2 of 3 (50 %) waits for approval: canaryd approve podinfo -n demo --step 2"
    )
    approved = at_step(1, samples=answers(), spec=spec, rollout={"approved_step": 1})
    assert written(decide(approved, T0 + MINUTE)) == [100]
    other = at_step(1, samples=answers(), spec=spec, rollout={"approved_step": 0})
    assert written(decide(other, T0 + MINUTE)) == []


@pytest.mark.parametrize(
    ("walk", "index", "weight", "news"),
    [
        ((10, 50, 100), 1, 50, []),
        ((20, 50, 80, 100), 1, 50, []),
        ((40, 100), 0, 40, ["StepEntered"]),
        ((30, 40, 60), 1, 40, ["StepEntered"]),
        ((60, 100), -1, 50, ["StepEntered"]),
        ((50,), 0, 50, ["StepEntered"]),
    ],
    ids=[
        "the same steps change nothing",
        "more steps around it change nothing but the count",
        "the largest step not above the weight",
        "also when the index is the same",
        "below the first step: the weight stays",
        "fewer steps",
    ],
)
def test_steps_edited_in_mid_rollout(
    walk: tuple[int, ...], index: int, weight: int, news: list[str]
) -> None:
    snap = at_step(
        1, spec=a_spec(an_analysis(steps=steps(*walk))), requests=(ask(Verb.APPROVE, step=2),)
    )
    decision = decide(snap, T0 + sec(5))
    step = decision.status.step
    assert step is not None
    assert (step.index, step.weight, step.count) == (index, weight, len(walk))
    assert step.entered_at == (T0 + sec(5) if news else T0)
    assert told(decision) == news


def test_an_approval_does_not_outlive_its_step() -> None:
    spec = a_spec(an_analysis(steps=steps(20, 40)))
    decision = decide(at_step(1, rollout={"approved_step": 1}, spec=spec), T0)
    assert decision.status.rollout is not None
    assert decision.status.rollout.approved_step is None


def test_an_edit_before_the_first_step_needs_nothing() -> None:
    snap = a_snapshot(status=started(), spec=a_spec(an_analysis(steps=steps(1))))
    assert decide(snap, T0).status.step is None


def test_what_is_observed_before_and_in_a_step() -> None:
    before = decide(a_snapshot(), T0).observe
    within = decide(at_step(), T0).observe
    wish = Observe(SUCCESS_RATE, None, MINUTE, T0, V2)
    assert before == (wish,)
    assert within == (replace(wish, first_at=T0 + MINUTE),)


def test_nothing_is_observed_of_a_canary_that_cannot_answer() -> None:
    unready = replace(CANARY, ready=0)
    assert decide(with_work(a_snapshot(), canary=unready), T0).observe == ()
    assert decide(with_work(at_step(), canary=unready), T0).observe == ()
    assert decide(with_work(a_snapshot(), canary=a_workload("podinfo-v2", SEEN)), T0).observe == ()
    now = a_snapshot(status=started(skip_steps=True), spec=a_spec(suspend=True))
    assert decide(now, T0).observe == ()


def test_the_steps_clock_tells_when_to_look_again() -> None:
    assert decide(at_step(), T0 + sec(20)).wake_at == T0 + MINUTE


def test_the_clock_starts_when_the_weight_is_live() -> None:
    decision = decide(at_step(samples=answers()), T0 + MINUTE)
    assert decision.status.step is not None
    assert decision.status.step.live_since == decision.status.step.running_since == T0 + MINUTE
    assert decision.observe[0].first_at == T0 + 2 * MINUTE
    assert decision.wake_at is None, "the sample that must be waited for comes then"


def test_a_stay_that_outlasts_its_samples_is_ended_by_a_timer() -> None:
    often = a_spec(an_analysis(metrics=(replace(RATE, interval=sec(20)),)))
    entered = decide(at_step(spec=often, samples=answers()), T0 + MINUTE)
    assert entered.wake_at == T0 + 2 * MINUTE
    judged = at_step(samples=answers(a_sample(100, 60)))
    longer = a_spec(an_analysis(steps=steps(10, 50, 100, least=2 * MINUTE)))
    assert decide(replace(judged, spec=longer), T0 + MINUTE).wake_at == T0 + 2 * MINUTE


def test_a_hold_stops_the_clock_and_what_ran_counts() -> None:
    snap = at_step(stale="the watch of Deployments is silent")
    held = decide(snap, T0 + sec(40)).status
    assert held.step is not None
    assert (held.step.stayed, held.step.running_since) == (sec(40), None)
    again = decide(replace(snap, status=held, stale=None), T0 + sec(100))
    assert again.wake_at == T0 + sec(120)
    assert told(again) == ["HoldEnded"]
