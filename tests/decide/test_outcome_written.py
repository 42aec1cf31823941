"""When a status is written: for what is news, in time for the rest, never for what only ticks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.outcome import EVENTS, worth_writing
from canaryd.model.status import (
    Cap,
    CapReason,
    Condition,
    Gate,
    Hold,
    HoldReason,
    Missing,
    Phase,
    Status,
    Target,
    Verdict,
)
from tests.decide.build import (
    IDLE,
    NEW,
    OTHER,
    RATE,
    T0,
    a_sample,
    a_spec,
    an_analysis,
    answers,
    at_step,
    sec,
)
from tests.decide.written import LATER, after

GATE = Gate("rate", Verdict.PASS, "was 100 %", T0, 100.0)
BEGUN = Gate("latency", Verdict.UNDECIDED, "no sample yet", T0)
SILENT = replace(
    BEGUN, verdict=Verdict.NO_DATA, missing=Missing(HoldReason.METRICS_UNAVAILABLE, T0)
)
REFUSED = replace(SILENT, missing=Missing(HoldReason.QUERY_REFUSED, T0))
HELD = Hold(HoldReason.PAUSED, "paused", T0)
BASE = replace(
    at_step(1).status,
    gates=(GATE,),
    hold=HELD,
    conditions=(Condition("Ready", "Unknown", "A", "a", T0),),
    target=Target(1, NEW),
)
WAITING = replace(BASE, hold=Hold(HoldReason.CANARY_NOT_READY, "0 of 3 are ready", T0))


@pytest.mark.parametrize(
    ("before", "changes", "writes"),
    [
        (BASE, {}, False),
        (BASE, {"phase": Phase.IDLE}, True),
        (WAITING, {"hold": Hold(HoldReason.CANARY_NOT_READY, "1 of 3 are ready", T0)}, False),
        (WAITING, {"hold": Hold(HoldReason.CANARY_NOT_READY, "it is paused", T0)}, True),
        (BASE, {"step": None}, True),
        (BASE, {"hold": None}, True),
        (BASE, {"hold": replace(HELD, message="in other words")}, False),
        (BASE, {"cap": Cap(CapReason.CANARY_LOST, "", T0)}, True),
        (BASE, {"gates": (replace(GATE, verdict=Verdict.FAIL),)}, True),
        (BASE, {"gates": (replace(GATE, message="was 99 %"),)}, False),
        (BASE, {"rollout": None}, True),
        (BASE, {"conditions": (replace(BASE.conditions[0], status="True"),)}, True),
        (BASE, {"conditions": (replace(BASE.conditions[0], message="b"),)}, False),
        (IDLE, {"conditions": (replace(BASE.conditions[0], message="b"),)}, True),
        (BASE, {"target": Target(2, NEW)}, False),
        (BASE, {"target": Target(1, None)}, False),
        (BASE, {"target": Target(1, OTHER)}, True),
        (BASE, {"target": None}, False),
        (BASE, {"gates": ()}, True),
        (BASE, {"gates": (replace(GATE, verdict=Verdict.UNDECIDED),)}, True),
        (BASE, {"gates": (GATE, BEGUN)}, False),
        (BASE, {"gates": (GATE, SILENT)}, True),
        (replace(BASE, gates=(BEGUN,)), {"gates": (replace(BEGUN, verdict=Verdict.PASS),)}, False),
        (replace(BASE, gates=(BEGUN,)), {"gates": (replace(BEGUN, verdict=Verdict.FAIL),)}, True),
        (replace(BASE, gates=(SILENT,)), {"gates": (BEGUN,)}, True),
        (replace(BASE, gates=(SILENT,)), {"gates": (REFUSED,)}, True),
        (BASE, {"delivered": {EVENTS: 4}}, False),
    ],
    ids=[
        "nothing",
        "phase",
        "how many pods are ready",
        "another thing that keeps it from being ready",
        "step",
        "hold",
        "a hold's words",
        "cap",
        "verdict",
        "a gate's words",
        "rollout",
        "a condition",
        "a condition's words while running",
        "and at rest",
        "a workload's generation",
        "a workload's revision has no name yet",
        "a workload's revision",
        "a workload that is gone",
        "a gate is gone",
        "a good value no longer counts",
        "another gate begins",
        "another gate has no value",
        "the first value is good",
        "the first value is bad",
        "values come again",
        "values are missing for another reason",
        "deliveries",
    ],
)
def test_written_when(before: Status, changes: dict[str, Any], writes: bool) -> None:
    status = replace(before, **changes)
    assert worth_writing(before, status, T0 + sec(59), evidence_every=60) is writes


@pytest.mark.parametrize(("seconds", "writes"), [(59, False), (60, True)])
def test_new_evidence_is_written_at_most_once_a_minute(seconds: float, writes: bool) -> None:
    status = replace(BASE, gates=(replace(GATE, message="was 99.5 %", value=99.5),))
    assert worth_writing(BASE, status, T0 + sec(seconds), evidence_every=60) is writes


@pytest.mark.parametrize(("seconds", "writes"), [(59, False), (60, True)])
def test_a_step_whose_gates_say_nothing_yet_is_written_on_within_a_minute(
    seconds: float, writes: bool
) -> None:
    before = replace(BASE, gates=())
    assert before.step is not None
    now = before.step.entered_at + sec(seconds)
    assert worth_writing(before, BASE, now, evidence_every=60) is writes
    nowhere = replace(before, step=None)
    assert worth_writing(nowhere, replace(BASE, step=None), now, evidence_every=60)


def test_a_good_value_is_written_in_time_though_no_other_comes() -> None:
    hourly = replace(RATE, interval=sec(3600))
    snap = at_step(1, spec=a_spec(an_analysis(metrics=(hourly,))))
    begun = after(snap, decide(snap, T0))
    value = replace(a_sample(100, 10), window=sec(10))
    snap = replace(snap, status=begun, samples={RATE.name: value})
    decision = decide(snap, T0 + sec(10))
    assert decision.status.gates[0].verdict is Verdict.PASS
    assert not worth_writing(begun, after(snap, decision), T0 + sec(10), evidence_every=60)
    assert decision.wake_at is not None
    assert worth_writing(begun, after(snap, decision), decision.wake_at, evidence_every=60)


def test_a_step_begins_with_gates_that_have_not_seen_anything_of_it() -> None:
    decision = decide(at_step(0, samples=answers()), LATER)
    assert decision.status.step is not None
    assert decision.status.step.index == 1
    (gate,) = decision.status.gates
    assert (gate.verdict, gate.at) == (Verdict.UNDECIDED, LATER)
    assert "no sample yet" in gate.message


def test_a_status_that_was_written_is_not_written_again() -> None:
    snap = at_step(1, samples=answers(a_sample(98)))
    once = after(snap, decide(snap, LATER))
    again = replace(snap, status=once)
    decision = decide(again, LATER)
    assert decision.tidings == ()
    assert not worth_writing(once, after(again, decision), LATER, evidence_every=60)
