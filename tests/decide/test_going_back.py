"""Going back after a promotion, as docs/how-to/go-back.md says that it works, and does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import RequestState
from canaryd.model.names import FIELD_MANAGER, NO_TRAFFIC, Revision
from canaryd.model.snapshot import Routing, Snapshot, Verb, Workload
from canaryd.model.status import Contest, HoldReason, Phase, Promoted, Status
from tests.decide.build import (
    CANARY,
    IDLE,
    MINUTE,
    NEW,
    OLD,
    PRIMARY,
    T0,
    V1,
    V2,
    a_snapshot,
    a_spec,
    a_workload,
    ask,
    held,
    sec,
    told,
    weights,
    written,
)

AGAIN = Revision("again")
"""The old version's, after a restart."""
SWAPPED = replace(
    IDLE,
    primary_slot=V2,
    idle_slot=V1,
    idle_revision=OLD,
    promoted=Promoted(NEW, T0, CANARY.images),
)
RESTARTED = a_workload("podinfo-v1", AGAIN)


def back_at(weight: int, *, writer: str = "kubectl-edit") -> Routing:
    """The old version has this weight."""
    return weights(100 - weight, writer=writer)


def promoted(idle: Workload = PRIMARY, **changes: Any) -> Snapshot:
    """v2 was promoted; v1 holds the old version, and still runs."""
    known: dict[str, Any] = {
        "status": SWAPPED,
        "routing": back_at(0, writer=FIELD_MANAGER),
        "workloads": {V1: idle, V2: CANARY},
    }
    return a_snapshot(**(known | changes))


def releasing(**changes: Any) -> Snapshot:
    """The old version's Deployment was restarted, and canaryd has seen it."""
    return promoted(RESTARTED, status=decide(promoted(RESTARTED), T0).status, **changes)


def test_every_edit_of_the_weights_is_put_back_while_nothing_is_released() -> None:
    status, news = SWAPPED, []
    for minute in range(4):
        at = T0 + minute * MINUTE
        decision = decide(promoted(status=status, routing=back_at(100)), at)
        assert written(decision) == [0]
        news += told(decision)
        status = decide(promoted(status=decision.status), at + sec(1)).status
    assert news == ["WeightSet", "HoldStarted"]


def test_an_edit_is_put_back_by_a_suspended_canary_too() -> None:
    snap = promoted(routing=back_at(100), spec=a_spec(suspend=True))
    assert written(decide(snap, T0)) == [0]


def test_an_edit_stays_where_the_promoted_version_has_no_ready_pod() -> None:
    dead = replace(CANARY, ready=0)
    snap = promoted(routing=back_at(100), workloads={V1: PRIMARY, V2: dead})
    decision = decide(snap, T0)
    assert (written(decision), held(decision)) == ([], HoldReason.NO_SAFE_SIDE)


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.RETRY])
def test_nothing_is_left_to_abort_or_to_retry(verb: Verb) -> None:
    (answer,) = decide(promoted(requests=(ask(verb, OLD),)), T0).answers
    assert answer.state is RequestState.REFUSED


def test_a_restart_of_the_idle_slot_releases_the_old_version_again() -> None:
    decision = decide(promoted(RESTARTED), T0)
    assert (told(decision), written(decision)) == (["RolloutStarted"], [])


def test_promote_gives_it_everything_as_soon_as_it_is_ready() -> None:
    wish = (ask(Verb.PROMOTE, AGAIN),)
    started = releasing(requests=wish)
    starting = {V1: replace(RESTARTED, ready=0), V2: CANARY}
    waiting = decide(replace(started, workloads=starting), T0)
    assert (written(waiting), held(waiting)) == ([], HoldReason.CANARY_NOT_READY)
    decision = decide(started, T0)
    assert (written(decision), decision.status.primary_slot) == ([100], V1)


def test_a_suspended_canary_does_not_go_back_by_promote() -> None:
    snap = releasing(requests=(ask(Verb.PROMOTE, AGAIN),), spec=a_spec(suspend=True))
    decision = decide(snap, T0 + MINUTE)
    assert (written(decision), held(decision)) == ([], HoldReason.SUSPENDED)


def test_after_two_edits_by_hand_promote_waits_for_ten_quiet_minutes() -> None:
    snap = releasing(requests=(ask(Verb.PROMOTE, AGAIN),))
    contest = Contest("kubectl-edit", T0, T0, 2, NO_TRAFFIC)
    snap = replace(snap, status=replace(snap.status, contest=contest))
    decision = decide(snap, T0 + 9 * MINUTE)
    assert (written(decision), held(decision)) == ([], HoldReason.WEIGHTS_CONTESTED)
    assert written(decide(snap, T0 + 10 * MINUTE)) == [100]


def test_a_tool_that_takes_the_restart_back_ends_the_release() -> None:
    snap = replace(releasing(), workloads={V1: PRIMARY, V2: CANARY})
    decision = decide(snap, T0 + MINUTE)
    assert (decision.status.phase, told(decision)) == (Phase.IDLE, ["Aborted"])


def test_a_canary_that_is_made_anew_leaves_the_weights_as_they_were_edited() -> None:
    decision = decide(promoted(status=Status(), routing=back_at(100)), T0)
    assert (written(decision), told(decision)) == ([], ["TakenOver"])
    assert decision.status.primary_slot == V1
