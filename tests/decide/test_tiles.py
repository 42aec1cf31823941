"""Counting, so that it is true: what a tile says about both sides, or why it counts for nothing."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide.tiles import Counts, Refusal, Side, Uncounted, is_error, read
from canaryd.model.gates import GRPC_GOOD
from canaryd.model.tile import ALL, Presence, Row, Tile
from tests.decide.build import T0, V1, V2, sec
from tests.decide.counted import NEW_POD, OLD_POD, a_pod, a_tile, after, outcomes
from tests.decide.frame import FRAME, bare

CANARY, PRIMARY = Side(100, 1), Side(900, 9)


PLAIN = Counts(CANARY, PRIMARY, CANARY, PRIMARY)


def served(*rows: Row, **presence: object) -> Tile:
    """The usual counts, and a second pod of the canary with these rows and this presence."""
    pod = a_pod(V2, "second", T0, **presence)
    usual = a_tile()
    return replace(usual, rows=(*usual.rows, *rows), pods=(*usual.pods, pod))


SECOND = outcomes(V2, "second", 4, 40)
WITH_SECOND = Side(140, 5)
TRUE: dict[str, tuple[Tile, Counts]] = {
    "what both sides answered counts": (a_tile(), PLAIN),
    "a tile without requests is one": (bare(), Counts(Side(), Side(), Side(), Side())),
    "requests that reached no pod and did not fail are nobody's": (
        replace(a_tile(), rows=(*a_tile().rows, Row("unknown", "", 12, code="200", grpc="5"))),
        PLAIN,
    ),
    "a second pod's requests are added": (
        served(*SECOND),
        Counts(WITH_SECOND, PRIMARY, WITH_SECOND, PRIMARY),
    ),
    "a pod that came is no evidence yet": (
        served(*SECOND, at_start=None, warm=False, known=False),
        Counts(CANARY, PRIMARY, WITH_SECOND, PRIMARY),
    ),
    "a pod in its warm-up is no evidence yet": (
        served(*SECOND, warm=False),
        Counts(CANARY, PRIMARY, WITH_SECOND, PRIMARY),
    ),
    "a primary's pod in its warm-up is none either": (
        bare(*outcomes(V1, OLD_POD, 9, 900), pods=(a_pod(V1, OLD_POD, T0, warm=False),)),
        Counts(Side(), Side(), Side(), PRIMARY),
    ),
    "a pod that left is no evidence any more": (
        served(*SECOND, at_end=None),
        Counts(CANARY, PRIMARY, WITH_SECOND, PRIMARY),
    ),
    "neither is one that left without a word": (
        served(*SECOND, at_end=after(-10.5)),
        Counts(CANARY, PRIMARY, WITH_SECOND, PRIMARY),
    ),
    "a pod that restarted counts from zero, as the server says": (
        bare(*outcomes(V2, NEW_POD, 1, 3)),
        Counts(Side(3, 1), Side(), Side(3, 1), Side()),
    ),
    "a pod that nobody saw is no evidence": (
        bare(*outcomes(V2, "ghost", 1, 3)),
        Counts(Side(), Side(), Side(3, 1), Side()),
    ),
    "another workload's requests are nobody's": (
        replace(a_tile(), rows=(*a_tile().rows, Row("other", "pod", 500, code="503"))),
        PLAIN,
    ),
    "two scrapes may be missed": (
        served(*SECOND, at_end=after(-10), at_start=after(-20)),
        Counts(WITH_SECOND, PRIMARY, WITH_SECOND, PRIMARY),
    ),
    "an empty series without a pod is harmless": (
        replace(a_tile(), rows=(*a_tile().rows, Row("podinfo-v2", "", 0, code="200"))),
        PLAIN,
    ),
}


@pytest.mark.parametrize(("tile", "counts"), TRUE.values(), ids=TRUE)
def test_these_counts_are_true(tile: Tile, counts: Counts) -> None:
    found, refusal = read(tile, FRAME)
    assert found is not None
    assert (replace(found, canary_pods=0, primary_pods=0), refusal) == (counts, None)


def test_how_many_of_the_canarys_pods_are_warm() -> None:
    for presence, warm in (({}, 2), ({"warm": False}, 1), ({"at_end": None}, 1)):
        found, _ = read(served(*SECOND, **presence), FRAME)
        assert found is not None
        assert found.canary_pods == warm


REFUSED: dict[str, tuple[Tile, Uncounted, str]] = {
    "the server has a reservation": (
        a_tile(reservation="the answer is partial"),
        Uncounted.RESERVATION,
        "the answer is partial",
    ),
    "requests reached no pod": (
        replace(a_tile(), rows=(*a_tile().rows, Row("unknown", "", 12, code="503"))),
        Uncounted.UNATTRIBUTED,
        "12 failed requests reached no pod and belong to neither side",
    ),
    "the series have no pod": (
        bare(Row("podinfo-v1", "", 9, code="200")),
        Uncounted.NOT_PER_POD,
        "the series of podinfo-v2 and podinfo-v1 have no `pod` label (recording rules, "
        "federation?): scrape the proxies, or use thresholdRange metrics",
    ),
    "an older pod appears only as new": (
        served(*SECOND, at_start=None),
        Uncounted.SCRAPE_GAP,
        "pod second was not scraped at the start, but before and after",
    ),
    "nobody scraped one side at the end": (
        bare(*SECOND, pods=(a_pod(V2, NEW_POD, T0, at_end=after(-10.5)),)),
        Uncounted.STALE,
        "the last scrape of podinfo-v2 was 20.5 s old",
    ),
    "the last scrape was too old at the start": (
        served(*SECOND, at_start=after(-21)),
        Uncounted.STALE,
        "the last scrape of pod second was 21 s old",
    ),
}


@pytest.mark.parametrize(("tile", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_a_tile_counts_for_nothing_when(tile: Tile, reason: Uncounted, words: str) -> None:
    assert read(tile, FRAME) == (None, Refusal(reason, words))


@pytest.mark.parametrize(
    ("change", "near"),
    [
        (-6.1, False),
        (-6, True),  # the scrape before the start, and 5 s
        (-1, True),
        (4, True),
        (14, True),  # the last scrape, and 5 s
        (14.1, False),
    ],
)
def test_next_to_a_change_of_weight_counts_are_true_and_no_evidence(
    change: float, near: bool
) -> None:
    counts, refusal = read(a_tile(), replace(FRAME, changes=(after(-300), after(change))))
    assert counts == replace(PLAIN, canary_pods=1, primary_pods=1)
    assert refusal == (
        Refusal(Uncounted.WEIGHT_CHANGED, "the weight changed in it") if near else None
    )


def test_a_change_of_weight_is_told_in_our_time_and_the_tile_in_the_servers() -> None:
    ahead = replace(a_tile(), skew=sec(3600))
    assert read(ahead, replace(FRAME, changes=(after(4 - 3600),)))[1] is not None
    assert read(ahead, replace(FRAME, changes=(after(4),)))[1] is None


def test_without_pods_a_tile_begins_at_its_start() -> None:
    empty = replace(a_tile(), rows=(), pods=(a_pod(V2, NEW_POD, T0, at_start=None, known=False),))
    assert read(empty, replace(FRAME, changes=(after(-5),)))[1] is not None
    assert read(empty, replace(FRAME, changes=(after(-5.5),)))[1] is None


CODES = [
    ("200", "", False),
    ("404", "", False),
    ("499", "", False),
    ("500", "", True),
    ("503", "", True),
    ("0", "", True),
    ("", "", False),
    ("200", "0", False),
    ("200", "5", False),
    ("200", "2", True),
    ("200", "14", True),
    ("503", "0", True),
]


@pytest.mark.parametrize(("code", "grpc", "wrong"), CODES)
def test_what_is_an_error(code: str, grpc: str, wrong: bool) -> None:
    assert is_error(code, grpc, GRPC_GOOD) is wrong
    rows = bare(Row("podinfo-v2", NEW_POD, 7, code=code, grpc=grpc))
    counts, _ = read(rows, FRAME)
    assert counts is not None
    assert counts.canary == Side(7, 7 if wrong else 0)


def test_the_user_says_which_grpc_statuses_are_good() -> None:
    tile = bare(Row("podinfo-v2", NEW_POD, 7, code="200", grpc="14"))
    counts, _ = read(tile, replace(FRAME, grpc_good=frozenset({"0", "14"})))
    assert counts is not None
    assert counts.canary == Side(7, 0)


pods = st.sampled_from(["a", "b", "c"])
names = st.sampled_from(["podinfo-v1", "podinfo-v2", "other"])
rows = st.builds(
    Row,
    workload=names,
    pod=pods,
    count=st.integers(0, 10**6).map(float),
    code=st.sampled_from(["200", "0", "503"]),
    grpc=st.sampled_from(["", "0", "13"]),
    edge=st.none() | st.sampled_from([50.0, 100.0, ALL]),
)


presences = st.builds(
    lambda name, pod, warm, there: Presence(
        name, pod, after(9), after(-1) if there else None, warm
    ),
    names,
    pods,
    st.booleans(),
    st.booleans(),
)


@given(
    rows=st.lists(rows, max_size=20),
    pods=st.lists(presences, max_size=6),
    chance=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_and_pods_does_not_matter(
    rows: list[Row], pods: list[Presence], chance: Random
) -> None:
    tile = replace(a_tile(), rows=tuple(rows), pods=tuple(pods))
    chance.shuffle(rows)
    chance.shuffle(pods)
    counts, refusal = read(tile, FRAME)
    assert read(replace(tile, rows=tuple(rows), pods=tuple(pods)), FRAME) == (counts, refusal)
    assert counts is not None
    for side in (counts.canary, counts.primary, counts.canary_all, counts.primary_all):
        assert 0 <= side.errors <= side.requests
        assert all(0 <= slow <= side.timed for slow in side.slow.values())
    assert counts.canary.requests <= counts.canary_all.requests
