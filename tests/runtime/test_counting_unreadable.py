"""Answers that will never be better, and scrape intervals that are not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Tile
from canaryd.runtime.line import GIVES_UP
from tests.runtime.counting import COUNT, TEN, World, a_world, at
from tests.runtime.fakes import KEY, Metrics

ODD = Failed(Answered.NO_DATA, "the answer counts code 200 of pod a twice")
MINUTE = timedelta(minutes=1)


class Odd(Metrics):
    """Cannot be read about tiles that end in this span; asked about one later, says the same."""

    def __init__(self, since: float, until: float) -> None:
        super().__init__()
        self.span = at(since), at(until)

    @override
    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> dict[Key, Tile | Failed]:
        told = await super().tiles(questions, time=time)
        first, last = self.span
        return {q.key: ODD if first <= q.end <= last else told[q.key] for q in questions}


async def test_a_tile_whose_answer_can_never_be_read_is_left_out_and_counting_goes_on() -> None:
    metrics = Odd(20, 20)
    async with a_world(metrics) as world:
        world.want()
        await world.until(95)
        said = {
            start: tile.reservation
            for start, tile in zip(world.starts(), world.tiles(), strict=True)
        }
        assert said == {0: "", 10: ODD.detail, 20: "", 30: "", 40: "", 50: "", 60: "", 70: ""}
        assert sum(q.end == at(20) for (q,) in metrics.tiled) == GIVES_UP
        assert world.known.counting(KEY).silence is None


async def test_while_no_answer_can_be_read_each_tile_costs_one_question_and_it_is_silent() -> None:
    metrics = Odd(20, 120)
    async with a_world(metrics) as world:
        world.want()
        await world.until(120)
        silence = world.known.counting(KEY).silence
        assert silence is not None
        assert (silence.answered, silence.detail, silence.since) == (
            Answered.NO_DATA, ODD.detail, at(35)
        )  # fmt: skip
        ends = [q.end for (q,) in metrics.tiled]
        assert [ends.count(at(end)) for end in (20, 30, 40, 50)] == [GIVES_UP, 1, 1, 1]
        await world.until(160)
        assert world.known.counting(KEY).silence is None
        assert world.tiles()[-1].reservation == ""


async def test_after_a_restart_all_tiles_are_read_with_the_servers_scrape_interval() -> None:
    async with a_world(Metrics(scrape=MINUTE)) as world:
        names, count = ("podinfo", "other"), replace(COUNT, every=MINUTE)

        def want(world: World) -> None:
            for name in names:
                world.want(count, name)

        want(world)
        await world.until(400)
        before = {name: world.tiles(name) for name in names}
        world.anew()
        want(world)
        await world.until(402)
        assert {name: world.tiles(name) for name in names} == before
        assert len(before["other"]) == 5
        assert {tile.scrape for tiles in before.values() for tile in tiles} == {MINUTE}
        assert COUNT.every == TEN
