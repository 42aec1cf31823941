"""What people ask for, and what they are told; asking twice does no harm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import Answer, RequestState
from canaryd.model.snapshot import Request, Snapshot, Verb
from canaryd.model.status import Failure, Pause, Phase, Rejected, Verdict
from tests.decide.build import (
    CANARY,
    IDLE,
    MINUTE,
    NEW,
    OLD,
    OTHER,
    PRIMARY,
    SEEN,
    T0,
    a_sample,
    a_snapshot,
    a_spec,
    a_workload,
    an_analysis,
    answers,
    ask,
    at_step,
    started,
    told,
    with_work,
    written,
)

DONE, REFUSED = RequestState.DONE, RequestState.REFUSED
PAUSED = {"paused": Pause("ben", "", T0)}
GATED = a_spec(
    an_analysis(steps=tuple(replace(step, approval=True) for step in an_analysis().steps))
)
REJECTED = Rejected(NEW, "CheckFailed", "bad", T0)
RESTING = replace(IDLE, idle_revision=NEW)
TAKEN_BACK = replace(RESTING, rejected=REJECTED)


def approval(step: int | None) -> Request:
    return ask(Verb.APPROVE, step=step)


def resting(snap: Snapshot) -> Snapshot:
    return with_work(snap, canary=a_workload("podinfo-v2", SEEN))


@pytest.mark.parametrize(
    ("snap", "request_", "state", "message"),
    [
        pytest.param(
            at_step(1, spec=GATED),
            approval(2),
            DONE,
            "step 2 of 3 approved",
            id="approve the running step",
        ),
        pytest.param(
            at_step(1, spec=GATED, rollout={"approved_step": 1}),
            approval(2),
            DONE,
            "step 2 of 3 has been approved or passed",
            id="approve it twice",
        ),
        pytest.param(
            at_step(1, spec=GATED),
            approval(1),
            DONE,
            "step 1 of 3 has been approved or passed",
            id="approve a step that is over",
        ),
        pytest.param(
            at_step(1, spec=GATED),
            approval(3),
            REFUSED,
            "approve refused: step 2 is running, not step 3",
            id="approve a step to come",
        ),
        pytest.param(
            at_step(1),
            approval(2),
            REFUSED,
            "approve refused: step 2 of 3 asks for no approval",
            id="approve what needs none",
        ),
        pytest.param(
            at_step(1),
            approval(None),
            REFUSED,
            "approve refused: step 2 is running, not step None",
            id="approve no step",
        ),
        pytest.param(
            at_step(-1, spec=GATED),
            approval(0),
            REFUSED,
            "approve refused: step 0 is running, not step 0",
            id="approve below the first step",
        ),
        pytest.param(
            a_snapshot(status=started()),
            approval(1),
            REFUSED,
            "approve refused: no step has been entered yet, not step 1",
            id="approve before the first step",
        ),
        pytest.param(
            at_step(1),
            ask(Verb.PAUSE),
            DONE,
            "paused; it is judged on and may roll back",
            id="pause",
        ),
        pytest.param(
            at_step(1, rollout=PAUSED),
            ask(Verb.PAUSE),
            DONE,
            "paused; it is judged on and may roll back",
            id="pause twice",
        ),
        pytest.param(at_step(1, rollout=PAUSED), ask(Verb.RESUME), DONE, "resumed", id="resume"),
        pytest.param(at_step(1), ask(Verb.RESUME), DONE, "resumed", id="resume what goes on"),
        pytest.param(
            at_step(1),
            ask(Verb.PROMOTE),
            DONE,
            "the remaining steps are skipped; readiness is not",
            id="promote",
        ),
        pytest.param(
            at_step(1), ask(Verb.ABORT), DONE, "all traffic goes back to the primary", id="abort"
        ),
        pytest.param(
            at_step(1), ask(Verb.RETRY), DONE, "its rollout is running", id="retry what runs"
        ),
        pytest.param(
            at_step(1),
            ask(Verb.PAUSE, OTHER),
            REFUSED,
            "pause refused: the running rollout is of new, not of other",
            id="another revision than the running one",
        ),
        pytest.param(
            resting(a_snapshot()),
            ask(Verb.PAUSE),
            REFUSED,
            "pause refused: no rollout is running",
            id="no rollout",
        ),
        pytest.param(
            resting(a_snapshot()),
            ask(Verb.PROMOTE, OLD),
            DONE,
            "it has been promoted already",
            id="promote what serves",
        ),
        pytest.param(
            resting(a_snapshot()),
            ask(Verb.ABORT, OLD),
            REFUSED,
            "abort refused: no rollout is running",
            id="abort what serves",
        ),
        pytest.param(
            a_snapshot(status=TAKEN_BACK),
            ask(Verb.ABORT),
            DONE,
            "it has been taken back already",
            id="abort what was taken back",
        ),
        pytest.param(
            a_snapshot(status=TAKEN_BACK),
            ask(Verb.PAUSE),
            REFUSED,
            "pause refused: no rollout is running",
            id="pause what was taken back",
        ),
        pytest.param(
            a_snapshot(status=TAKEN_BACK),
            ask(Verb.RETRY),
            DONE,
            "rollout of new started again",
            id="retry",
        ),
        pytest.param(
            resting(a_snapshot(status=TAKEN_BACK)),
            ask(Verb.RETRY),
            REFUSED,
            "retry refused: podinfo-v2 no longer holds new",
            id="retry what is gone",
        ),
        pytest.param(
            resting(a_snapshot()),
            ask(Verb.RETRY, SEEN),
            REFUSED,
            "retry refused: no rollout is running",
            id="retry what was not rejected",
        ),
    ],
)
def test_answers(snap: Snapshot, request_: Request, state: RequestState, message: str) -> None:
    decision = decide(replace(snap, requests=(request_,)), T0)
    assert decision.answers == (Answer(request_.name, state, message),)


@pytest.mark.parametrize(
    "snap",
    [
        pytest.param(a_snapshot(), id="its rollout starts with this decision"),
        pytest.param(
            with_work(at_step(1, rollout={"revision": OTHER}), canary=CANARY),
            id="it supersedes with this decision",
        ),
    ],
)
@pytest.mark.parametrize("verb", Verb)
def test_a_request_that_is_early_waits_for_a_moment(snap: Snapshot, verb: Verb) -> None:
    assert decide(replace(snap, requests=(ask(verb),)), T0).answers == ()


def test_a_retry_waits_for_the_revisions_name() -> None:
    unnamed = replace(CANARY, revision=None)
    snap = with_work(a_snapshot(status=TAKEN_BACK, requests=(ask(Verb.RETRY),)), canary=unnamed)
    assert decide(snap, T0).answers == ()


def test_a_retry_starts_from_nothing() -> None:
    decision = decide(a_snapshot(status=TAKEN_BACK, requests=(ask(Verb.RETRY),)), T0)
    assert decision.status.rejected is None
    assert told(decision) == ["RolloutStarted"]
    assert decision.tidings[0].sentence.endswith("started: ann@example.com asked to retry")


def test_an_abort_says_who_and_why_and_rejects() -> None:
    request = ask(Verb.ABORT, reason="wrong colour")
    decision = decide(at_step(1, requests=(request,)), T0)
    assert (written(decision), told(decision)) == ([0], ["Aborted"])
    sentence = "ann@example.com (wrong colour) aborted the rollout of podinfo-v2 at 50 %"
    assert decision.status.rejected == Rejected(NEW, "Aborted", sentence, T0, previous=SEEN)


@pytest.mark.parametrize("verb", Verb)
def test_while_it_rolls_back_only_an_abort_is_agreed_to(verb: Verb) -> None:
    failing = at_step(
        1,
        status={"phase": Phase.ROLLING_BACK},
        rollout={"failure": Failure("CheckFailed", "bad")},
        requests=(ask(verb),),
    )
    (answer,) = decide(with_work(failing, primary=replace(PRIMARY, ready=0)), T0).answers
    assert answer.state is (DONE if verb is Verb.ABORT else REFUSED)


def test_promote_skips_the_steps_and_not_readiness() -> None:
    snap = at_step(0, requests=(ask(Verb.PROMOTE),))
    ready = decide(snap, T0)
    assert (written(ready), told(ready)) == ([100], ["PromoteRequested", "Promoted"])
    waiting = decide(with_work(snap, canary=replace(CANARY, ready=2)), T0)
    assert waiting.actions == ()
    assert waiting.status.rollout is not None
    assert waiting.status.rollout.skip_steps


@pytest.mark.parametrize(
    ("paused", "suspend"), [(PAUSED, False), ({}, True)], ids=["paused", "suspended"]
)
def test_a_canary_whose_promotion_has_to_wait_is_judged_until_it_may(
    paused: dict[str, Pause], suspend: bool
) -> None:
    analysis = an_analysis(threshold=2)
    asked = {**paused, "skip_steps": True, "failed_checks": 1}
    held = at_step(1, rollout=asked, spec=a_spec(analysis, suspend=suspend))
    good = decide(replace(held, samples=answers()), T0 + MINUTE)
    assert good.actions == ()
    assert good.observe
    assert [gate.verdict for gate in good.status.gates] == [Verdict.PASS] * len(good.status.gates)
    bad = decide(replace(held, samples=answers(a_sample(0.0))), T0 + MINUTE)
    assert (written(bad), told(bad)) == ([0], ["RolledBack"])


def test_an_approval_before_the_steps_were_cut_is_no_accident() -> None:
    cut = a_spec(replace(GATED.analysis, steps=GATED.analysis.steps[:1]))
    (answer,) = decide(at_step(2, spec=cut, requests=(approval(3),)), T0).answers
    assert answer.message == "approve refused: step 1 is running, not step 3"


def test_an_approval_lets_the_step_pass_in_the_same_decision() -> None:
    snap = at_step(0, spec=GATED, samples=answers(), requests=(approval(1),))
    decision = decide(snap, T0 + MINUTE)
    assert (written(decision), told(decision)) == ([50], ["Approved", "StepEntered"])
