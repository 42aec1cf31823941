"""Evidence grows tile by tile, each taken in once, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide.strands import LATE, against, bound, in_favour
from canaryd.decide.weigh import begin, enter_step, take_in
from canaryd.model.evidence import Evidence, Tally
from canaryd.model.gates import ALPHA, Evidential, Reporter
from canaryd.model.status import Status
from canaryd.model.tile import Tile
from canaryd.wire.status import parse_status, render_status
from tests.decide.build import T0, sec
from tests.decide.counted import (
    ERRORS,
    EVERY,
    LATENCY,
    SLO,
    a_tile,
    after,
    begun,
    tiles,
)
from tests.decide.scales import gate, scales, total


def restarted(evidence: Evidence) -> Evidence:
    """What survives when the daemon dies: the status, as JSON."""
    back = parse_status(orjson.dumps(render_status(Status(evidence=evidence)))).evidence
    assert back is not None
    return back


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
            straight = enter_step(straight, at=tile.start)
            split = enter_step(split, at=tile.start)
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


def test_a_tile_that_another_reporter_counted_is_not_taken_in_and_asked_for_anew() -> None:
    ours, theirs = (
        tuple(replace(tile, reporter=each) for tile in tiles(0, 1))
        for each in (Reporter.DESTINATION, Reporter.SOURCE)
    )
    assert take_in(begun(), theirs, SCALES).counted_until == T0
    assert take_in(begun(), (*theirs, *ours), SCALES) == take_in(begun(), tiles(0, 1), SCALES)


def test_counts_of_the_rollout_and_of_the_step() -> None:
    evidence = take_in(begun(), tiles(0, 1), SCALES)
    assert gate(evidence).strands[0].steps == (Tally(2, 200, 18, 1800),)
    evidence = take_in(enter_step(evidence, at=after(20)), tiles(2), SCALES)
    assert gate(evidence).strands[0].steps == (Tally(2, 200, 18, 1800), Tally(1, 100, 9, 900))
    assert total(evidence) == Tally(3, 300, 27, 2700)
    assert (evidence.tiles, evidence.counted_until) == (3, after(30))


def test_a_step_in_which_nothing_was_counted_leaves_no_counts() -> None:
    evidence = take_in(begun(), (), SCALES)
    evidence = enter_step(evidence, at=after(20))
    assert set(gate(evidence).strands[0].steps) == {Tally()}


def test_counts_of_each_step_stand_apart_however_many_steps_there_were() -> None:
    evidence = begun()
    for number in range(4):
        evidence = take_in(evidence, tiles(number), SCALES)
        evidence = enter_step(evidence, at=after(10 * number + 10))
        evidence = enter_step(evidence, at=after(10 * number + 10))  # nothing is counted in it
    each = Tally(1, 100, 9, 900)
    assert gate(evidence).strands[0].steps == (each, each, each, each, Tally())


def test_of_very_many_steps_the_first_are_counted_together_and_none_is_lost() -> None:
    evidence, many = begun(), 60
    for number in range(many):
        evidence = enter_step(evidence, at=after(10 * number))
        evidence = take_in(evidence, tiles(number), SCALES)
    steps = gate(evidence).strands[0].steps
    assert len(steps) == LATE + 2 == 20
    assert steps[-1] == steps[1] == Tally(1, 100, 9, 900)
    assert total(evidence) == Tally(many, 100 * many, 9 * many, 900 * many)


def test_a_canary_that_turns_bad_late_finds_bets_that_are_not_lost() -> None:
    good = take_in(begun(), tiles(*range(40), canary=(0, 1000), primary=(9, 9000)), scales())
    worse = gate(good).strands[0].worse
    assert 0 < worse.reserve < 0.25, "something is always left"
    old = [log for log in worse.logs if log < -60]
    assert not old, "the last bets have lost little yet"


def test_nothing_is_bet_twice() -> None:
    evidence = take_in(begun(), tiles(*range(20), canary=(0, 0), primary=(0, 0)), scales())
    worse = gate(evidence).strands[0].worse
    assert worse.reserve + sum(map(exp, worse.logs)) == pytest.approx(1)
    again = gate(enter_step(evidence, at=T0)).strands[0].worse
    assert again == worse, "steps bet nothing against a canary"


def test_evidence_against_survives_a_step_and_evidence_for_it_begins_anew() -> None:
    before = take_in(begun(), tiles(0, 1, 2, canary=(4, 100)), SCALES)
    assert against(gate(before)) > 0
    fresh = gate(enter_step(before, at=after(30)))
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


def test_evidence_that_begins_is_none() -> None:
    evidence = begin(window=EVERY, counted_until=T0)
    assert evidence == Evidence(EVERY, T0)
    assert take_in(evidence, (), scales(ERRORS)).gates[0].strands[0].worse.reserve == 0.25
