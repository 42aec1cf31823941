"""When a decision need not be made again although its own writes came back as news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.foreseen import stands
from canaryd.model.decision import Answer, Decision, RequestState
from canaryd.model.names import FIELD_MANAGER
from canaryd.model.packed import Packed
from canaryd.model.snapshot import Snapshot
from canaryd.model.status import Gate, Hold, HoldReason, Missing, Phase, Verdict
from canaryd.model.tile import Counting
from tests.decide.build import (
    CANARY,
    MINUTE,
    SEEN,
    T0,
    V1,
    V2,
    a_snapshot,
    a_workload,
    answers,
    at_step,
    sec,
    started,
    step_state,
    weights,
    with_work,
)
from tests.decide.counted import a_tile

LATER = T0 + MINUTE
BEFORE = replace(at_step(samples=answers()), generation=0)
TILES = (a_tile(0), a_tile(1))


def written(before: Snapshot, decision: Decision) -> Snapshot:
    """The world when all that was decided was done, and nothing else happened."""
    weight = decision.actions[0].weight if decision.actions else before.status.canary_weight
    return replace(
        before,
        status=decision.status,
        routing=weights(weight),
        resource_version="2",
        written=Packed.of(b"x"),
    )


def test_a_step_that_was_entered_and_written_is_not_decided_again() -> None:
    decision = decide(BEFORE, LATER)
    assert decision.actions
    assert stands(BEFORE, decision, written(BEFORE, decision))


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda snap: replace(snap, routing=weights(35)),
        lambda snap: replace(snap, routing=weights(50, writer="argocd")),
        lambda snap: replace(snap, routing=replace(snap.routing, total=90)),
        lambda snap: replace(snap, routing=None),
        lambda snap: replace(snap, generation=5),
        lambda snap: replace(snap, spec=replace(snap.spec, suspend=True)),
        lambda snap: replace(snap, samples={}),
        lambda snap: with_work(snap, canary=a_workload(CANARY.name, CANARY.revision, ready=0)),
        lambda snap: replace(snap, stale="old"),
        lambda snap: replace(snap, status=replace(snap.status, idle_revision=SEEN)),
        lambda snap: replace(snap, counting=Counting(tiles=TILES)),
    ],
    ids=[
        "weights",
        "their writer",
        "a third destination",
        "the route",
        "the generation",
        "the spec",
        "samples",
        "pods",
        "the watch's age",
        "the status",
        "tiles",
    ],
)
def test_what_somebody_else_changed_meanwhile_is_decided(
    meanwhile: Callable[[Snapshot], Snapshot],
) -> None:
    decision = decide(BEFORE, LATER)
    assert not stands(BEFORE, decision, meanwhile(written(BEFORE, decision)))


def test_tiles_that_are_written_may_be_forgotten() -> None:
    before = replace(BEFORE, counting=Counting(tiles=TILES))
    decision = decide(before, LATER)
    after = written(before, decision)
    for left in (TILES, TILES[1:], ()):
        assert stands(before, decision, replace(after, counting=Counting(tiles=left)))
    assert not stands(before, decision, replace(after, counting=Counting(tiles=TILES[:1])))
    learnt = Counting(tiles=TILES, skew=sec(1))
    assert not stands(before, decision, replace(after, counting=learnt))


def again(before: Snapshot, decision: Decision) -> bool:
    return not stands(before, decision, written(before, decision))


def test_where_a_rollout_begins_or_ends_it_is_looked_at_again() -> None:
    pushed = a_snapshot(generation=0)
    assert again(pushed, decide(pushed, LATER))
    last = replace(at_step(2, samples=answers()), generation=0)
    promoted = decide(last, LATER)
    assert promoted.status.phase is Phase.IDLE
    assert again(last, promoted)
    superseded = with_work(BEFORE, canary=a_workload(CANARY.name, SEEN))
    assert again(superseded, decide(superseded, LATER))


def test_what_is_held_said_to_people_or_edited_is_looked_at_again() -> None:
    decision = decide(BEFORE, LATER)
    answered = (Answer("a", RequestState.DONE, ""),)
    assert again(BEFORE, replace(decision, answers=answered))
    hold = Hold(HoldReason.PAUSED, "", LATER)
    assert again(BEFORE, replace(decision, status=replace(decision.status, hold=hold)))
    assert again(replace(BEFORE, generation=1), decision)


def test_a_step_is_looked_at_again_when_its_weight_was_away_or_an_answer_is_missing() -> None:
    away = replace(step_state(), live_since=None)
    before = replace(BEFORE, status=replace(BEFORE.status, step=away), samples={})
    assert again(before, decide(before, LATER))
    decision = decide(BEFORE, LATER)
    silent = Gate("a", Verdict.NO_DATA, "", LATER, None, Missing(HoldReason.NO_CANARY_DATA, LATER))
    missed = replace(decision, status=replace(decision.status, gates=(silent,)))
    assert again(BEFORE, missed)


def test_a_canary_that_gets_ready_is_not_decided_again() -> None:
    hold = Hold(HoldReason.CANARY_NOT_READY, "", T0)
    before = a_snapshot(status=replace(started(), hold=hold), generation=0)
    decision = decide(before, LATER)
    assert decision.status.hold is None
    foreseen = replace(written(before, decision), routing=before.routing)
    assert stands(before, decision, foreseen)
    assert not stands(before, decision, replace(foreseen, routing=weights(0, writer="argocd")))
    nowhere = replace(before, routing=None)
    assert stands(nowhere, decision, replace(foreseen, routing=None))


def test_the_route_of_both_slots_is_foreseen() -> None:
    decision = decide(BEFORE, LATER)
    after = written(BEFORE, decision)
    assert after.routing is not None
    assert dict(after.routing.weights) == {V1: 50, V2: 50}
    assert after.routing.writer == FIELD_MANAGER
