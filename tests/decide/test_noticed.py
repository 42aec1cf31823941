"""What tiles tell besides evidence: refusals, requests that stay away, and the observed share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.share import SLACK, share_interval
from canaryd.decide.tiles import Uncounted
from canaryd.decide.weigh import take_in
from canaryd.model.evidence import Evidence, Tally
from tests.decide.build import T0
from tests.decide.counted import (
    a_tile,
    after,
    begun,
    tiles,
)
from tests.decide.scales import scales


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


@pytest.mark.parametrize("of_now", [0, 600])
@pytest.mark.parametrize("requests", [100, 100_000])
def test_the_observed_share_tells_of_now_after_however_long_a_time(
    requests: int, of_now: int
) -> None:
    """An hour at the weight, then two minutes of none or of six times as many, and back."""

    def side(thousandth: int) -> dict[str, tuple[float, float]]:
        canary = requests * thousandth / 1000
        return {"canary": (0, canary), "primary": (0, requests - canary)}

    def contradicts(evidence: Evidence) -> bool:
        seen, wanted = evidence.followed, scales().weight / 100
        low, high = share_interval(seen.canary, seen.canary + seen.primary)
        return high < wanted / 2 or low > 2 * wanted + SLACK

    hour = take_in(begun(), tiles(*range(360), **side(100)), scales())
    wrong = take_in(hour, tiles(*range(360, 390), **side(of_now)), scales())
    mended = take_in(wrong, tiles(*range(390, 450), **side(100)), scales())
    assert [contradicts(each) for each in (hour, wrong, mended)] == [False, True, False]


def test_a_tile_in_which_one_side_lacks_a_scrape_does_not_contradict_the_weight() -> None:
    evidence = take_in(begun(), tiles(*range(60), canary=(0, 1000), primary=(0, 9000)), scales())
    lacking = take_in(evidence, tiles(60, 61, canary=(0, 0), primary=(0, 9000)), scales())
    assert lacking.followed.canary / lacking.followed.primary > 0.1
