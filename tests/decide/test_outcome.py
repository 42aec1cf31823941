"""What is written down, and when: notices, conditions, and nothing that only ticks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.conditions import dated, stalled
from canaryd.decide.engine import decide
from canaryd.decide.outcome import EVENTS
from canaryd.model.decision import Decision
from canaryd.model.names import Key, Weight
from canaryd.model.notice import KEPT_NOTICES, Notice, Tidings
from canaryd.model.snapshot import Advice, Problem, Snapshot
from canaryd.model.spec import Alert, Severity
from canaryd.model.status import (
    Condition,
    Hold,
    HoldReason,
    Rejected,
    Status,
    Target,
)
from tests.decide.build import (
    CANARY,
    IDLE,
    NEW,
    T0,
    a_snapshot,
    a_spec,
    a_workload,
    answers,
    at_step,
    weights,
    with_work,
)
from tests.decide.written import LATER, TOLD, after, conditions


def test_notices_are_numbered_after_the_last() -> None:
    snap = at_step(1, status={"notices": (TOLD,)})
    tidings = (Tidings("A", "a"), Tidings("B", "b", Severity.WARN, "podinfo-new-1", NEW))
    notices = after(snap, Decision(status=snap.status, tidings=tidings)).notices
    assert [notice.seq for notice in notices] == [41, 42, 43]
    assert notices[2] == Notice(
        43,
        "B",
        "b",
        Severity.WARN,
        LATER,
        "Progressing",
        Weight(50),
        "podinfo-new-1",
        NEW,
        CANARY.images,
    )
    assert notices[1].images == {}


def test_the_first_notice_is_number_one_and_the_last_twenty_are_kept() -> None:
    snap = a_snapshot()
    many = tuple(Tidings("A", str(i)) for i in range(KEPT_NOTICES + 5))
    notices = after(snap, Decision(status=snap.status, tidings=many)).notices
    assert [notice.seq for notice in notices] == list(range(6, KEPT_NOTICES + 6))


def test_the_end_of_a_rollout_knows_its_images_and_weight() -> None:
    snap = at_step(2, samples=answers())
    decision = decide(snap, LATER)
    (notice,) = after(snap, decision).notices
    assert (notice.reason, notice.weight, notice.images) == ("Promoted", 100, CANARY.images)


def test_what_was_seen_is_written() -> None:
    status = after(replace(a_snapshot(), generation=7))
    assert (status.observed_generation, status.target) == (7, Target(1, NEW))
    assert after(a_snapshot(status=Status())).target is None


def test_a_new_receiver_gets_only_what_comes() -> None:
    alerts = (Alert("ops", Severity.INFO, Key("demo", "slack")),)
    snap = at_step(spec=a_spec(alerts=alerts), status={"notices": (TOLD,)})
    assert after(snap, delivered={"gone": 3, EVENTS: 40}).delivered == {EVENTS: 40, "ops": 41}
    assert after(a_snapshot()).delivered == {EVENTS: 0}


REJECTED = Rejected(NEW, "CheckFailed", "bad", T0)


@pytest.mark.parametrize(
    ("snap", "problems", "expected"),
    [
        pytest.param(
            at_step(), (), ("Unknown", "Unknown", "True", "False", "Progressing"), id="running"
        ),
        pytest.param(
            at_step(status={"hold": Hold(HoldReason.PAUSED, "p", T0)}),
            (),
            ("Unknown", "Unknown", "True", "False", "Paused"),
            id="held",
        ),
        pytest.param(a_snapshot(), (), ("True", "True", "False", "False", "Idle"), id="promoted"),
        pytest.param(
            a_snapshot(status=replace(IDLE, promoted=None)),
            (),
            ("True", "True", "False", "False", "Idle"),
            id="nothing yet",
        ),
        pytest.param(
            a_snapshot(status=replace(IDLE, rejected=REJECTED, idle_revision=NEW)),
            (),
            ("False", "False", "False", "True", "CheckFailed"),
            id="rolled back",
        ),
        pytest.param(
            a_snapshot(status=replace(IDLE, rejected=REJECTED)),
            (),
            ("True", "True", "False", "False", "Idle"),
            id="rolled back and put back",
        ),
        pytest.param(
            at_step(),
            (Problem("RouteMissing", "m"),),
            ("False", "Unknown", "False", "True", "RouteMissing"),
            id="unusable",
        ),
        pytest.param(
            a_snapshot(denied="may not patch"),
            (),
            ("False", "Unknown", "False", "True", "WriteDenied"),
            id="a permission is missing",
        ),
    ],
)
def test_conditions(
    snap: Snapshot, problems: tuple[Problem, ...], expected: tuple[str, ...]
) -> None:
    known = conditions(after(snap, problems=problems))
    states = tuple(known[kind][0] for kind in ("Ready", "Promoted", "Reconciling", "Stalled"))
    assert (*states, known["Ready"][1]) == expected


def test_before_it_is_taken_over_a_canary_says_what_it_waits_for() -> None:
    paused = a_workload("podinfo-v2", None, paused=True)
    status = after(with_work(a_snapshot(status=Status()), canary=paused))
    facts = {c.type: c for c in status.conditions}
    assert facts["Ready"].message == (
        "Deployment podinfo-v2 is paused (spec.paused), so its next revision is unknown;"
        " kubectl rollout resume deployment/podinfo-v2"
    )
    assert facts["Stalled"].message == "it has not been taken over yet"


def test_all_problems_are_said() -> None:
    facts = stalled((Problem("A", "a is gone"), Problem("B", "b is gone")))
    assert {(fact[2], fact[3]) for fact in facts} == {("A", "a is gone; b is gone")}


def test_advice_is_a_condition_until_it_no_longer_applies() -> None:
    advice = Advice("MeshTrafficNotSplit", "GatewayOnly", "add mesh")
    snap = a_snapshot(routing=replace(weights(0), advice=(advice,)))
    given = after(snap)
    assert conditions(given)["MeshTrafficNotSplit"] == ("True", "GatewayOnly")
    gone = after(a_snapshot(status=given))
    assert conditions(gone)["MeshTrafficNotSplit"] == ("False", "Mended")
    assert conditions(after(a_snapshot(status=gone, routing=None)))["MeshTrafficNotSplit"] == (
        "False",
        "Mended",
    )


def test_a_condition_keeps_its_time_while_its_status_stands() -> None:
    old = (Condition("Ready", "True", "A", "a", T0, 1),)
    same, other = (
        next(iter(dated(old, [("Ready", status, "B", "b")], 2, LATER)))
        for status in ("True", "False")
    )
    assert same == Condition("Ready", "True", "B", "b", T0, 2)
    assert other.last_transition_time == LATER
