"""Most of the canary's requests fail: no statistics are needed to take it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.weigh import take_in
from canaryd.model.evidence import Tally
from canaryd.model.status import HoldReason
from canaryd.model.tile import Presence, Tile
from tests.decide.build import (
    T0,
    V1,
    V2,
    sec,
    step_state,
    told,
    written,
)
from tests.decide.counted import (
    NEW_POD,
    OLD_POD,
    a_pod,
    a_tile,
    after,
    begun,
    tiles,
    weighed,
)
from tests.decide.scales import scales, total


def often(number: int = 0, canary: tuple[float, float] = (95, 100), **changes: Any) -> Tile:
    """A tile that is several scrapes long: both sides' counts are of the same seconds."""
    return a_tile(number, canary, scrape=sec(3), **changes)


def test_most_requests_failing_rolls_back_at_once_and_says_that_it_is_no_part_of_alpha() -> None:
    decision = decide(weighed(often()), after(11))
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
    cold = often(pods=())
    assert told(decide(weighed(cold), after(11))) == ["RolledBack"]
    near = weighed(often(), status={"evidence": begun(changes=(T0,))})
    assert told(decide(near, after(11))) == ["RolledBack"]
    unlive = replace(step_state(), live_since=None, running_since=None)
    away = weighed(often(), status={"step": unlive})
    assert told(decide(away, after(11))) == ["RolledBack"]


def failing(
    *canary: tuple[float, float],
    primary: tuple[float, float] = (9, 900),
    tile: Callable[..., Tile] = often,
) -> int:
    """So many tiles in a row failed, after these."""
    given = (tile(number, each, primary=primary) for number, each in enumerate(canary))
    return take_in(begun(), given, scales()).failing


def test_half_of_the_requests_must_fail_in_two_intervals_in_a_row() -> None:
    assert failing((10, 20)) == 1
    assert failing((10, 20), (20, 40)) == 2
    assert failing((10, 20), (1, 20), (10, 20)) == 1
    assert failing((10, 19)) == failing((9, 20)) == failing((0, 0)) == 0


def test_nine_in_ten_of_fifty_are_enough_in_one() -> None:
    assert failing((45, 50)) == 2
    assert failing((44, 50)) == failing((45, 49)) == 1


def test_where_a_tile_is_about_as_long_as_a_scrape_two_must_agree() -> None:
    assert failing((50, 50), tile=a_tile) == 1
    assert failing((50, 50), (50, 50), tile=a_tile) == 2
    assert told(decide(weighed(a_tile(0, (95, 100))), after(11))) == []
    assert told(decide(weighed(*tiles(0, 1, canary=(95, 100))), after(21))) == ["RolledBack"]


def test_a_primary_that_fails_half_as_often_excuses_the_canary() -> None:
    assert failing((50, 50), primary=(447, 900)) == 2
    assert failing((50, 50), primary=(448, 900)) == 0


def test_what_the_primarys_few_requests_cannot_exclude_may_be_usual() -> None:
    assert failing((19, 20), primary=(0, 6)) == failing((19, 20), primary=(0, 1)) == 0
    assert failing((19, 20), primary=(0, 7)) == failing((19, 20), primary=(0, 0)) == 1
    assert failing((20, 20), primary=(1, 7)) == 0


@pytest.mark.parametrize("requests", [1, 5, 6])
def test_where_all_fails_a_few_requests_that_the_primary_answered_well_are_no_excuse(
    requests: float,
) -> None:
    assert failing((20, 20), (20, 20), primary=(0, requests)) == 2
    assert failing((20, 20), (20, 20), primary=(1, requests)) == 0


def test_an_outage_in_which_nobody_scrapes_the_primary_is_no_disaster_of_the_canary() -> None:
    """The network to the primary's nodes is gone, for Prometheus too."""
    known = take_in(begun(), (often(0, (0, 20)),), scales())
    blind = [
        often(1, (18, 20), primary=(0, 0), pods=(a_pod(V2, NEW_POD, after(10)), gone(after(10)))),
        *(often(n, (18, 20), primary=(0, 0), pods=often(n).pods[:1]) for n in (2, 3)),
    ]
    evidence = take_in(known, blind, scales())
    assert (evidence.failing, evidence.tiles, evidence.counted_until) == (0, 1, after(40))
    assert evidence.refused is not None
    assert evidence.refused.message == (
        "podinfo-v2 had requests, and no pod of podinfo-v1 was scraped"
    )
    assert (total(evidence), evidence.refused.count) == (total(known), 3)


def test_what_has_passed_waits_while_nobody_scrapes_the_primary() -> None:
    """The gate is proven; then the primary is out of sight, and the canary answers nothing well."""
    good = {"canary": (0, 2000), "primary": (0, 18000)}
    seen = [often(n, **good) for n in range(3)]
    blind = [often(n, (2000, 2000), primary=(0, 0), pods=often(n).pods[:1]) for n in range(3, 12)]
    assert told(decide(weighed(*seen, *(often(n, **good) for n in range(3, 7))), after(71))) == [
        "StepEntered"
    ]
    decision = decide(weighed(*seen, *blind), after(121))
    assert (told(decision), written(decision)) == (["HoldStarted"], [])
    assert decision.status.hold is not None
    assert decision.status.hold.reason is HoldReason.METRICS_UNAVAILABLE
    assert "no pod of podinfo-v1 was scraped" in decision.status.hold.message


def test_a_primary_without_series_hides_no_canary_that_nobody_calls() -> None:
    quiet = [often(n, (0, 0), primary=(0, 0), pods=often(n).pods[:1]) for n in range(1, 8)]
    evidence = take_in(begun(), [often(0, (0, 20)), *quiet], scales())
    assert (evidence.refused, evidence.empty) == (None, 7)


def gone(start: datetime) -> Presence:
    """The primary's only pod, of which Prometheus has noted in the tile that it is gone."""
    return a_pod(V1, OLD_POD, start, at_end=None)


def test_at_full_weight_nobody_asks_whether_the_primary_was_scraped() -> None:
    known = take_in(begun(), (often(0, (0, 20)),), scales())
    alone = [often(n, (18, 20), primary=(0, 0), pods=often(n).pods[:1]) for n in (1, 2)]
    assert take_in(known, alone, scales(weight=100)).failing == 2


def test_a_primary_that_was_never_seen_is_no_reason_to_look_away() -> None:
    alone = [often(n, (18, 20), primary=(0, 0), pods=often(n).pods[:1]) for n in (0, 1)]
    assert take_in(begun(), alone, scales()).failing == 2


def test_warm_up_and_a_change_of_weight_excuse_no_disaster() -> None:
    cold = often(canary=(100, 100), pods=())
    evidence = take_in(begun(), (cold,), scales(changes=(after(3),)))
    assert (evidence.failing, evidence.tiles, evidence.refused) == (2, 0, None)
    assert total(evidence) == Tally()
