"""Asks for tiles: groups in one query, halved when that is too much, exactly where it matters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from canaryd.adapters.prometheus import swift, tile_answers, tiles
from canaryd.adapters.prometheus.answers import Trouble
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.adapters.prometheus.edge_answers import EDGES
from canaryd.adapters.prometheus.elsewhere import REPORTERS
from canaryd.adapters.prometheus.looks import Look
from canaryd.adapters.prometheus.session import Reply
from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Tile

LOOKS: tuple[Look[Any], ...] = (EDGES, REPORTERS)
_Round = dict[Key, Tile | Failed | None]


class Counting:
    """One round of tiles, and what was told."""

    def __init__(self, client: Client, *, group: int, counted: Callable[[Answered], None]) -> None:
        self._client = client
        self._group = group
        self._counted = counted
        self.told: dict[Key, Tile | Failed] = {}

    async def ask(self, questions: Sequence[TileQuestion], *, time: ServerTime) -> None:
        """Fill `told`: one tile per question, or why there is none."""
        async with asyncio.TaskGroup() as tasks:
            for group in tiles.grouped(questions, self._group):
                tasks.create_task(self._ask(group, time))

    async def _ask(self, group: tiles.Group, time: ServerTime) -> None:
        end, window = group.questions[0].end, group.questions[0].window

        def read(reply: Reply) -> _Round | Trouble:
            found = (
                tile_answers.read(reply)
                if group.closely
                else swift.read(reply, start=end - window, end=end)
            )
            if isinstance(found, Trouble):
                return found
            return {
                asked.key: tile_answers.tile_of(found, asked, time=time, closely=group.closely)
                for asked in group.questions
            }

        if group.closely:
            inquiry = Inquiry(tiles.exact(group), end)
        else:
            inquiry = Inquiry(swift.query(group), end, span=window, step=window)
        result = await self._client.ask(inquiry, read)
        if isinstance(result, Trouble):
            await self._in_trouble(group, time, result)
            return
        sure = {key: told for key, told in result.items() if told is not None}
        told: Mapping[Key, Tile | Failed] = sure
        for look in LOOKS:
            told = await self._looked_again(group, told, look)
        for key, each in told.items():
            self._tell(key, each)
        unsure = tuple(asked for asked in group.questions if result[asked.key] is None)
        if unsure:
            await self._ask(replace(group, questions=unsure, closely=True), time)

    async def _looked_again(
        self, group: tiles.Group, told: Mapping[Key, Tile | Failed], look: Look[Any]
    ) -> Mapping[Key, Tile | Failed]:
        """What was told, with what a second query finds about those who need it."""
        wanting = {
            key: tile for key, tile in told.items() if isinstance(tile, Tile) and look.wanted(tile)
        }
        asked = {each.key: each for each in group.questions if each.key in wanting}
        if not asked:
            return told
        query = look.query(replace(group, questions=tuple(asked.values())))
        found = await self._client.ask(Inquiry(query, group.questions[0].end), look.read)
        if isinstance(found, Trouble):
            return told
        return {**told, **{key: look.told(wanting[key], asked[key], found) for key in asked}}

    async def _in_trouble(self, group: tiles.Group, time: ServerTime, trouble: Trouble) -> None:
        if trouble.too_much and len(group.questions) > 1:
            for half in group.halves():
                await self._ask(half, time)
            return
        for asked in group.questions:
            self._tell(asked.key, Failed(trouble.reading.answered, trouble.reading.detail))

    def _tell(self, key: Key, told: Tile | Failed) -> None:
        self._counted(told.answered if isinstance(told, Failed) else Answered.VALUE)
        self.told[key] = told
