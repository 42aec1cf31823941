"""Rollouts judged by evidence: what is decided, when, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.model.answered import Answered
from canaryd.model.decision import Decision
from canaryd.model.evidence import Evidence, Tally
from canaryd.model.gates import Compare, EvidenceGate, Tolerance
from canaryd.model.names import Weight
from canaryd.model.snapshot import Snapshot, Verb
from canaryd.model.spec import MissingPolicy, Otherwise, Step
from canaryd.model.status import Gate, HoldReason, Missing, Pause, Phase, Status, Verdict
from canaryd.model.tile import Background, Row, Tile
from tests.decide.build import (
    MINUTE,
    OTHER,
    RATE,
    T0,
    a_sample,
    a_snapshot,
    a_workload,
    answers,
    ask,
    held,
    sec,
    started,
    step_state,
    steps,
    told,
    weights,
    with_work,
    written,
)
from tests.decide.counted import (
    ERRORS,
    EVEN,
    EVERY,
    LATENCY,
    SLO,
    SLOW,
    THIN,
    a_tile,
    after,
    begun,
    counting,
    following,
    judged_by,
    silence,
    tiles,
    walked,
    weighed,
)

BAD: dict[str, Any] = {"canary": (10, 100)}
MINUTES_5 = timedelta(minutes=5)
ROLL_BACK = MissingPolicy(timedelta(minutes=10), Otherwise.ROLL_BACK)
ADVANCE = MissingPolicy(timedelta(minutes=10), Otherwise.ADVANCE)


def evidence_of(decision: Decision) -> Evidence:
    assert decision.status.evidence is not None
    return decision.status.evidence


def gate_of(decision: Decision, name: str = "errors") -> Gate:
    return next(gate for gate in decision.status.gates if gate.name == name)


def many(count: int, **counts: Any) -> tuple[Tile, ...]:
    return tiles(*range(count), **counts)


# --- a healthy canary ---


def test_a_healthy_canary_goes_on_as_soon_as_it_is_proven_and_its_least_stay_is_over() -> None:
    fine = {"canary": (1, 400), "primary": (9, 3600)}
    decision, _, now = walked(weighed(), many(30, **fine))
    assert (told(decision), written(decision)) == (["StepEntered"], [50])
    assert now == after(61)
    assert "inconclusive" not in decision.tidings[0].sentence


def test_with_fewer_requests_it_stays_longer_than_the_least_stay_and_not_to_the_most() -> None:
    fine = {"canary": (0, 20), "primary": (2, 180)}
    decision, before, now = walked(weighed(), many(30, **fine))
    assert written(decision) == [50]
    assert after(61) < now < after(300)
    assert before.gates[0].verdict is Verdict.UNDECIDED
    assert before.hold is None


def test_before_the_least_stay_nothing_advances_however_good_it_is() -> None:
    snap = weighed(*many(5, canary=(1, 4000), primary=(9, 36_000)))
    decision = decide(snap, after(51))
    assert gate_of(decision).verdict is Verdict.PASS
    assert (decision.actions, decision.wake_at) == ((), after(60))


def test_after_the_last_step_it_is_promoted() -> None:
    spec = judged_by(ERRORS, walk=steps(10))
    snap = weighed(spec=spec, status={"evidence": begun(count=1)})
    decision, _, _ = walked(snap, many(30, canary=(1, 400), primary=(9, 3600)))
    assert (told(decision), decision.status.phase) == (["Promoted"], Phase.IDLE)
    assert "inconclusive" not in decision.tidings[0].sentence
    assert decision.status.evidence is None
    assert decision.status.background == EVEN


# --- a bad one ---


def test_a_regression_rolls_back_in_the_very_decision_that_takes_in_the_deciding_tile() -> None:
    decision, before, now = walked(weighed(), many(30, **BAD))
    assert (told(decision), written(decision)) == (["RolledBack"], [0])
    assert now < after(60)
    rejected = decision.status.rejected
    assert rejected is not None
    assert rejected.reason == "WorseThanPrimary"
    assert (decision.status.phase, decision.status.evidence) == (Phase.IDLE, None)
    assert decision.count is None
    assert before.phase is Phase.PROGRESSING
    assert [gate.verdict for gate in before.gates] == [Verdict.UNDECIDED]


def test_latency_alone_is_enough() -> None:
    slow = {"canary": (1, 100), "slow": (20, 9)}
    decision, before, _ = walked(weighed(gates=(ERRORS, LATENCY)), many(30, **slow))
    assert told(decision) == ["RolledBack"]
    assert "latency above 100 ms: canary 20 % (" in decision.tidings[0].sentence
    assert [gate.verdict for gate in before.gates] == [Verdict.UNDECIDED] * 2


def test_an_outage_that_both_share_does_not_roll_back() -> None:
    shared = {"canary": (30, 100), "primary": (270, 900)}
    snap = weighed(*many(2), *tiles(*range(2, 12), **shared), *tiles(*range(12, 20)))
    decision = decide(snap, after(201))
    assert told(decision) == ["StepEntered"]


def test_an_objective_that_only_the_canary_misses_rolls_back() -> None:
    decision, _, _ = walked(weighed(gates=(SLO,)), many(30, **BAD))
    assert told(decision) == ["RolledBack"]
    rejected = decision.status.rejected
    assert rejected is not None
    assert rejected.reason == "ObjectiveMissed"


def test_an_objective_that_both_miss_holds_for_the_environment() -> None:
    snap = weighed(*many(9, canary=(10, 100), primary=(90, 900)), gates=(SLO,))
    decision = decide(snap, after(91))
    assert (held(decision), written(decision)) == (HoldReason.ENVIRONMENT, [])
    assert decision.status.step is not None
    assert decision.status.step.running_since is None


def test_evidence_of_an_unknown_dispersion_holds_for_a_person_and_rolls_back_once_it_is_known() -> (
    None
):
    snap = weighed(status={"background": THIN}, counted={"background": THIN})
    decision, _, now = walked(snap, many(30, canary=(20, 100)))
    assert (told(decision), held(decision)) == (["HoldStarted"], HoldReason.DISPERSION_UNKNOWN)
    assert written(decision) == []
    known = replace(EVEN, asked_at=now)
    later = replace(snap, status=decision.status, counting=counting(background=known))
    assert told(decide(later, now + sec(1))) == ["RolledBack"]
    promoted = replace(snap, status=decision.status, requests=(ask(Verb.PROMOTE),))
    assert written(decide(promoted, now + sec(1))) == [100]


def test_never_known_is_held_as_well() -> None:
    snap = weighed(*many(9, canary=(20, 100)), status={"background": None})
    snap = replace(snap, counting=replace(snap.counting, background=None))
    decision = decide(snap, after(91))
    assert held(decision) is HoldReason.DISPERSION_UNKNOWN
    assert decision.status.hold is not None
    assert "0 of 2 pod-hours only" in decision.status.hold.message
    assert "in about 60 min" in decision.status.hold.message


def test_a_thin_background_makes_an_older_one_more_careful_and_no_more() -> None:
    calm, wild = replace(THIN, asked_at=after(5)), replace(THIN, asked_at=after(5), errors=9.0)
    for new, errors in ((calm, 1.0), (wild, 9.0)):
        known = decide(weighed(counted={"background": new}), after(6)).status.background
        assert known == replace(EVEN, errors=errors)
    newer = replace(EVEN, asked_at=after(5), errors=2.0)
    assert decide(weighed(counted={"background": newer}), after(6)).status.background == newer
    thin = weighed(status={"background": THIN}, counted={"background": wild})
    assert decide(thin, after(6)).status.background == wild
    older = weighed(counted={"background": replace(newer, asked_at=after(-5))})
    assert decide(older, after(6)).status.background == EVEN


# --- undecided ---

FEW: dict[str, Any] = {"canary": (0, 3), "primary": (0, 27)}


def test_what_is_undecided_at_the_most_stay_goes_on_and_says_what_it_excludes() -> None:
    decision, _, now = walked(weighed(), many(60, **FEW))
    assert (told(decision), written(decision)) == (["StepEntered"], [50])
    assert after(300) <= now < after(312)
    assert decision.tidings[0].sentence == (
        "podinfo-v2 enters step 2 of 3 (50 %); the step before was inconclusive: errors: "
        "canary 0 % (0 of 90) vs primary 0 % (0 of 810), excludes nothing yet"
    )


def test_it_wakes_at_the_most_stay() -> None:
    decision = decide(weighed(*many(7, **FEW)), after(71))
    assert decision.wake_at == after(300)
    assert decide(weighed(*many(7, **FEW)), after(300)).actions
    still = replace(step_state(), running_since=None, stayed=sec(90))
    assert decide(weighed(status={"step": still}), after(301)).actions == ()


def test_a_take_over_below_the_first_step_has_its_most_stay() -> None:
    below = step_state(-1, 5)
    snap = weighed(*many(31, **FEW), status={"step": below, "canary_weight": Weight(5)})
    snap = replace(snap, routing=weights(5))
    assert decide(snap, after(299)).actions == ()
    assert written(decide(snap, after(311))) == [10]


def test_a_promotion_says_that_its_last_step_was_inconclusive() -> None:
    spec = judged_by(ERRORS, walk=steps(10))
    snap = weighed(spec=spec, status={"evidence": begun(count=1)})
    decision, _, _ = walked(snap, many(60, **FEW))
    assert told(decision) == ["Promoted"]
    assert "; its last step was inconclusive: errors: canary 0 % (0 of 90)" in (
        decision.tidings[0].sentence
    )


def test_what_looks_bad_at_the_most_stay_waits_for_more_requests() -> None:
    doubtful = (*many(3, canary=(4, 100)), *tiles(*range(3, 31), **FEW))
    decision = decide(weighed(*doubtful), after(311))
    assert (held(decision), written(decision)) == (HoldReason.EVIDENCE_AGAINST, [])
    assert decision.status.hold is not None
    assert decision.status.hold.message.endswith(
        "too much to go on, not enough to roll back: more requests will decide"
    )
    better = weighed(*doubtful, *tiles(*range(31, 40), canary=(0, 300), primary=(27, 2700)))
    assert written(decide(better, after(401))) == [50]


@pytest.mark.parametrize("reservation", ["a warning of the server"])
def test_time_alone_passes_no_step_while_the_counts_cannot_be_used(reservation: str) -> None:
    unread = tuple(replace(a_tile(n), reservation=reservation) for n in range(31))
    decision = decide(weighed(*unread), after(311))
    assert held(decision) is HoldReason.METRICS_UNAVAILABLE
    assert decision.status.hold is not None
    assert decision.status.hold.message == (
        "31 intervals counted for nothing, the last because a warning of the server"
    )
    one = weighed(*many(30, **FEW), *unread[30:])
    hold = decide(one, after(311)).status.hold
    assert hold is not None
    assert hold.message.startswith("one interval counted for nothing, the last because")
    again = replace(one, counting=counting(*many(30, **FEW), *unread[30:], a_tile(31, **FEW)))
    assert written(decide(again, after(321))) == [50]


def test_latencies_that_nobody_knows_are_inconclusive() -> None:
    edgeless = replace(EVEN, edges=())
    snap = weighed(*many(31), gates=(LATENCY,), status={"background": edgeless})
    snap = replace(snap, counting=replace(snap.counting, background=edgeless))
    decision = decide(snap, after(71))
    assert gate_of(decision, "latency").message == (
        "latency: not known yet which latencies tell; no bucket edge to compare at"
    )
    assert gate_of(decision, "latency").samples == 0
    late = decide(snap, after(311))
    assert written(late) == [50]
    assert "latency: nothing could be compared" in late.tidings[0].sentence


# --- most requests fail ---


def test_most_requests_failing_rolls_back_at_once_and_says_that_it_is_no_part_of_alpha() -> None:
    decision = decide(weighed(a_tile(0, (95, 100))), after(11))
    assert (told(decision), written(decision)) == (["RolledBack"], [0])
    assert decision.tidings[0].sentence == (
        "podinfo-v2 (podinfo:new) rolled back from 10 %: most of the canary's requests failed: "
        "canary 95 % (95 of 100) vs primary 1 % (9 of 900): 95x in the last 10s; half of them in "
        "two intervals in a row, or nine in ten in one, are enough where the primary has half as "
        "many or fewer; this check is always on and no part of analysis.alpha"
    )
    rejected = decision.status.rejected
    assert rejected is not None
    assert rejected.reason == "MostRequestsFailed"


def test_most_requests_failing_counts_in_warm_up_and_next_to_a_change_of_weight() -> None:
    cold = replace(a_tile(0, (95, 100)), pods=())
    assert told(decide(weighed(cold), after(11))) == ["RolledBack"]
    near = weighed(a_tile(0, (95, 100)), status={"evidence": begun(changes=(T0,))})
    assert told(decide(near, after(11))) == ["RolledBack"]
    unlive = replace(step_state(), live_since=None, running_since=None)
    away = weighed(a_tile(0, (95, 100)), status={"step": unlive})
    assert told(decide(away, after(11))) == ["RolledBack"]


# --- silence ---

SILENT = [
    (Answered.UNAVAILABLE, HoldReason.METRICS_UNAVAILABLE),
    (Answered.REFUSED, HoldReason.QUERY_REFUSED),
    (Answered.NO_DATA, HoldReason.NO_CANARY_DATA),
]


@pytest.mark.parametrize(("answered", "reason"), SILENT)
def test_silence_holds_and_keeps_the_evidence(answered: Answered, reason: HoldReason) -> None:
    snap = weighed(*many(3), counted=silence(answered, 5))
    decision = decide(snap, after(31))
    assert held(decision) is reason
    gate = gate_of(decision)
    assert gate.message == "errors: the metrics server does not answer"
    assert (gate.verdict, gate.missing) == (Verdict.NO_DATA, Missing(reason, after(5)))
    assert evidence_of(decision).tiles == 3
    assert decision.status.rollout is not None
    assert decision.status.rollout.failed_checks == 0


def test_after_the_policys_time_silence_rolls_back() -> None:
    spec = judged_by(ERRORS, unavailable=ROLL_BACK)
    snap = weighed(spec=spec, counted=silence(at=5))
    early, late = decide(snap, after(604)), decide(snap, after(605))
    assert (held(early), early.wake_at) == (HoldReason.METRICS_UNAVAILABLE, after(605))
    assert told(late) == ["RolledBack"]
    rejected = late.status.rejected
    assert rejected is not None
    assert rejected.reason == "MetricsUnavailable"


def test_silence_is_timed_from_the_live_weight_on() -> None:
    spec = judged_by(ERRORS, unavailable=ROLL_BACK)
    back = replace(step_state(), live_since=after(700))
    for gates in ((), (Gate("errors", Verdict.NO_DATA, "", T0, None, UNAVAILABLE),)):
        status = {"step": back, "gates": gates}
        snap = weighed(spec=spec, status=status, counted=silence(at=5))
        assert decide(snap, after(701)).wake_at == after(1300)


UNAVAILABLE = Missing(HoldReason.METRICS_UNAVAILABLE, T0)


def test_the_time_of_a_silence_survives_a_restart() -> None:
    gate = Gate("errors", Verdict.NO_DATA, "", T0, None, UNAVAILABLE)
    snap = weighed(status={"gates": (gate,)}, counted=silence(at=200))
    assert gate_of(decide(snap, after(201))).missing == UNAVAILABLE
    other = weighed(status={"gates": (gate,)}, counted=silence(Answered.REFUSED, at=200))
    refused = gate_of(decide(other, after(201))).missing
    assert refused == Missing(HoldReason.QUERY_REFUSED, after(200))


def test_evidence_that_suffices_is_not_silenced() -> None:
    snap = weighed(*many(9, **BAD), counted=silence())
    assert told(decide(snap, after(91))) == ["RolledBack"]


# --- no requests ---

EMPTY: dict[str, Any] = {"canary": (0, 0)}
NOBODY: dict[str, Any] = {"canary": (0, 0), "primary": (0, 0)}


def test_requests_that_were_due_and_did_not_come_are_missing_data() -> None:
    few = {"canary": (0, 0), "primary": (0, 17)}
    assert held(decide(weighed(*many(2, **few)), after(21))) is None
    decision = decide(weighed(*many(3, **few)), after(31))
    assert held(decision) is HoldReason.NO_CANARY_DATA
    assert gate_of(decision).message == (
        "errors: no request to podinfo-v2 for 30s, where about 6 were expected at 10 %"
    )
    assert gate_of(decision).missing == Missing(HoldReason.NO_CANARY_DATA, T0)


def test_a_canary_that_is_seldom_called_is_not_missed_too_soon() -> None:
    rare = {"canary": (0, 0), "primary": (0, 1)}
    assert held(decide(weighed(*many(10, **rare)), after(101))) is None
    steps_ = (Step(Weight(10), MINUTE, most=timedelta(hours=1)),)
    snap = weighed(*many(60, **rare), spec=judged_by(ERRORS, walk=steps_))
    counts = replace(snap, counting=counting(*many(40, **rare)))
    assert held(decide(counts, after(401))) is None
    quick = judged_by(ERRORS, walk=steps_, no_data=replace(ADVANCE, after=sec(60)))
    hold = weighed(*many(6, **rare), spec=replace(quick, analysis=quick.analysis))
    assert written(decide(hold, after(61))) == [100]


def test_when_nobody_calls_either_side_that_is_said() -> None:
    decision = decide(weighed(*many(3, **NOBODY)), after(31))
    assert gate_of(decision).message == (
        "errors: neither podinfo-v2 nor podinfo-v1 got a request for 30s"
    )
    assert held(decision) is HoldReason.NO_CANARY_DATA


@pytest.mark.parametrize(
    ("policy", "at", "news"),
    [
        (ROLL_BACK, 599, ["HoldStarted"]),
        (ROLL_BACK, 600, ["RolledBack"]),
        (ADVANCE, 599, ["HoldStarted"]),
        (ADVANCE, 600, ["StepEntered"]),
        (replace(ADVANCE, then=Otherwise.HOLD), 99_999, ["HoldStarted"]),
    ],
)
def test_the_policy_for_no_requests_applies_after_its_time(
    policy: MissingPolicy, at: float, news: list[str]
) -> None:
    spec = judged_by(ERRORS, no_data=policy)
    assert told(decide(weighed(*many(3, **NOBODY), spec=spec), after(at))) == news


# --- requests that do not follow the weight ---


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


def test_where_another_route_reaches_the_canary_too_many_are_no_contradiction() -> None:
    routing = replace(weights(10), bypassed=True)
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
        "podinfo-v2 got 0 % of the requests (0 of 1,000) at a weight of 10 %: probably its pods "
        "have no sidecar, refuse the callers' mTLS, the subset's labels match none of them, or "
        "istiod does not push; look at istioctl proxy-config endpoints for podinfo-v2, and at "
        "istioctl proxy-status",
    ),
    (
        1,
        (100, 900),
        "podinfo-v2 got 10 % of the requests (100 of 1,000) at a weight of 50 %: that is the share "
        "before the last change (10 %), so probably istiod does not push, or the proxies refuse "
        "what it pushes; look at istioctl proxy-status, and at istiod's log for VirtualService "
        "podinfo",
    ),
    (
        0,
        (500, 500),
        "podinfo-v2 got 50 % of the requests (500 of 1,000) at a weight of 10 %: probably requests "
        "reach it past VirtualService podinfo (another host, gateway or route), or callers have no "
        "sidecar; look at istioctl proxy-config routes of a caller",
    ),
]


@pytest.mark.parametrize(("index", "counts", "words"), PROBABLE)
def test_what_the_cause_probably_is(index: int, counts: tuple[int, int], words: str) -> None:
    hold = decide(share(*counts, index=index), after(11)).status.hold
    assert hold is not None
    assert hold.message == words


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


# --- before any traffic moves ---


def probing(**counted: Any) -> Snapshot:
    known = replace(counting(), **counted)
    return a_snapshot(spec=judged_by(ERRORS), status=started(), counting=known)


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
    assert (evidence.released, evidence.changes) == (1, (after(1),))


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


def sure_count(decision: Decision) -> Any:
    assert decision.count is not None
    return decision.count


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


RELEASED = started().rollout.revision  # type: ignore[union-attr]


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


def test_evidence_that_could_not_be_read_begins_anew() -> None:
    decision = decide(weighed(index=1, status={"evidence": None}), after(75))
    evidence = evidence_of(decision)
    assert (evidence.counted_until, evidence.released, evidence.tiles) == (after(70), 1, 0)
    assert sure_count(decision).since == after(70)


# --- at 100 % ---


def test_at_full_weight_a_comparison_does_not_stand_in_the_way() -> None:
    snap = weighed(*many(7, canary=(5, 1000), primary=(0, 0)), index=2)
    decision = decide(snap, after(71))
    assert told(decision) == ["Promoted"]
    early = decide(snap, after(51))
    assert gate_of(early).verdict is Verdict.PASS
    assert gate_of(early).message == "errors: at 100 % there is no primary to compare with"


def test_at_full_weight_an_objective_counts() -> None:
    bad = many(9, canary=(100, 1000), primary=(0, 0))
    assert told(decide(weighed(*bad, gates=(SLO,), index=2), after(91))) == ["RolledBack"]
    few = many(9, canary=(0, 1), primary=(0, 0))
    waits = decide(weighed(*few, gates=(ERRORS, SLO), index=2), after(91))
    assert [gate.verdict for gate in waits.status.gates] == [Verdict.PASS, Verdict.UNDECIDED]
    assert waits.actions == ()


# --- other ways to be judged ---


def test_skipping_the_analysis_asks_for_nothing_and_weighs_nothing() -> None:
    spec = replace(judged_by(ERRORS), skip_analysis=True)
    decision = decide(a_snapshot(spec=spec, status=started()), after(1))
    assert (written(decision), decision.count) == ([100], None)
    mid = decide(weighed(*many(9, **BAD), spec=spec), after(91))
    assert written(mid) == [100]


def mixed(**changes: Any) -> Snapshot:
    spec = judged_by(ERRORS, metrics=(RATE,))
    return weighed(*many(7, canary=(1, 400), primary=(9, 3600)), spec=spec, **changes)


def test_threshold_and_evidence_gates_must_both_pass() -> None:
    assert written(decide(mixed(samples=answers()), after(71))) == [50]
    missing = decide(mixed(), after(71))
    assert (missing.actions, [g.verdict for g in missing.status.gates]) == (
        (),
        [Verdict.UNDECIDED, Verdict.PASS],
    )
    failing = decide(mixed(samples=answers(a_sample(50))), after(71))
    assert told(failing) == ["CheckFailed"]
    assert failing.status.rollout is not None
    assert failing.status.rollout.failed_checks == 1


def test_evidence_is_no_failed_check() -> None:
    spec = judged_by(ERRORS, metrics=(RATE,), threshold=1)
    snap = weighed(
        *many(9, canary=(20, 100)),
        spec=spec,
        samples=answers(),
        status={"background": THIN},
        counted={"background": THIN},
    )
    decision = decide(snap, after(91))
    assert held(decision) is HoldReason.DISPERSION_UNKNOWN
    assert decision.status.rollout is not None
    assert decision.status.rollout.failed_checks == 0


def test_an_approval_is_asked_for_when_the_evidence_is_in() -> None:
    walk = (Step(Weight(10), MINUTE, approval=True), *steps(50, 100))
    spec = judged_by(ERRORS, walk=walk)
    fine = many(7, canary=(1, 400), primary=(9, 3600))
    assert held(decide(weighed(*fine, spec=spec), after(71))) is HoldReason.APPROVAL_NEEDED
    assert held(decide(weighed(*many(7, **FEW), spec=spec), after(71))) is None


# --- the words ---

STRICT = Compare("errors", ERRORS.counted, Tolerance(1.0, 0.0))
UNEVEN = replace(EVEN, errors=2.5)
SENTENCES: dict[str, tuple[EvidenceGate, Background | None, int, dict[str, Any], str]] = {
    "errors are compared": (
        ERRORS,
        EVEN,
        3,
        {"canary": (3, 100)},
        "errors: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % interval 0.58x to "
        "11x); evidence 3:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1",
    ),
    "hardly anything is known": (
        STRICT,
        EVEN,
        3,
        {"canary": (0, 2), "primary": (0, 18)},
        "errors: canary 0 % (0 of 6) vs primary 0 % (0 of 54); evidence 1:1 that it is worse than"
        " tolerated (1x), rollback at 100:1",
    ),
    "only the lower end is known": (
        ERRORS,
        EVEN,
        3,
        {"canary": (4, 100), "primary": (0, 90)},
        "errors: canary 4 % (12 of 300) vs primary 0 % (0 of 270) (99 % interval: 1.2x and more); "
        "evidence 129:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1",
    ),
    "nobody called the primary": (
        ERRORS,
        EVEN,
        3,
        {"canary": (4, 100), "primary": (0, 0)},
        "errors: canary 4 % (12 of 300) vs primary no requests; evidence 1:1 that it is worse "
        "than tolerated (1.1x + 0.05 pt), rollback at 100:1",
    ),
    "the primary's pods differ": (
        ERRORS,
        UNEVEN,
        3,
        {"canary": (3, 100)},
        "errors: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % interval 0.16x to "
        "23x); evidence 1:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1, "
        "dispersion 2.5",
    ),
    "it is not known yet how they differ": (
        ERRORS,
        THIN,
        3,
        {"canary": (3, 100)},
        "errors: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % interval 0.11x to "
        "28x); evidence 1:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1, "
        "dispersion not known yet (taken as 3)",
    ),
    "slow requests are compared": (
        LATENCY,
        EVEN,
        3,
        {"slow": (3, 9)},
        "latency above 100 ms: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % "
        "interval 0.58x to 11x); evidence 2:1 that it is worse than tolerated (1.1x + 0.2 pt), "
        "rollback at 100:1",
    ),
    "an objective is missed": (
        SLO,
        EVEN,
        3,
        {"canary": (5, 100)},
        "slo: canary 5 % (15 of 300) vs primary 1 % (27 of 2,700): 5x; evidence 15:1 that it "
        "misses its objective (at most 2 % failed), rollback at 100:1",
    ),
    "an objective for slow requests is missed": (
        SLOW,
        EVEN,
        3,
        {"slow": (9, 9)},
        "slow above 100 ms: canary 9 % (27 of 300) vs primary 1 % (27 of 2,700): 9x; evidence 8:1"
        " that it misses its objective (at most 5 % slower than 100 ms), rollback at 100:1",
    ),
    "the odds are beyond words": (
        ERRORS,
        EVEN,
        7,
        {"canary": (49, 100), "primary": (260, 9000)},
        "errors: canary 49 % (343 of 700) vs primary 2.89 % (1,820 of 63,000): 17x (99 % interval "
        "13x to 21x); evidence more than 1,000,000:1 that it is worse than tolerated (1.1x + 0.05"
        " pt), rollback at 100:1",
    ),
    "nothing fails": (
        ERRORS,
        EVEN,
        30,
        {"canary": (0, 100), "primary": (9, 900)},
        "errors: canary 0 % (0 of 3,000) vs primary 1 % (270 of 27,000): 0x (99 % interval 0x to "
        "0.22x); evidence 0.5:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at "
        "100:1",
    ),
}


@pytest.mark.parametrize(
    ("gate", "known", "count", "counts", "words"), SENTENCES.values(), ids=SENTENCES
)
def test_what_a_gate_says(
    gate: EvidenceGate, known: Background | None, count: int, counts: dict[str, Any], words: str
) -> None:
    snap = weighed(*many(count, **counts), gates=(gate,), status={"background": known})
    snap = replace(snap, counting=replace(snap.counting, background=None))
    decision = decide(snap, after(31))
    assert gate_of(decision, gate.name).message == words
