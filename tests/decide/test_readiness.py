"""Pods that are not ready: caps, the way back, the deadline, and the side that cannot serve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.names import Weight
from canaryd.model.snapshot import Snapshot, Workload
from canaryd.model.status import Cap, CapReason, HoldReason, Phase
from tests.decide.build import (
    CANARY,
    MINUTE,
    NEW,
    OTHER,
    PRIMARY,
    T0,
    a_sample,
    a_snapshot,
    a_spec,
    a_workload,
    an_analysis,
    answers,
    at_step,
    sec,
    started,
    told,
    weights,
    with_work,
    written,
)


def ready(pods: int, of: int = 3) -> Workload:
    return replace(CANARY, ready=pods, replicas=of)


@pytest.mark.parametrize(
    ("threshold", "replicas", "pods", "rises"),
    [
        (100, 3, 2, False),
        (100, 3, 3, True),
        (50, 3, 1, False),
        (50, 3, 2, True),
        (50, 1, 0, False),
        (1, 100, 1, True),
        (1, 0, 0, False),
    ],
    ids=[
        "all are wanted and one is missing",
        "all are wanted and ready",
        "half of three is two",
        "and two are ready",
        "half of one is one, never none",
        "one per cent of a hundred is one",
        "scaled to 0 is not ready",
    ],
)
def test_a_rise_needs_the_threshold_and_at_least_one_pod(
    threshold: int, replicas: int, pods: int, rises: bool
) -> None:
    spec = a_spec(an_analysis(ready_threshold=threshold))
    snap = a_snapshot(spec=spec, status=started(), samples=answers(a_sample(at=0)))
    decision = decide(with_work(snap, canary=ready(pods, replicas)), T0)
    assert bool(decision.actions) is rises


def test_the_first_wait_is_a_hold_that_is_not_told() -> None:
    decision = decide(with_work(a_snapshot(status=started()), canary=ready(0)), T0)
    assert decision.status.hold is not None
    assert decision.status.hold.reason is HoldReason.CANARY_NOT_READY
    assert decision.status.hold.message == "0 of 3 pods of podinfo-v2 are ready, 3 needed"
    assert decision.tidings == ()


def test_some_pods_missing_holds_and_leaves_the_weight() -> None:
    decision = decide(with_work(at_step(1, samples=answers()), canary=ready(1)), T0 + MINUTE)
    assert (told(decision), written(decision)) == (["HoldStarted"], [])
    assert decision.status.rollout is not None
    assert decision.status.rollout.losses == 0


def lost(losses: int = 0, **changes: object) -> Snapshot:
    return with_work(at_step(1, rollout={"losses": losses}, **changes), canary=ready(0))


def test_no_pod_ready_takes_the_traffic_at_once() -> None:
    decision = decide(lost(), T0)
    assert (written(decision), told(decision)) == ([0], ["WeightSet", "HoldStarted"])
    assert decision.status.cap is not None
    assert decision.status.cap.reason is CapReason.CANARY_LOST
    assert decision.status.step is not None
    assert (decision.status.step.index, decision.status.step.entered_at) == (1, T0)


def test_the_third_loss_rolls_back() -> None:
    decision = decide(lost(2), T0)
    assert (decision.status.phase, told(decision)) == (Phase.IDLE, ["RolledBack"])
    assert "no pod was ready for the third time" in decision.tidings[0].sentence


def capped(losses: int, canary: Workload, **cap: object) -> Snapshot:
    known = Cap(CapReason.CANARY_LOST, "lost", T0)
    snap = at_step(
        1,
        rollout={"losses": losses},
        status={"cap": replace(known, **cap), "canary_weight": Weight(0)},  # type: ignore[arg-type]
        routing=weights(0),
    )
    return with_work(snap, canary=canary)


@pytest.mark.parametrize(
    ("losses", "canary", "since", "at", "returns"),
    [
        (1, ready(0), None, 60, False),
        (1, ready(3), None, 60, False),
        (1, ready(3), 0, 29, False),
        (1, ready(3), 0, 30, True),
        (2, ready(3), 0, 59, False),
        (2, ready(3), 0, 60, True),
        (1, ready(2), 0, 60, False),
        (1, replace(CANARY, revision=None), 0, 60, False),
    ],
    ids=[
        "still not ready",
        "ready from now on",
        "not for long enough",
        "30 s of readiness",
        "twice as long after the second loss",
        "and then",
        "too few pods begin anew",
        "a revision without a name begins anew",
    ],
)
def test_the_way_back(
    losses: int, canary: Workload, since: float | None, at: float, returns: bool
) -> None:
    ready_since = None if since is None else T0
    decision = decide(capped(losses, canary, ready_since=ready_since), T0 + sec(at))
    assert written(decision) == ([50] if returns else [])
    assert (decision.status.cap is None) is returns


def test_the_way_back_sets_a_timer() -> None:
    assert decide(capped(1, ready(3)), T0).wake_at == T0 + sec(30)


def test_nothing_comes_back_on_a_stale_watch() -> None:
    snap = replace(capped(1, ready(3), ready_since=T0), stale="silent")
    assert decide(snap, T0 + MINUTE).actions == ()


def test_a_canary_that_is_lost_and_pushed_to_keeps_its_cap() -> None:
    moved = replace(CANARY, revision=None, moved=True, ready=0)
    snap = capped(1, moved, ready_since=T0)
    assert decide(snap, T0 + MINUTE).status.cap == replace(snap.status.cap, ready_since=None)  # type: ignore[type-var]
    pushed = decide(with_work(at_step(1), canary=moved), T0).status
    assert pushed.rollout is not None
    assert pushed.rollout.losses == 0


@pytest.mark.parametrize(
    ("snap", "at", "ends"),
    [
        pytest.param(
            a_snapshot(status=started(unready_since=T0)), 599, False, id="before the deadline"
        ),
        pytest.param(a_snapshot(status=started(unready_since=T0)), 600, True, id="at the deadline"),
        pytest.param(at_step(1, rollout={"unready_since": T0}), 600, True, id="also in a step"),
        pytest.param(
            a_snapshot(status=started()), 9000, False, id="each spell has a deadline of its own"
        ),
        pytest.param(
            a_snapshot(status=started(unready_since=T0), stale="silent"),
            600,
            False,
            id="not on a stale watch",
        ),
    ],
)
def test_the_progress_deadline(snap: Snapshot, at: float, ends: bool) -> None:
    decision = decide(with_work(snap, canary=ready(1)), T0 + sec(at))
    assert (decision.status.phase is Phase.IDLE) is ends
    if ends:
        assert decision.status.rejected is not None
        assert decision.status.rejected.reason == "ProgressDeadlineExceeded"
        assert "not ready for 10m (1 of 3 pods" in decision.status.rejected.message


def test_readiness_ends_the_spell() -> None:
    decision = decide(at_step(1, rollout={"unready_since": T0}), T0 + sec(9000))
    assert decision.status.rollout is not None
    assert decision.status.rollout.unready_since is None


DOWN = replace(PRIMARY, ready=0)


@pytest.mark.parametrize(
    "snap",
    [
        pytest.param(lost(), id="the canary is lost"),
        pytest.param(
            with_work(at_step(1), canary=a_workload("podinfo-v2", OTHER)), id="a fix is pushed"
        ),
        pytest.param(
            at_step(1, samples=answers(a_sample(1)), rollout={"failed_checks": 1}),
            id="it fails its checks",
        ),
        pytest.param(
            at_step(1, spec=a_spec(an_analysis(steps=an_analysis().steps[:1]))),
            id="its steps are lowered",
        ),
        pytest.param(
            with_work(at_step(1), canary=replace(CANARY, revision=None, moved=True)),
            id="a push has no name yet",
        ),
        pytest.param(
            a_snapshot(
                status=replace(started(), canary_weight=Weight(50)),
                routing=weights(50),
                samples=answers(a_sample(at=0)),
            ),
            id="a fix would enter a step that is lower",
        ),
    ],
)
def test_nobody_is_sent_to_a_primary_without_ready_pods(snap: Snapshot) -> None:
    canary = next(w for w in snap.workloads.values() if w.name == CANARY.name)
    decision = decide(with_work(snap, canary=canary, primary=DOWN), T0 + MINUTE)
    assert (decision.actions, decision.status.canary_weight) == ((), 50)
    assert decision.status.hold is not None
    assert decision.status.hold.reason is HoldReason.NO_SAFE_SIDE
    assert decision.status.hold.message == (
        "no pod of podinfo-v1, the serving slot, is ready: 50 % of the traffic stays on podinfo-v2"
        " until one is"
    )


def test_old_pods_of_the_primary_serve_through_its_rolling_update() -> None:
    updating = replace(DOWN, serving=3)
    assert written(decide(with_work(at_step(1), canary=ready(0), primary=updating), T0)) == [0]


def test_a_fix_rises_although_the_primary_is_down() -> None:
    snap = a_snapshot(status=started(), samples=answers(a_sample(at=0)))
    assert written(decide(with_work(snap, primary=DOWN), T0)) == [10]


def test_a_fix_on_which_the_traffic_is_already_can_be_promoted() -> None:
    status = replace(started(skip_steps=True), canary_weight=Weight(50))
    snap = a_snapshot(status=status, routing=weights(50))
    decision = decide(with_work(snap, primary=DOWN), T0)
    assert (written(decision), told(decision)) == ([100], ["Promoted"])
    assert decision.status.promoted is not None
    assert decision.status.promoted.revision == NEW
