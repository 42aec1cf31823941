"""Tiles of two servers that take turns: what one counted, the other must not count again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import cycle, pairwise

import pytest
from typing_extensions import override

from canaryd.decide.tiles import Frame, Uncounted, read
from canaryd.model.names import Key, Revision
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Presence, Row, Tile
from canaryd.runtime.seam import LEAVES_OUT, OVERLAPS, Seam
from tests.runtime.counting import COUNT, TEN, a_world
from tests.runtime.fakes import START, Metrics

FRAME = Frame("app-v2", "app-v1")


@dataclass(frozen=True)
class Server:
    """How long before a tile's bounds it had scraped each pod."""

    one: float
    two: float

    def tile(self, number: int) -> Tile:
        start, end = START + number * TEN, START + (number + 1) * TEN
        pods = (
            Presence(workload, pod, at_end=end - late, at_start=start - late, warm=True, known=True)
            for workload, pod, late in (
                ("app-v1", "app-v1-a", timedelta(seconds=self.one)),
                ("app-v2", "app-v2-b", timedelta(seconds=self.two)),
            )
        )
        rows = tuple(
            Row(name, f"{name}-{x}", 40, code="200") for name, x in zip(*SIDES, strict=True)
        )
        return Tile(start, end, TEN, rows=rows, pods=tuple(pods))


SIDES = ("app-v1", "app-v2"), ("a", "b")
FIRST = Server(1, 6)
LATER = Server(0.5, 5)
"""It has newer scrapes of both pods: after FIRST something is left out, before it counted twice."""
MIXED = Server(4, 2)


def taken(seam: Seam, *told: Tile) -> tuple[Tile, int]:
    """Ask servers in turn until the seam takes an answer; that, and how often was asked."""
    for asked, tile in enumerate(cycle(told), 1):
        if not seam.parts(tile):
            return seam.join(tile), asked
    raise AssertionError


@pytest.mark.parametrize("other", [LATER, MIXED], ids=["only later", "mixed"])
def test_when_servers_take_turns_each_tile_goes_on_with_the_first_ones_answer(
    other: Server,
) -> None:
    seam = Seam()
    taken(seam, FIRST.tile(0))
    for number in range(1, 5):
        tile, asked = taken(seam, other.tile(number), FIRST.tile(number))
        assert (tile, asked) == (FIRST.tile(number), 2)


def test_one_server_is_asked_once_for_each_tile() -> None:
    seam = Seam()
    for number in range(4):
        assert taken(seam, FIRST.tile(number)) == (FIRST.tile(number), 1)


def test_a_tile_that_would_count_requests_twice_counts_for_nothing_and_says_why() -> None:
    seam = Seam()
    taken(seam, MIXED.tile(0))
    tile, asked = taken(seam, FIRST.tile(1))
    assert asked == 1 + OVERLAPS
    counts, refusal = read(tile, FRAME)
    assert counts is None
    assert refusal is not None
    assert refusal.reason is Uncounted.RESERVATION
    assert "had scraped pod app-v2-b 4 s earlier: requests would count twice" in refusal.message


def test_after_a_refused_tile_the_other_servers_next_one_counts() -> None:
    seam = Seam()
    taken(seam, MIXED.tile(0))
    taken(seam, FIRST.tile(1))
    assert taken(seam, FIRST.tile(2))[0] == FIRST.tile(2)


def test_what_is_only_left_out_is_asked_for_once_more_and_then_let_go() -> None:
    """Samples that come late look like another server, at each tile."""
    seam = Seam()
    taken(seam, FIRST.tile(0))
    tile, asked = taken(seam, LATER.tile(1))
    assert asked == 1 + LEAVES_OUT
    assert tile == LATER.tile(1)


def test_a_tile_that_counts_for_nothing_anyway_ends_no_count() -> None:
    seam = Seam()
    taken(seam, FIRST.tile(0))
    doubted = replace(MIXED.tile(1), reservation="a warning")
    assert taken(seam, doubted, doubted) == (doubted, 1 + OVERLAPS)
    assert not seam.parts(FIRST.tile(1))


def test_a_pod_that_left_and_is_back_elsewhere_is_not_counted_from_before_it_left() -> None:
    seam = Seam()
    whole = LATER.tile(0)
    taken(seam, whole)
    gone = replace(
        LATER.tile(1), pods=(replace(LATER.tile(1).pods[0], at_end=None), *LATER.tile(1).pods[1:])
    )
    taken(seam, gone)
    start = whole.end - timedelta(seconds=8)
    back = replace(
        LATER.tile(2),
        pods=(replace(LATER.tile(2).pods[0], at_start=start), *LATER.tile(2).pods[1:]),
    )
    assert taken(seam, back)[0].reservation


def test_a_server_that_lost_its_data_does_not_make_old_pods_new() -> None:
    seam = Seam()
    taken(seam, FIRST.tile(0))
    empty = replace(
        FIRST.tile(1),
        pods=tuple(replace(pod, at_start=None, known=False) for pod in FIRST.tile(1).pods),
    )
    _, refusal = read(taken(seam, empty)[0], FRAME)
    assert refusal is not None
    assert refusal.reason is Uncounted.SCRAPE_GAP


class Turns(Metrics):
    """Two servers behind one address, of which each answers every other call."""

    @override
    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> Mapping[Key, Tile | Failed]:
        await super().tiles(questions, time=time)
        server = (FIRST, MIXED)[len(self.tiled) % 2]
        return {one.key: server.tile((one.end - START) // TEN - 1) for one in questions}


async def test_counting_goes_on_at_the_server_that_answered_first() -> None:
    async with a_world(Turns()) as world:
        world.want()
        await world.until(80)
        tiles = world.tiles()
        assert world.starts() == [0, 10, 20, 30, 40, 50]
    for early, late in pairwise(tiles):
        assert [pod.at_end for pod in early.pods] == [pod.at_start for pod in late.pods]
        assert not late.reservation


async def test_tiles_that_are_asked_for_anew_are_not_held_to_what_came_before() -> None:
    async with a_world(Turns()) as world:
        world.want()
        await world.until(30)
        world.want(replace(COUNT, revision=Revision("r3")))
        await world.tick()
        assert len(world.metrics.tiled) == 2
        assert world.starts() == [0]
