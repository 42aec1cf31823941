"""Where evidence begins: before any traffic moves, in mid-traffic, after a push, and anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.model.answered import Answered
from canaryd.model.decision import Decision
from canaryd.model.snapshot import Snapshot, Verb
from canaryd.model.status import HoldReason, Pause, Status
from tests.decide.build import (
    OTHER,
    T0,
    a_snapshot,
    a_workload,
    ask,
    held,
    sec,
    started,
    told,
    weights,
    with_work,
    written,
)
from tests.decide.counted import (
    BAD,
    ERRORS,
    EVEN,
    EVERY,
    SILENT,
    THIN,
    a_tile,
    after,
    begun,
    counting,
    evidence_of,
    following,
    judged_by,
    many,
    silence,
    tiles,
    walked,
    weighed,
)


def probing(**counted: Any) -> Snapshot:
    known = replace(counting(), **counted)
    return a_snapshot(spec=judged_by(ERRORS), status=started(), counting=known)


def sure_count(decision: Decision) -> Any:
    assert decision.count is not None
    return decision.count


def test_nothing_rises_before_the_servers_clock_and_the_background_were_answered_once() -> None:
    older = replace(EVEN, asked_at=after(-1))
    for unknown in ({"skew": None}, {"background": None}, {"background": older}):
        decision = decide(probing(**unknown), after(1))
        assert (decision.actions, decision.status.step, held(decision)) == ((), None, None)
        assert decision.count is not None
    decision = decide(probing(), after(1))
    assert written(decision) == [10]
    evidence = evidence_of(decision)
    assert (evidence.counted_until, evidence.window) == (T0, EVERY)
    assert (evidence.entered, evidence.changes) == (1, (after(1),))


def test_what_the_background_said_is_remembered_through_a_restart() -> None:
    decision = decide(replace(probing(), stale="silent"), after(1))
    assert decision.status.background == EVEN
    restarted = replace(probing(background=None), status=decision.status)
    assert written(decide(restarted, after(2))) == [10]


def test_an_insufficient_background_is_an_answer() -> None:
    assert written(decide(probing(background=THIN), after(1))) == [10]
    old = replace(EVEN, asked_at=after(-900))
    snap = probing(background=THIN)
    snap = replace(snap, status=replace(snap.status, background=old))
    assert written(decide(snap, after(1))) == [10]


@pytest.mark.parametrize(("answered", "reason"), SILENT)
def test_before_any_traffic_silence_holds(answered: Answered, reason: HoldReason) -> None:
    decision = decide(probing(**silence(answered)), after(1))
    assert (held(decision), written(decision)) == (reason, [])
    assert decision.status.hold is not None
    assert decision.status.hold.message == "the metrics server does not answer"


def test_evidence_begins_on_the_servers_clock_in_whole_windows() -> None:
    decision = decide(probing(skew=sec(-65), scrape=sec(15)), after(1))
    assert evidence_of(decision).counted_until == after(-75)
    assert evidence_of(decision).window == sec(15)
    odd = decide(probing(scrape=sec(12.5)), after(1))
    assert evidence_of(odd).window == sec(13)
    assert decide(probing(scrape=sec(5)), after(1)).count == replace(
        sure_count(decide(probing(scrape=None), after(1)))
    )


def test_what_begins_before_the_server_told_its_clock_agrees_with_it_later() -> None:
    unasked = weighed(counted={"skew": None, "scrape": None})
    assert evidence_of(decide(unasked, after(1))).counted_until == T0
    behind = weighed(counted={"skew": sec(-3600), "scrape": sec(30)})
    decision = decide(behind, after(1))
    assert evidence_of(decision).counted_until == after(-3600)
    assert evidence_of(decision).window == sec(30)
    assert (sure_count(decision).since, sure_count(decision).every) == (after(-3600), sec(30))
    counted = begun(tiles=3)
    kept = weighed(counted={"skew": sec(-3600)}, status={"evidence": counted})
    assert evidence_of(decide(kept, after(1))).counted_until == T0


# --- taken over, pushed again, retried, held ---


RELEASED = started().rollout.revision  # type: ignore[union-attr]


def test_a_take_over_in_mid_traffic_is_judged_from_there() -> None:
    fresh = a_snapshot(
        spec=judged_by(ERRORS), status=Status(), routing=weights(10, writer="kubectl")
    )
    decision, snap = following(fresh, after(1))
    assert told(decision) == ["RolloutStarted", "WeightSet"]
    evidence = evidence_of(decision)
    assert (evidence.counted_until, evidence.changes) == (T0, (after(1),))
    count = decision.count
    assert count is not None
    assert (count.since, count.background) == (T0, True)
    assert count.served_since is None
    snap = replace(snap, counting=counting())
    judged, before, _ = walked(snap, tiles(*range(30), **BAD))
    assert told(judged) == ["RolledBack"]
    assert before.evidence is not None


def test_a_push_in_mid_rollout_and_a_retry_begin_evidence_anew() -> None:
    running = weighed(status={"evidence": begun(tiles=9)})
    pushed = with_work(running, canary=a_workload("podinfo-v2", OTHER))
    decision = decide(pushed, after(1))
    assert told(decision) == ["Superseded", "RolloutStarted"]
    assert (decision.status.evidence, decision.status.background) == (None, EVEN)
    count = decision.count
    assert count is not None
    assert (count.since, count.revision, count.background) == (None, OTHER, True)
    rolled_back, _, now = walked(weighed(), many(30, **BAD))
    idle = a_snapshot(status=rolled_back.status, requests=(ask(Verb.RETRY),), spec=running.spec)
    retried = decide(idle, now + sec(5))
    assert told(retried) == ["RolloutStarted"]
    assert retried.status.evidence is None


def test_caps_and_holds_keep_the_evidence() -> None:
    some = begun(tiles=9)
    lost = with_work(
        weighed(a_tile(0), status={"evidence": some}),
        canary=a_workload("podinfo-v2", RELEASED, ready=0),
    )
    capped = decide(lost, after(11))
    assert (written(capped), evidence_of(capped).tiles) == ([0], 10)
    assert evidence_of(capped).changes == (after(11),)
    pause = Pause("ann", "", T0)
    paused = weighed(a_tile(0), status={"evidence": some}, rollout={"paused": pause})
    assert evidence_of(decide(paused, after(11))).tiles == 10


def test_changes_of_the_weight_are_remembered_for_as_long_as_a_tile_may_reach_back() -> None:
    old = tuple(after(-3600 * n) for n in (3, 2, 1))
    kept = begun(changes=(*old, after(-500)))
    lost = with_work(
        weighed(status={"evidence": kept}), canary=a_workload("podinfo-v2", RELEASED, ready=0)
    )
    assert evidence_of(decide(lost, after(11))).changes == (after(-500), after(11))
    ahead = begun(changes=(after(-60),), counted_until=after(3600))
    skewed = replace(lost, status=replace(lost.status, evidence=ahead))
    skewed = replace(skewed, counting=replace(skewed.counting, skew=sec(3600)))
    assert evidence_of(decide(skewed, after(11))).changes == (after(-60), after(11))
    restarted = replace(skewed, counting=replace(skewed.counting, skew=None))
    assert evidence_of(decide(restarted, after(11))).changes == (after(-60), after(11))


def test_evidence_that_could_not_be_read_begins_anew() -> None:
    decision = decide(weighed(index=1, status={"evidence": None}), after(75))
    evidence = evidence_of(decision)
    assert (evidence.counted_until, evidence.entered, evidence.tiles) == (after(70), 1, 0)
    assert sure_count(decision).since == after(70)
