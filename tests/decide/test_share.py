"""Requests that do not follow the weight, and counts that belong to neither side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.weigh import take_in
from canaryd.model.evidence import Tally
from canaryd.model.snapshot import Advice, Snapshot
from canaryd.model.status import HoldReason
from canaryd.model.tile import Row, Tile
from tests.decide.build import (
    RATE,
    V1,
    V2,
    held,
    sec,
    step_state,
    told,
    weights,
)
from tests.decide.counted import (
    a_tile,
    after,
    begun,
    counting,
    evidence_of,
    judged_by,
    weighed,
)
from tests.decide.scales import scales


def share(canary: float, primary: float, **changes: Any) -> Snapshot:
    return weighed(a_tile(0, (0, canary), (0, primary)), **changes)


def test_too_few_and_too_many_requests_hold() -> None:
    for canary, primary in ((20, 980), (400, 600)):
        decision = decide(share(canary, primary), after(11))
        assert held(decision) is HoldReason.TRAFFIC_NOT_FOLLOWING
        assert decision.status.step is not None
        assert decision.status.step.running_since is None
    for canary, primary in ((60, 940), (190, 810), (1, 49)):
        assert held(decide(share(canary, primary), after(11))) is None


@pytest.mark.parametrize(
    ("canary", "holds"), [(4_700, True), (4_900, False), (22_200, False), (23_000, True)]
)
def test_less_than_half_and_more_than_twice_the_weight_and_two_points_hold(
    canary: float, holds: bool
) -> None:
    decision = decide(share(canary, 100_000 - canary), after(11))
    assert (held(decision) is HoldReason.TRAFFIC_NOT_FOLLOWING) == holds


def test_where_another_route_reaches_the_canary_too_many_are_no_contradiction() -> None:
    routing = replace(weights(10), reached=frozenset({V2}))
    assert held(decide(share(400, 600, routing=routing), after(11))) is None
    low = decide(share(20, 980, routing=routing), after(11))
    assert held(low) is HoldReason.TRAFFIC_NOT_FOLLOWING


def test_the_share_is_looked_at_when_the_weight_has_settled() -> None:
    for changed, reason in ((after(-31), HoldReason.TRAFFIC_NOT_FOLLOWING), (after(-29), None)):
        snap = share(400, 600, status={"evidence": begun(changes=(changed,))})
        assert held(decide(snap, after(11))) is reason


PROBABLE = [
    (
        0,
        (0, 1000),
        "podinfo-v2 got 0 % of the requests (0 of 1,000) at a weight of 10 %, 41s after it was "
        "written: perhaps its pods have no sidecar, so that nobody counts what they get; look at "
        "the containers of the pods of Deployment podinfo-v2: istio-proxy must be one; or else its "
        "pods refuse the callers' mTLS, or istiod does not push, or the callers' proxies refuse "
        "what it pushes; known to be right: its pods (all 3 are ready) and their labels (subset v2 "
        "selects them)",
    ),
    (
        1,
        (100, 900),
        "podinfo-v2 got 10 % of the requests (100 of 1,000) at a weight of 50 %, 41s after it was "
        "written: probably istiod does not push, or the callers' proxies refuse what it pushes, "
        "because that is, within chance, the weight of the step before (10 %); look at istioctl "
        "proxy-status, and at istiod's log for VirtualService podinfo; less likely requests pass "
        "VirtualService podinfo by (another host, gateway or route, or callers without a sidecar)",
    ),
    (
        0,
        (500, 500),
        "podinfo-v2 got 50 % of the requests (500 of 1,000) at a weight of 10 %, 41s after it was "
        "written: probably a Service spreads the requests over all pods, past VirtualService "
        "podinfo: callers without a sidecar, or on another host or gateway, because that is, "
        "within chance, its share of the ready pods (3 of 6); look at istioctl proxy-config routes "
        "of a caller; less likely requests pass VirtualService podinfo by (another host, gateway "
        "or route, or callers without a sidecar)",
    ),
]


def message(snap: Snapshot) -> str:
    hold = decide(snap, after(11)).status.hold
    assert hold is not None
    assert hold.reason is HoldReason.TRAFFIC_NOT_FOLLOWING
    return hold.message


@pytest.mark.parametrize(("index", "counts", "words"), PROBABLE)
def test_what_the_cause_probably_is(index: int, counts: tuple[int, int], words: str) -> None:
    evidence = begun(entered=index + 1, changes=(after(-31),))
    assert message(share(*counts, index=index, status={"evidence": evidence})) == words


def test_the_age_of_the_weight_is_told_by_our_clock() -> None:
    evidence = begun(changes=(after(-91),))
    ahead = {"skew": sec(40)}
    assert " at a weight of 10 %, 1m1s after it was written: " in message(
        share(0, 1000, status={"evidence": evidence}, counted=ahead)
    )
    assert " at a weight of 10 %: perhaps " in message(share(0, 1000))


def test_evidence_that_begins_anew_does_not_make_the_weight_young() -> None:
    an_hour_ago = step_state()
    an_hour_ago = replace(an_hour_ago, entered_at=after(-3700), live_since=after(-3600))
    anew = begun(step=after(-31), changes=(after(-31),))
    known = {"step": an_hour_ago, "evidence": anew}
    assert " at a weight of 10 %, at least 1h10s after it was written: " in message(
        share(0, 1000, status=known)
    )
    halted = replace(an_hour_ago, live_since=after(-20))
    assert " at a weight of 10 %, at least 41s after it was written: " in message(
        share(0, 1000, status={**known, "step": halted})
    )
    written = replace(anew, step=after(-600), changes=(after(-600), after(-31)))
    assert " at a weight of 10 %, 41s after it was written: " in message(
        share(0, 1000, status={**known, "evidence": written})
    )


def test_nobody_knows_when_a_weight_was_written_that_was_taken_over() -> None:
    found = replace(step_state(), entered_at=after(-31), live_since=after(-31))
    known = {"step": found, "evidence": begun(step=after(-31), changes=(after(-31),))}
    for started, words in ((-31, ", at least 41s after"), (-60, ", 41s after")):
        snap = share(0, 1000, status=known, rollout={"started_at": after(started)})
        assert f" at a weight of 10 %{words} it was written: " in message(snap)


def test_what_the_canary_answered_earlier_and_what_its_pods_ask_for_is_known() -> None:
    earlier = take_in(begun(), (a_tile(0, (0, 40), (0, 360)),), scales())
    evidence = replace(begun(entered=2, changes=(after(-31),)), gates=earlier.gates)
    assert "because it answered 40 requests earlier in this rollout" in message(
        share(0, 1000, index=1, status={"evidence": evidence})
    )
    inject = {V1: {"app": "podinfo"}, V2: {"sidecar.istio.io/inject": "false"}}
    assert "because they have the label sidecar.istio.io/inject: false" in message(
        share(0, 1000, routing=replace(weights(10), labels=inject))
    )
    told = Advice("HeaderRoutePinned", "PointsAtOneSlot", "http[0] leads to slot v1 only")
    assert (
        "callers without a sidecar), because http[0] leads to slot v1 only (condition "
        "HeaderRoutePinned); look at"
    ) in message(
        share(
            20, 980, index=1, routing=replace(weights(50), advice=(told,), reached=frozenset({V2}))
        )
    )


def test_what_to_do_about_another_way_is_left_to_the_condition() -> None:
    told = Advice(
        "MeshTrafficNotSplit",
        "GatewayOnly",
        "VirtualService demo/podinfo is bound to gateways only: callers inside the mesh do not "
        "pass it; to split them, too, set gateways: [web, mesh]",
    )
    said = message(share(20, 980, index=1, routing=replace(weights(50), advice=(told,))))
    assert (
        "because VirtualService demo/podinfo is bound to gateways only: callers inside the mesh do "
        "not pass it (condition MeshTrafficNotSplit); look at istioctl proxy-config routes"
    ) in said
    assert "set gateways" not in said


# --- counts that cannot be told apart ---


def with_row(*rows: Row) -> Tile:
    return replace(a_tile(1), rows=(*a_tile(1).rows, *rows))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Row("podinfo-v1", "", 9, code="200"), HoldReason.METRICS_NOT_PER_POD),
        (Row("unknown", "", 9, code="503"), HoldReason.UNATTRIBUTED_ERRORS),
    ],
)
def test_counts_that_cannot_be_told_apart_hold_for_as_long_as_they_come(
    row: Row, reason: HoldReason
) -> None:
    snap = weighed(a_tile(0), with_row(row))
    decision = decide(snap, after(21))
    assert held(decision) is reason
    assert decision.status.hold is not None
    again = replace(snap, status=decision.status, counting=counting(a_tile(2)))
    ended = decide(again, after(31))
    assert (held(ended), told(ended)) == (None, ["HoldEnded"])
    mended = judged_by()
    mended = replace(mended, analysis=replace(mended.analysis, metrics=(RATE,)))
    assert held(decide(replace(snap, status=decision.status, spec=mended), after(31))) is None


def test_other_tiles_that_count_for_nothing_are_just_left_out() -> None:
    warned = replace(a_tile(1), reservation="a warning")
    decision = decide(weighed(a_tile(0), warned), after(21))
    assert held(decision) is None
    assert evidence_of(decision).counted_until == after(20)


def test_without_evidence_gates_an_old_share_holds_nothing() -> None:
    threshold = replace(judged_by().analysis, metrics=(RATE,))
    seen = begun(followed=Tally(canary=900, primary=100))
    snap = weighed(spec=replace(judged_by(), analysis=threshold), status={"evidence": seen})
    assert held(decide(snap, after(11))) is None
