"""What cannot be worked on: nothing is touched, people are heard all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import RequestState
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Problem, Snapshot, Verb
from canaryd.model.status import Phase, Status
from tests.decide.build import (
    CANARY,
    PRIMARY,
    T0,
    a_snapshot,
    a_spec,
    an_analysis,
    ask,
    at_step,
    sec,
    steps,
    told,
    with_work,
    written,
)


def test_a_problem_stops_the_clock_and_touches_nothing() -> None:
    snap = at_step(1, problems=(Problem("RouteMissing", "gone"),), routing=None)
    decision = decide(snap, T0 + sec(40))
    assert (decision.actions, decision.tidings, decision.observe) == ((), (), ())
    assert decision.status.step is not None
    assert decision.status.step.stayed == sec(40)
    assert decision.status.step.live_since is None
    again = decide(replace(snap, status=decision.status), T0 + sec(90))
    assert again.status == decision.status


@pytest.mark.parametrize(
    ("snap", "works"),
    [
        pytest.param(a_snapshot(), False, id="at rest a missing Deployment stops everything"),
        pytest.param(at_step(1), True, id="in a rollout it is a canary that is lost"),
    ],
)
def test_a_missing_deployment(snap: Snapshot, works: bool) -> None:
    gone = replace(CANARY, exists=False, ready=0, replicas=0, revision=None)
    decision = decide(with_work(snap, canary=gone), T0)
    assert written(decision) == ([0] if works else [])
    assert (decision.status != snap.status) is works


MISSING_ROUTE = {"routing": None, "problems": (Problem("RouteMissing", "gone"),)}


def test_an_abort_counts_while_the_route_cannot_be_read() -> None:
    decision = decide(at_step(1, requests=(ask(Verb.ABORT),), **MISSING_ROUTE), T0)
    assert (decision.status.phase, decision.actions) == (Phase.ROLLING_BACK, ())
    assert decision.answers[0].state is RequestState.DONE
    back = at_step(1, status=vars_of(decision.status))
    assert (written(decide(back, T0)), told(decide(back, T0))) == ([0], ["Aborted"])


def vars_of(status: Status) -> dict[str, object]:
    return {"phase": status.phase, "rollout": status.rollout}


def test_people_are_heard_while_the_route_and_the_steps_are_gone() -> None:
    cut = a_spec(an_analysis(steps=steps(10)))
    snap = at_step(2, spec=cut, requests=(ask(Verb.APPROVE, step=3),), **MISSING_ROUTE)
    assert decide(snap, T0).answers[0].state is RequestState.REFUSED
    renamed = replace(snap, workloads={SlotName("blue"): CANARY, SlotName("green"): PRIMARY})
    assert decide(renamed, T0).answers == ()
