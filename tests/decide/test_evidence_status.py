"""What stands of the evidence in a status, and when it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.outcome import next_status, worth_writing
from canaryd.model.evidence import Evidence
from canaryd.model.gates import Evidential
from canaryd.model.names import Weight
from canaryd.model.snapshot import Snapshot
from canaryd.model.status import Gate, HoldReason, Status, Verdict
from tests.decide.build import (
    NEW,
    T0,
    a_workload,
    held,
    sec,
    step_state,
    steps,
    told,
    weights,
    with_work,
)
from tests.decide.counted import (
    ERRORS,
    FEW,
    SLO,
    THIN,
    a_tile,
    after,
    begun,
    counting,
    following,
    judged_by,
    silence,
    tiles,
    weighed,
)


def written(snap: Snapshot, seconds: float) -> tuple[Status, bool]:
    """The status after a decision, and whether it is written."""
    now = after(seconds)
    decision = decide(snap, now)
    status = next_status(snap, decision, now, problems=(), delivered={"events": 0})
    return status, worth_writing(snap.status, status, now, evidence_every=60)


# --- when it is written ---


def test_what_only_ticks_is_written_once_a_minute() -> None:
    status, write = written(weighed(a_tile(0, **FEW)), 11)
    assert write  # the step's first verdicts
    ticking = weighed(status={})
    ticking = replace(ticking, status=status)
    for number in range(1, 6):
        given = tiles(*range(1, number + 1), **FEW)
        snap = replace(ticking, counting=counting(*given))
        assert written(snap, 10 * number + 11)[1] is (number == 6)
    snap = replace(ticking, counting=counting(*tiles(*range(1, 7), **FEW)))
    later, write = written(snap, 71)
    assert write
    assert later.evidence is not None
    assert later.evidence.counted_until == after(70)


@pytest.mark.parametrize(("late", "write"), [(10, False), (59, False), (60, True)])
def test_late_tiles_are_written_sooner_so_that_not_all_are_weighed_anew_each_time(
    late: int, write: bool
) -> None:
    slow = {"canary": (0, 1), "primary": (0, 9)}
    spec = judged_by(ERRORS, walk=tuple(replace(s, most=sec(9000)) for s in steps(10, 50)))
    first, _ = written(weighed(a_tile(0, **slow), spec=spec), 2000)
    snap = replace(weighed(spec=spec), status=first)
    snap = replace(snap, counting=counting(*tiles(*range(1, late + 1), **slow)))
    assert written(snap, 2009)[1] is write


def test_evidence_that_nobody_looks_at_is_written_once_a_minute_as_well() -> None:
    away = replace(step_state(), live_since=None, running_since=None)
    unready = with_work(
        weighed(status={"step": away}), canary=a_workload("podinfo-v2", NEW, ready=0)
    )
    status, _ = written(unready, 1)
    capped = replace(unready, status=status, routing=weights(0))
    for count in (1, 5, 6):
        given = tiles(*range(count), canary=(0, 0))
        snap = replace(capped, counting=counting(*given))
        assert written(snap, 10 * count + 1)[1] is (count == 6)
    assert not written(capped, 500)[1]


def test_that_all_is_well_waits_a_minute_at_most_and_a_step_takes_its_evidence_along() -> None:
    first, _ = written(weighed(a_tile(0, **FEW)), 11)
    snap = replace(weighed(*tiles(1, canary=(1, 4000), primary=(9, 36_000))), status=first)
    passed, write = written(snap, 21)
    assert (passed.gates[0].verdict, write) == (Verdict.PASS, False)
    at = decide(snap, after(21)).wake_at
    assert at is not None
    assert at <= after(71)
    assert written(snap, 71)[1]
    entered, write = written(weighed(*tiles(*range(7), canary=(1, 400), primary=(9, 3600))), 71)
    assert write
    assert entered.step is not None
    assert entered.step.index == 1
    assert entered.evidence is not None
    assert (entered.evidence.entered, entered.evidence.counted_until) == (2, after(70))
    assert entered.evidence.changes == (after(71),)


def test_evidence_that_begins_is_written() -> None:
    assert not worth_writing(Status(), Status(), T0, evidence_every=60)
    assert worth_writing(Status(), Status(evidence=begun()), T0, evidence_every=60)


# --- the sentences of gates that only tick ---


def test_the_interval_is_worked_out_when_somebody_will_see_it() -> None:
    snap = weighed(*tiles(0, 1, 2))
    first = decide(snap, after(31)).status
    assert "99 % interval" in first.gates[0].message
    later = replace(snap, status=first, counting=counting(*tiles(3)))
    ticking = decide(later, after(41)).status.gates[0]
    assert "(4 of 400)" in ticking.message
    assert "99 % interval" not in ticking.message
    assert ticking.at == after(41)
    assert ticking.samples == 400
    due = decide(later, after(91)).status.gates[0]
    assert "99 % interval" in due.message


def test_without_a_new_tile_a_gate_says_what_it_said() -> None:
    snap = weighed(*tiles(0, 1, 2))
    first = decide(snap, after(31)).status
    again = replace(snap, status=first, counting=counting())
    assert decide(again, after(39)).status.gates == first.gates
    said = replace(first.gates[0], verdict=Verdict.NO_DATA)
    heard = replace(again, status=replace(first, gates=(said,)))
    assert decide(heard, after(39)).status.gates[0].verdict is Verdict.UNDECIDED


# --- holds that end, and gates that are gone ---


def test_a_hold_of_silence_ends_with_the_next_tile() -> None:
    snap = weighed(*tiles(0), counted=silence(at=5))
    decision, snap = following(snap, after(11))
    assert told(decision) == ["HoldStarted"]
    back = decide(replace(snap, counting=counting(*tiles(1))), after(21))
    assert (held(back), told(back)) == (None, ["HoldEnded"])
    assert back.status.step is not None
    assert back.status.step.stayed == sec(11)


def test_evidence_of_gates_that_are_gone_is_not_looked_at() -> None:
    evidence = begun(gates=weighed_gates())
    snap = weighed(gates=(SLO,), status={"evidence": evidence})
    assert [gate.name for gate in decide(snap, after(1)).status.gates] == ["slo"]


def weighed_gates() -> tuple[Any, ...]:
    evidence: Evidence | None = decide(weighed(*tiles(0)), after(11)).status.evidence
    assert evidence is not None
    return evidence.gates


def test_the_words_on_an_unknown_dispersion_say_when_it_will_be_known() -> None:
    alone = replace(THIN, pods=1, pod_hours=0.3)
    for background, words in (
        (
            THIN,
            "known from 0.5 of 2 pod-hours only: a person decides (abort or promote), or"
            " canaryd in about 30 min",
        ),
        (
            alone,
            "known from 0.3 of 0.9 pod-hours only: a person decides (abort or promote), or"
            " canaryd in about 36 min",
        ),
    ):
        snap = weighed(
            *tiles(*range(9), canary=(20, 100)),
            status={"background": background},
            counted={"background": background},
        )
        hold = decide(snap, after(91)).status.hold
        assert hold is not None
        assert hold.reason is HoldReason.DISPERSION_UNKNOWN
        assert hold.message.endswith(
            "; that is enough to roll back, but how much the primary's pods differ by themselves"
            f" is {words}"
        )


def test_an_objective_that_time_alone_passed_says_what_it_excludes() -> None:
    snap = weighed(*tiles(*range(31), canary=(0, 1), primary=(0, 9)), gates=(SLO,))
    news = decide(snap, after(311)).tidings
    assert news[0].sentence.endswith(
        "inconclusive: slo: canary 0 % (0 of 31), primary 0 % (0 of 279); "
        "excluded for the canary: more than 15.7 %, "
        "but not yet that it misses its objective (at most 2 % failed)"
    )


def test_a_comparison_that_excludes_something_says_what() -> None:
    spec = judged_by(ERRORS, evidence=Evidential((ERRORS,), beta=1e-9))
    snap = weighed(*tiles(*range(31)), spec=spec)
    assert (
        decide(snap, after(311))
        .tidings[0]
        .sentence.endswith(
            "inconclusive: errors: canary 1 % (31 of 3,100) vs primary 1 % (279 of 27,900): 1x; "
            "excluded for the canary: more than 1.9x"
        )
    )


def test_an_unused_gate_of_a_status_is_dropped() -> None:
    stray = Gate("gone", Verdict.PASS, "", T0)
    snap = weighed(status={"gates": (stray,), "canary_weight": Weight(10)})
    assert [gate.name for gate in decide(snap, after(1)).status.gates] == ["errors"]
