"""Who is past the warm-up: what is remembered of earlier tiles, and what the server would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from canaryd.model.names import Key
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import PodName, Presence, Tile
from canaryd.runtime.attendance import Attendance
from tests.runtime.counting import COUNT, TEN, a_world
from tests.runtime.fakes import START, Metrics

WARM_UP, POD, OTHER = COUNT.warm_up, ("app-v2", "app-v2-b"), ("app-v1", "app-v1-a")


def tile(number: int, early: bool, late: bool, *, reservation: str = "") -> Tile:
    """The tile of this number, and whether the pod was there at its start and at its end."""
    start, end = START + number * TEN, START + (number + 1) * TEN
    pod = Presence(*POD, at_end=end if late else None, at_start=start if early else None)
    pods = (pod,) if early or late else ()
    return Tile(start, end, TEN, pods=pods, reservation=reservation)


def warm(attendance: Attendance, number: int, *, warm_up: timedelta = WARM_UP) -> bool:
    """Whether the pod is known to be warm in the tile of this number."""
    start = START + number * TEN
    return POD in attendance.warm(start, warm_up=warm_up, window=TEN)


def attended(there: Sequence[bool]) -> Attendance:
    """What is remembered after these: whether the pod was there at each end, from tile 0's on."""
    attendance, before = Attendance(), False
    for number, late in enumerate(there):
        attendance.note(tile(number, before, late))
        before = late
    return attendance


@pytest.mark.parametrize(
    ("there", "known"),
    [
        ([], False),
        ([True], False),
        ([True, True, True], False),
        ([True, True, True, True], True),
        ([False, True, True, True], False),
        ([True, True, False, True], False),
        ([True, True, False, True, True, True, True], True),
        ([True, True, True, True, False], False),
    ],
)
def test_a_pod_that_was_there_at_every_end_for_a_warm_up_is_known_to_be_warm(
    there: list[bool], known: bool
) -> None:
    assert warm(attended(there), len(there)) == known


@given(there=st.lists(st.booleans(), max_size=20))
def test_nobody_is_remembered_as_warm_whom_the_server_would_not_call_so(there: list[bool]) -> None:
    """The server says: was it there one warm-up before the start, which was a tile's end?"""
    earlier = len(there) - 1 - WARM_UP // TEN
    if warm(attended(there), len(there)):
        assert earlier >= 0
        assert there[earlier]


def test_while_one_pod_is_younger_the_server_is_asked_about_all() -> None:
    """To ask about a pod that came back costs less than to look closely at its tile."""
    attendance, steady = Attendance(), Presence(*OTHER, at_end=START)
    known: list[frozenset[PodName]] = []
    for number, late in enumerate([True] * 4 + [False] + [True] * 4):
        known.append(attendance.warm(START + number * TEN, warm_up=WARM_UP, window=TEN))
        made = tile(number, early=False, late=late)
        attendance.note(replace(made, pods=(*made.pods, steady)))
    both, nobody = frozenset({POD, OTHER}), frozenset[PodName]()
    assert known == [nobody] * 4 + [both, frozenset({OTHER})] + [nobody] * 3
    assert attendance.warm(START + 9 * TEN, warm_up=WARM_UP, window=TEN) == both


def test_an_answer_that_may_be_partial_vouches_for_nobody() -> None:
    attendance = attended([True] * 5)
    attendance.note(tile(5, True, True, reservation="one store is away"))
    assert not warm(attendance, 6)


@pytest.mark.parametrize("warm_up", [timedelta(), timedelta(seconds=25)])
def test_where_no_tile_ended_a_warm_up_before_the_server_is_asked(warm_up: timedelta) -> None:
    assert not warm(attended([True] * 9), 9, warm_up=warm_up)


class Serving(Metrics):
    """Always sees the one pod."""

    @override
    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> dict[Key, Tile | Failed]:
        told = await super().tiles(questions, time=time)
        return {
            q.key: replace(
                answer, pods=(Presence(*POD, at_end=q.end, at_start=q.end - q.window, warm=True),)
            )
            for q in questions
            if isinstance(answer := told[q.key], Tile)
        }


async def test_who_is_warm_is_asked_for_during_one_warm_up_only_and_anew_for_another_version() -> (
    None
):
    metrics = Serving()
    async with a_world(metrics) as world:
        world.want()
        await world.until(80)
        remembered = [asked.warm for (asked,) in metrics.tiled]
        assert remembered == [frozenset()] * 4 + [frozenset({POD})] * 2
        world.want(replace(COUNT, canary="podinfo-v3", since=START + 6 * TEN))
        await world.until(90)
        (asked,) = metrics.tiled[-1]
        assert (asked.canary, asked.warm) == ("podinfo-v3", frozenset())
