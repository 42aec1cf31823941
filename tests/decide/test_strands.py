"""What a gate compares: errors, latency edges, objectives; and what that is worth."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import pytest

from canaryd.decide.strands import against, in_favour, log_e, margin, tolerated, worst
from canaryd.decide.weigh import UNKNOWN_DISPERSION, enter_step, take_in
from canaryd.model.evidence import Bets, Strand, Tally
from canaryd.model.gates import Counted, EvidenceGate, Evidential, Objective, Tolerance
from canaryd.model.tile import Background, Edge, Row
from tests.decide.counted import (
    ERRORS,
    EVEN,
    LATENCY,
    SLO,
    SLOW,
    THIN,
    a_tile,
    after,
    begun,
    tiles,
)
from tests.decide.scales import gate, scales, total


def test_how_much_the_primarys_pods_differ_tempers_the_evidence() -> None:
    def found(background: Background | None) -> float:
        evidence = take_in(begun(), tiles(0, canary=(4, 100)), scales(background=background))
        return against(gate(evidence))

    known, uneven = found(EVEN), found(replace(EVEN, errors=8.0))
    assert known > found(THIN) > uneven > 0
    assert found(THIN) == found(None) == found(replace(EVEN, errors=3.0))
    assert found(replace(THIN, errors=8.0)) == uneven


def test_a_canary_pod_that_gets_more_than_a_primarys_is_as_much_more_uneven() -> None:
    uneven = scales(background=replace(EVEN, pods=2, rate=20.0, errors=3.0))  # 100 a pod and tile
    assert uneven.dispersion(None) == uneven.dispersion(None, per_pod=100) == 3
    assert uneven.dispersion(None, per_pod=250) == 6
    assert scales().dispersion(None, per_pod=10_000) == 1
    idle = scales(background=replace(EVEN, rate=0.0, errors=3.0))
    assert idle.dispersion(None, per_pod=250) == 3
    calm, crowded = (
        take_in(begun(), tiles(0, canary=(40, of), primary=(9, 900)), uneven) for of in (100, 1000)
    )
    assert against(gate(calm)) > against(gate(crowded))


def test_the_unevenness_that_is_told_is_the_mean_of_what_tempered_the_evidence() -> None:
    known = scales(background=replace(EVEN, errors=4.0))
    none_yet = begun()
    told = [
        gate(evidence).strands[0].uneven
        for evidence in (
            take_in(none_yet, tiles(0, canary=(1, 100)), known),
            take_in(none_yet, tiles(0, 1, canary=(1, 100)), known),
            take_in(
                take_in(none_yet, tiles(0, canary=(1, 100)), known),
                tiles(1, canary=(1, 300)),
                scales(background=replace(EVEN, errors=8.0)),
            ),
        )
    ]
    assert told == pytest.approx([4, 4, 7])


def test_a_status_from_before_it_was_written_tells_that_of_now() -> None:
    known = scales(background=replace(EVEN, errors=4.0))
    counted = take_in(begun(), tiles(0, canary=(1, 100)), known)
    (strand,) = gate(counted).strands
    silent = replace(gate(counted), strands=(replace(strand, uneven=None),))
    counted = take_in(replace(counted, gates=(silent,)), tiles(1, canary=(1, 100)), known)
    assert gate(counted).strands[0].uneven == 4


def test_a_latency_edge_has_the_unevenness_that_was_seen_there() -> None:
    known = scales(background=TWO)
    assert (known.dispersion(50.0), known.dispersion(100.0)) == (1, 4)
    assert known.dispersion(250.0) == UNKNOWN_DISPERSION


@pytest.mark.parametrize(
    ("gates", "limit", "excluded"),
    [
        (ERRORS, Tolerance(1.1, 0.0005), Tolerance(2.0, 0.005)),
        (replace(ERRORS, tolerance=Tolerance(2.0, 0.01)), None, Tolerance(3.0, 0.015)),
        (SLO, Tolerance(0.0, 0.02), Tolerance(0.0, 0.045)),
        (replace(SLO, most=0.5), Tolerance(0.0, 0.5), Tolerance(0.0, 0.75)),
    ],
)
def test_what_passes_is_never_stricter_than_what_is_tolerated(
    gates: EvidenceGate, limit: Tolerance | None, excluded: Tolerance
) -> None:
    rules = Evidential((gates,), margin=Tolerance(2.0, 0.005))
    assert tolerated(gates) == (limit or Tolerance(2.0, 0.01))
    found = margin(gates, rules)
    assert (found.ratio, found.delta) == pytest.approx((excluded.ratio, excluded.delta))


TWO = replace(EVEN, edges=(Edge(50.0, 1.0, 0.1), Edge(100.0, 4.0, 0.01)))


def test_latency_edges_are_chosen_when_something_is_known_and_never_again() -> None:
    slow = {"slow": (1, 9)}
    early = take_in(begun(), tiles(0, **slow), scales(LATENCY, background=None))
    assert gate(early, "latency").strands == ()
    assert worst(gate(early, "latency")) is None
    assert (against(gate(early, "latency")), in_favour(gate(early, "latency"))) == (
        0,
        float("-inf"),
    )
    empty = take_in(early, (), scales(LATENCY, background=replace(EVEN, edges=())))
    assert gate(empty, "latency").strands == ()
    known = take_in(empty, tiles(1, **slow), scales(LATENCY, background=TWO))
    assert [strand.edge for strand in gate(known, "latency").strands] == [50, 100]
    again = take_in(known, tiles(2, **slow), scales(LATENCY))
    assert [strand.edge for strand in gate(again, "latency").strands] == [50, 100]
    at_50, at_100 = gate(again, "latency").strands
    assert at_50.total == Tally()  # no tile said anything about that edge
    assert at_100.total == Tally(2, 200, 18, 1800)


def test_edges_that_come_late_begin_like_others() -> None:
    late = enter_step(begun(), at=after(10))
    late = take_in(late, (), scales(LATENCY))
    worse = gate(late, "latency").strands[0].worse
    assert worse.reserve == pytest.approx(0.25)
    assert sum(map(exp, worse.logs)) == pytest.approx(0.75)


def test_several_edges_weigh_as_the_mean_and_the_worst_is_told() -> None:
    rows = tuple(
        Row(f"podinfo-v{n}", pod.pod, count, edge=edge)
        for n, pod in ((2, a_tile().pods[0]), (1, a_tile().pods[1]))
        for edge, count in (
            ((50.0, 90.0), (100.0, 60.0)) if n == 2 else ((50.0, 810.0), (100.0, 890.0))
        )
    )
    tile = replace(a_tile(0, slow=(1, 9)), rows=(*rows, *a_tile(0, slow=(1, 9)).rows[-3::2]))
    known = gate(take_in(begun(), (tile,), scales(LATENCY, background=TWO)), "latency")
    first, second = known.strands
    mean = log((exp(log_e(first.worse)) + exp(log_e(second.worse))) / 2)
    assert against(known) == pytest.approx(mean)
    assert worst(known) is second
    assert in_favour(known) == min(log_e(first.fine), log_e(second.fine))


def test_an_objective_compares_with_its_own_number_at_its_own_edge() -> None:
    alone = tiles(0, canary=(5, 100), primary=(0, 0))
    evidence = take_in(begun(), alone, scales(SLO, ERRORS))
    assert against(gate(evidence, "slo")) > 0
    assert against(gate(evidence)) == pytest.approx(0)
    known = take_in(begun(), tiles(0, slow=(20, 200)), scales(SLOW))
    assert [strand.edge for strand in gate(known, "slow").strands] == [100]
    assert against(gate(known, "slow")) > 0


def test_an_objective_with_another_edge_begins_anew() -> None:
    known = take_in(begun(), tiles(0, slow=(20, 200)), scales(SLOW))
    stricter = Objective("slow", Counted.LATENCY, 0.05, 50.0)
    moved = take_in(known, (), scales(stricter))
    assert [strand.edge for strand in gate(moved, "slow").strands] == [50]
    assert total(moved, "slow") == Tally()


def test_gates_that_come_and_go_in_mid_rollout() -> None:
    both = take_in(begun(), tiles(0), scales(ERRORS, SLO))
    fewer = take_in(both, tiles(1), scales(ERRORS))
    assert [gate.name for gate in fewer.gates] == ["errors"]
    assert total(fewer) == Tally(2, 200, 18, 1800)
    more = take_in(fewer, tiles(2), scales(SLO, ERRORS))
    assert [gate.name for gate in more.gates] == ["slo", "errors"]
    assert (total(more, "slo").canary, total(more).canary) == (100, 300)
    turned = take_in(more, (), scales(replace(LATENCY, name="errors"), SLO))
    assert gate(turned).counted is Counted.LATENCY
    assert total(turned) == Tally()


OTHER_BETS: list[dict[str, Any]] = [
    {"worse": Bets((0.0, 0.0))},
    {"fine": Bets((0.0, 0.0))},
    {"steps": ()},
]


@pytest.mark.parametrize("held", OTHER_BETS)
def test_evidence_of_bets_that_are_not_made_any_more_begins_anew(held: dict[str, Any]) -> None:
    before = take_in(begun(), tiles(0), scales())
    strand: Strand = replace(gate(before).strands[0], **held)
    stale = replace(before, gates=(replace(gate(before), strands=(strand,)),))
    assert take_in(stale, (), scales()).gates == take_in(begun(), (), scales()).gates
    assert total(take_in(stale, tiles(1), scales())) == Tally(1, 100, 9, 900)
