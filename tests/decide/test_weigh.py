"""Evidence grows tile by tile, each taken in once, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide.strands import against, bound, in_favour, log_e, stake, worst
from canaryd.decide.tiles import Frame, Uncounted
from canaryd.decide.weigh import Scales, begin, enter_step, take_in
from canaryd.model.evidence import Evidence, GateEvidence, Tally
from canaryd.model.gates import ALPHA, Counted, EvidenceGate, Evidential, Objective
from canaryd.model.status import Status
from canaryd.model.tile import Background, Edge, Row, Tile
from canaryd.wire.status import parse_status, render_status
from tests.decide.build import T0, sec
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
    tiles,
)


def scales(*gates: EvidenceGate, changes: tuple[Any, ...] = (), **other: Any) -> Scales:
    base = Scales(
        rules=Evidential(gates or (ERRORS,)),
        frame=Frame("podinfo-v2", "podinfo-v1", changes),
        background=EVEN,
        steps=3,
        weight=10,
        live_since=T0,
        share_settles=sec(30),
        window=EVERY,
    )
    return replace(base, **other)


def restarted(evidence: Evidence) -> Evidence:
    """What survives when the daemon dies: the status, as JSON."""
    back = parse_status(orjson.dumps(render_status(Status(evidence=evidence)))).evidence
    assert back is not None
    return back


def gate(evidence: Evidence, name: str = "errors") -> GateEvidence:
    return next(gate for gate in evidence.gates if gate.name == name)


def total(evidence: Evidence, name: str = "errors") -> Tally:
    return gate(evidence, name).strands[0].total


GATES = (ERRORS, LATENCY, SLO)
SCALES = scales(*GATES)

tile_lists = st.lists(
    st.tuples(st.integers(0, 60), st.integers(60, 90), st.integers(0, 300), st.integers(0, 40)),
    min_size=1,
    max_size=7,
).map(
    lambda counts: tuple(
        a_tile(number, (bad, of), (usual, 900), (slow, 20))
        for number, (bad, of, usual, slow) in enumerate(counts)
    )
)


@given(given_=tile_lists, chance=st.randoms(use_true_random=False))
def test_tiles_in_any_order_and_repeated_give_the_same_bits(
    given_: tuple[Tile, ...], chance: Random
) -> None:
    early = a_tile(-1, (90, 90))
    mixed = [*given_, *given_, early]
    chance.shuffle(mixed)
    assert take_in(begun(), mixed, SCALES) == take_in(begun(), given_, SCALES)


@given(given_=tile_lists, cuts=st.sets(st.integers(0, 6)))
def test_a_restart_between_any_two_tiles_changes_no_bit(
    given_: tuple[Tile, ...], cuts: set[int]
) -> None:
    straight = split = begun()
    for number, tile in enumerate(given_):
        if number == 3:
            straight = enter_step(straight, at=tile.start, steps=3)
            split = enter_step(split, at=tile.start, steps=3)
        straight = take_in(straight, (tile,), SCALES)
        split = take_in(split, given_[: number + 1], SCALES)
        split = restarted(split) if number in cuts else split
    assert split == straight
    for one, other in zip(split.gates, straight.gates, strict=True):
        assert against(one).hex() == against(other).hex()
        assert in_favour(one).hex() == in_favour(other).hex()


def test_after_a_tile_that_is_missing_nothing_is_taken_in_until_it_comes() -> None:
    gap = take_in(begun(), tiles(0, 2, 3), SCALES)
    assert gap.counted_until == after(10)
    assert gap == take_in(begun(), tiles(0), SCALES)
    assert take_in(gap, tiles(1, 2, 3), SCALES) == take_in(begun(), tiles(0, 1, 2, 3), SCALES)


def test_a_tile_of_another_length_is_not_taken_in() -> None:
    evidence = take_in(begun(), (replace(a_tile(), end=after(20)),), SCALES)
    assert evidence.counted_until == T0


def test_counts_of_the_rollout_and_of_the_step() -> None:
    evidence = take_in(begun(), tiles(0, 1), SCALES)
    assert gate(evidence).strands[0].steps == (Tally(2, 200, 18, 1800),)
    evidence = take_in(enter_step(evidence, at=after(20), steps=3), tiles(2), SCALES)
    assert gate(evidence).strands[0].steps == (Tally(2, 200, 18, 1800), Tally(1, 100, 9, 900))
    assert total(evidence) == Tally(3, 300, 27, 2700)
    assert (evidence.tiles, evidence.counted_until) == (3, after(30))


def test_a_step_in_which_nothing_was_counted_leaves_no_counts() -> None:
    evidence = take_in(begun(), (), SCALES)
    evidence = enter_step(evidence, at=after(20), steps=3)
    assert set(gate(evidence).strands[0].steps) == {Tally()}


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_all_stakes_add_up_to_one(count: int) -> None:
    assert sum(stake(step, count) for step in range(count)) == pytest.approx(1)
    evidence = take_in(begun(released=0), (), scales())
    for _ in range(count):
        evidence = enter_step(evidence, at=T0, steps=count)
    worse = gate(evidence).strands[0].worse
    assert worse.reserve == pytest.approx(0)
    assert sum(map(exp, worse.logs)) == pytest.approx(1)
    again = enter_step(evidence, at=T0, steps=count)  # the steps were edited: no more to bet
    assert sum(map(exp, gate(again).strands[0].worse.logs)) == pytest.approx(1)


def test_evidence_against_survives_a_step_and_evidence_for_it_begins_anew() -> None:
    before = take_in(begun(), tiles(0, 1, 2, canary=(4, 100)), SCALES)
    assert against(gate(before)) > 0
    fresh = gate(enter_step(before, at=after(30), steps=3))
    assert against(fresh) == pytest.approx(against(gate(before)), abs=0.5)
    assert in_favour(fresh) == pytest.approx(0)


def test_what_speaks_for_a_canary_counts_from_its_live_weight_on() -> None:
    for live_since, favours in ((None, 0), (after(0.1), 0), (T0, 1)):
        evidence = take_in(begun(), tiles(0), scales(live_since=live_since))
        assert (in_favour(gate(evidence)) > 0.1) is bool(favours)
        assert total(evidence) == Tally(1, 100, 9, 900)
    ahead = replace(a_tile(), skew=sec(60))
    late = take_in(begun(), (ahead,), scales())
    assert in_favour(gate(late)) == pytest.approx(0)


def test_alpha_is_shared_by_all_gates_and_one_tile_gives_at_most_half_of_the_way() -> None:
    for gates in ((ERRORS,), (ERRORS, LATENCY), (ERRORS, LATENCY, SLO)):
        rules = Evidential(gates)
        assert bound(rules) == pytest.approx(log(len(gates) / ALPHA))
        disaster = take_in(begun(), tiles(0, canary=(100, 100)), scales(*gates))
        assert against(gate(disaster)) <= bound(rules) / 2 + 1e-9
        assert against(gate(disaster)) > 0.7 * bound(rules) / 2
        never = take_in(begun(), tiles(0, 1, canary=(100, 100)), scales(*gates))
        assert against(gate(never)) < bound(rules)  # the shortest detection has three looks
    assert bound(Evidential()) == pytest.approx(log(1 / ALPHA))


def test_how_much_the_primarys_pods_differ_tempers_the_evidence() -> None:
    def found(background: Background | None) -> float:
        evidence = take_in(begun(), tiles(0, canary=(4, 100)), scales(background=background))
        return against(gate(evidence))

    known, uneven = found(EVEN), found(replace(EVEN, errors=8.0))
    assert known > found(THIN) > uneven > 0
    assert found(THIN) == found(None) == found(replace(EVEN, errors=3.0))
    assert found(replace(THIN, errors=8.0)) == uneven


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


def test_edges_that_come_late_bet_at_once_what_the_steps_so_far_would_have() -> None:
    late = enter_step(begun(), at=after(10), steps=3)
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


def test_most_requests_failing_is_counted_in_a_row() -> None:
    def failing(*canary: tuple[float, float], primary: tuple[float, float] = (9, 900)) -> int:
        given_ = tuple(a_tile(n, each, primary) for n, each in enumerate(canary))
        return take_in(begun(), given_, scales()).failing

    assert failing((10, 20)) == 1
    assert failing((10, 20), (20, 40)) == 2
    assert failing((10, 20), (1, 20), (10, 20)) == 1
    assert failing((10, 19)) == failing((9, 20)) == 0
    assert failing((45, 50)) == 2
    assert failing((44, 50)) == failing((45, 49)) == 1
    assert failing((50, 50), primary=(450, 900)) == 2
    assert failing((50, 50), primary=(460, 900)) == 0
    assert failing((20, 20), primary=(0, 0)) == 1
    assert failing((0, 0)) == 0


def test_warm_up_and_a_change_of_weight_excuse_no_disaster() -> None:
    cold = replace(a_tile(0, (100, 100)), pods=())
    evidence = take_in(begun(), (cold,), scales(changes=(after(3),)))
    assert (evidence.failing, evidence.tiles, evidence.refused) == (2, 0, None)
    assert total(evidence) == Tally()


def test_tiles_that_count_for_nothing_are_remembered_with_their_reason() -> None:
    bad = replace(a_tile(0), reservation="partial")
    worse = replace(a_tile(1), reservation="a warning")
    evidence = take_in(begun(), (bad, worse, a_tile(2)), scales())
    refused = evidence.refused
    assert refused is not None
    assert (refused.reason, refused.message) == (Uncounted.RESERVATION.value, "a warning")
    assert (refused.at, refused.count) == (after(20), 2)
    assert (evidence.counted_until, evidence.tiles) == (after(30), 1)


NONE = {"canary": (0, 0)}


def test_how_long_no_request_came_and_how_many_were_due() -> None:
    evidence = take_in(begun(), tiles(0, 1, 2, **NONE), scales())
    assert (evidence.empty, evidence.empty_since) == (3, T0)
    assert evidence.expected == pytest.approx(300)
    whole = take_in(begun(), tiles(0, **NONE), scales(weight=100))
    assert (whole.empty, whole.expected) == (1, 900)
    assert take_in(begun(), tiles(0, **NONE), scales(weight=0)).empty == 0
    again = take_in(evidence, tiles(3), scales())
    assert (again.empty, again.empty_since, again.expected) == (0, None, 0)


def test_tiles_from_before_the_weight_say_nothing_about_it() -> None:
    before = scales(changes=(after(15),))
    evidence = take_in(begun(), tiles(0, 1, **NONE), before)
    assert evidence.empty == 0
    assert take_in(evidence, tiles(2, **NONE), before).empty == 1
    known = take_in(begun(), tiles(0, 1, **NONE), scales())
    assert take_in(known, tiles(2, **NONE), scales(changes=(after(25),))).empty == 0


def test_the_observed_share_begins_when_the_weight_has_settled() -> None:
    changed = scales(changes=(after(-21), after(-300)))
    evidence = take_in(begun(), tiles(0), changed)
    assert evidence.followed == Tally()
    evidence = take_in(evidence, tiles(1, 2), changed)
    assert evidence.followed == Tally(canary=200, primary=1800)
    evidence = take_in(evidence, tiles(3), scales(changes=(after(5),)))
    assert evidence.followed == Tally()


def test_the_observed_share_tells_of_now() -> None:
    many = {"canary": (0, 30_000), "primary": (0, 30_000)}
    evidence = take_in(begun(), tiles(0, 1, **many), scales())
    assert evidence.followed == Tally(canary=30_000, primary=30_000)


def test_evidence_that_begins_is_none() -> None:
    evidence = begin(window=EVERY, counted_until=T0)
    assert evidence == Evidence(EVERY, T0)
    assert take_in(evidence, (), scales(ERRORS)).gates[0].strands[0].worse.reserve == 1
