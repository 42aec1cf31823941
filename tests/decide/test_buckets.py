"""A latency that no bucket ends at judges nothing, and is told with the edges that there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from canaryd.decide.background import background
from canaryd.decide.buckets import absent, no_such_edge
from canaryd.decide.engine import decide
from canaryd.decide.strands import harmless
from canaryd.decide.weigh import take_in
from canaryd.model.answered import Answered
from canaryd.model.past import Column, by_series
from canaryd.model.status import HoldReason, Phase, Status, Verdict
from canaryd.model.tile import ALL, Background, Edge, Row, Tile
from canaryd.wire.status import parse_status, render_status
from tests.decide.build import T0, at_step, held, sec, started, weights
from tests.decide.counted import (
    ERRORS,
    EVEN,
    EVERY,
    LATENCY,
    SLOW,
    a_tile,
    after,
    begun,
    counting,
    following,
    gate_of,
    judged_by,
    silence,
    weighed,
)
from tests.decide.scales import gate, scales

ISTIO = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
ODD = replace(SLOW, edge=300.0)
KNOWN = replace(EVEN, buckets=ISTIO)
NEAREST = (
    "no bucket of the histograms ends at 300 ms, so nothing can be counted there; "
    "the nearest edges are 250 ms and 500 ms"
)


def without(edge: float, number: int = 0, **changes: Any) -> Tile:
    """A tile in which that edge was asked for and is not there."""
    tile = a_tile(number, slow=(30, 30))
    rows = tuple(row for row in tile.rows if row.edge in (None, ALL))
    return replace(tile, rows=rows, lacking=(edge,), buckets=ISTIO, **changes)


@pytest.mark.parametrize(
    ("edge", "there", "words"),
    [
        (300.0, ISTIO, "; the nearest edges are 250 ms and 500 ms"),
        (2000.0, ISTIO, "; the nearest edge is 1000 ms"),
        (0.1, ISTIO, "; the nearest edge is 0.5 ms"),
        (300.0, (), ""),
    ],
)
def test_the_sentence_names_the_edges_next_to_it(
    edge: float, there: tuple[float, ...], words: str
) -> None:
    assert no_such_edge(edge, there).endswith(f"nothing can be counted there{words}")


def test_only_objectives_name_edges_and_only_known_ones_can_be_missing() -> None:
    assert absent((ERRORS, LATENCY, SLOW, ODD), ISTIO) == ("slow", 300.0)
    assert absent((SLOW,), ISTIO) is None
    assert absent((ODD,), ()) is None


# --- before any traffic moves ---


def ready(gates: tuple[Any, ...], known: Background) -> Any:
    """A rollout that has not entered a step; all is known of the metrics server."""
    snap = at_step(spec=judged_by(*gates), status={}, counting=counting(background=known))
    return replace(snap, status=started(), routing=weights(0))


def test_no_traffic_moves_before_a_wrong_edge_is_mended() -> None:
    decision = decide(ready((ERRORS, ODD), KNOWN), T0)
    assert held(decision) is HoldReason.QUERY_REFUSED
    assert decision.status.hold is not None
    assert decision.status.hold.message == f"slow: {NEAREST}; change the gate's latency.le"
    assert decision.actions == ()
    assert decision.count is not None
    assert decision.count.background, "it is looked at again: the proxies may be changed instead"


def test_a_right_edge_and_an_unknown_one_hold_nothing_up() -> None:
    for gates, known in (((SLOW,), KNOWN), ((ODD,), EVEN)):
        decision = decide(ready(gates, known), T0)
        assert decision.status.step is not None
        assert decision.count is not None
        assert not decision.count.background


def test_the_last_hour_tells_which_edges_there_are() -> None:
    rows = (Row("a", "a-1", 5, edge=50.0), Row("a", "a-1", 9, edge=ALL), Row("a", "a-1", 9, "200"))
    more = (*rows, Row("a", "a-2", 4, edge=75.0), Row("a", "a-2", 4, edge=ALL))
    found = background(
        by_series([Column(after(10), rows), Column(after(20), more)]),
        primary="a",
        canary="b",
        served_since=T0 - sec(60),
        window=EVERY,
        grpc_good=frozenset({"0"}),
        asked_at=T0,
    )
    assert found.buckets == (50.0, 75.0)
    read = parse_status(orjson.dumps(render_status(Status(background=found))))
    assert read.background == found


def test_a_thin_background_tells_the_newest_edges() -> None:
    thin = replace(EVEN, asked_at=after(5), pod_hours=0.1)
    for new, known in (((10.0,), (10.0,)), ((), ISTIO)):
        snap = weighed(
            status={"background": KNOWN}, counted={"background": replace(thin, buckets=new)}
        )
        found = decide(snap, after(6)).status.background
        assert found is not None
        assert (found.buckets, found.pod_hours) == (known, EVEN.pod_hours)


# --- while it is judged ---


def test_a_wrong_edge_holds_and_names_those_that_there_are() -> None:
    snap = weighed(without(300.0), gates=(ERRORS, ODD))
    decision, snap = following(snap, after(11))
    assert held(decision) is HoldReason.QUERY_REFUSED
    said = gate_of(decision, "slow")
    assert (said.verdict, said.message) == (Verdict.NO_DATA, f"slow: {NEAREST}")
    assert said.missing is not None
    assert said.missing.since == after(11)
    assert gate_of(decision).verdict is Verdict.UNDECIDED
    later = replace(snap, counting=counting(without(300.0, 1)))
    decision, _ = following(later, after(21))
    missing = gate_of(decision, "slow").missing
    assert missing is not None
    assert missing.since == after(11)


def test_it_goes_on_when_the_edge_is_mended() -> None:
    decision, snap = following(weighed(without(300.0), gates=(ERRORS, ODD)), after(11))
    mended = replace(snap, spec=judged_by(ERRORS, SLOW), counting=counting())
    decision, snap = following(mended, after(12))
    assert held(decision) is None
    assert "canary no requests" in gate_of(decision, "slow").message
    late = counting(a_tile(1, slow=(3, 30)))
    decision, _ = following(replace(snap, counting=late), after(21))
    assert "canary 3 % (3 of 100)" in gate_of(decision, "slow").message


def test_errors_are_judged_whatever_is_wrong_with_the_buckets() -> None:
    for fault in (without(300.0), a_tile(untimed="the series are missing")):
        many = [
            replace(fault, start=after(10 * n), end=after(10 * n + 10), pods=a_tile(n).pods)
            for n in range(9)
        ]
        bad = [replace(tile, rows=a_tile(canary=(20, 100)).rows) for tile in many]
        snap = weighed(*bad, gates=(ERRORS, ODD))
        decision = decide(snap, after(91))
        assert decision.status.rejected is not None or decision.status.phase is Phase.ROLLING_BACK
        assert "errors: canary 20 %" in decision.tidings[0].sentence


def test_missing_buckets_hold_and_say_so_at_once() -> None:
    words = "the series are missing (native histograms cannot be read)"
    for gates in ((ERRORS, LATENCY), (ERRORS, SLOW)):
        snap = weighed(a_tile(untimed=words), gates=gates)
        decision = decide(snap, after(11))
        assert held(decision) is HoldReason.QUERY_REFUSED
        assert gate_of(decision, gates[1].name).message == f"{gates[1].name}: {words}"
        assert "(1 of 100)" in gate_of(decision).message


def test_missing_buckets_stay_said_where_no_edge_was_chosen_yet() -> None:
    unknown = replace(EVEN, edges=())
    told = {"background": unknown}
    snap = weighed(a_tile(untimed="missing"), gates=(ERRORS, LATENCY), status=told, counted=told)
    first, snap = following(snap, after(11))
    again, _ = following(replace(snap, counting=counting(background=unknown)), after(13))
    assert held(first) is held(again) is HoldReason.QUERY_REFUSED


def test_at_full_weight_a_comparison_needs_no_buckets() -> None:
    alone = a_tile(untimed="missing", canary=(1, 1000), primary=(0, 0))
    decision = decide(weighed(alone, gates=(ERRORS, LATENCY), index=2), after(11))
    assert (gate_of(decision, "latency").verdict, held(decision)) == (Verdict.PASS, None)


TWO = replace(EVEN, edges=(Edge(100.0, 1.0, 0.01), Edge(250.0, 1.0, 0.005)))


def test_a_comparison_goes_on_at_the_edges_that_both_sides_have() -> None:
    """No edge is forgotten: without one the mean of the others' bets would be another bet."""
    weighing = scales(LATENCY, background=TWO)
    evidence = take_in(begun(), (a_tile(slow=(3, 30)),), weighing)
    before = {strand.edge: strand for strand in gate(evidence, "latency").strands}
    some = replace(a_tile(1, slow=(3, 30)), lacking=(250.0,), buckets=(100.0,))
    found = gate(take_in(evidence, (some,), weighing), "latency")
    after = {strand.edge: strand for strand in found.strands}
    assert (list(after), found.unjudged) == ([100.0, 250.0], None)
    assert after[250.0] == before[250.0]
    assert after[100.0].total.canary == 200


def test_an_edge_that_only_one_side_has_keeps_no_canary_from_passing() -> None:
    weighing = scales(LATENCY, background=TWO)
    lacking = tuple(
        replace(a_tile(number, slow=(0, 30)), lacking=(250.0,), buckets=(100.0,))
        for number in range(40)
    )
    found = gate(take_in(begun(), lacking, weighing), "latency")
    assert harmless(found, weighing.rules)
    assert not harmless(gate(take_in(begun(), (), weighing), "latency"), weighing.rules)


def test_a_comparison_that_has_no_edge_left_says_so() -> None:
    weighing = scales(LATENCY, background=TWO)
    none = replace(a_tile(), lacking=(100.0, 250.0), buckets=ISTIO[:5])
    evidence = take_in(begun(), (none,), weighing)
    found = gate(evidence, "latency")
    assert len(found.strands) == 2
    assert found.unjudged is not None
    assert "ends at 250 ms" in found.unjudged
    assert "the nearest edge is 25 ms" in found.unjudged
    wire = render_status(Status(evidence=evidence))
    assert parse_status(orjson.dumps(wire)).evidence == evidence


def test_silence_is_said_before_a_wrong_edge() -> None:
    _, snap = following(weighed(without(300.0), gates=(ERRORS, ODD)), after(11))
    away = replace(snap, counting=counting(**silence(Answered.UNAVAILABLE, 12)))
    decision = decide(away, after(20))
    assert held(decision) is HoldReason.METRICS_UNAVAILABLE
    assert "does not answer" in gate_of(decision, "slow").message


def test_proof_against_a_canary_counts_although_its_latency_cannot_be_looked_at_any_more() -> None:
    slow = [a_tile(n, slow=(60, 30)) for n in range(4)]
    late = without(100.0, 4)
    snap = weighed(*slow[:3], gates=(SLOW,))
    evidence = take_in(begun(), (*slow, late), scales(SLOW))
    assert gate(evidence, "slow").unjudged is not None
    snap = replace(snap, status=replace(snap.status, evidence=evidence), counting=counting())
    decision = decide(snap, after(51))
    assert "slow above 100 ms: canary 60 %" in decision.tidings[0].sentence
    assert decision.status.phase is not Phase.PROGRESSING
