"""Asks for tiles: groups in one query, halved when that is too much, exactly where it matters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from canaryd.adapters.prometheus import edge_answers, elsewhere, swift, tile_answers, tiles
from canaryd.adapters.prometheus.answers import Trouble
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.adapters.prometheus.session import Reply
from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Tile

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
        told = await self._with_reporters(group, await self._with_edges(group, sure))
        for key, each in told.items():
            self._tell(key, each)
        unsure = tuple(asked for asked in group.questions if result[asked.key] is None)
        if unsure:
            await self._ask(replace(group, questions=unsure, closely=True), time)

    async def _with_edges(
        self, group: tiles.Group, told: Mapping[Key, Tile | Failed]
    ) -> Mapping[Key, Tile | Failed]:
        """Where edges that were asked for are not there, find out which ones are.

        That is seldom, and lasts until a person mends it: who asks for a wrong edge is told so.
        """
        lacking = {
            key: tile for key, tile in told.items() if isinstance(tile, Tile) and tile.lacking
        }
        asked = {each.key: each for each in group.questions if each.key in lacking}
        if not asked:
            return told
        query = tiles.present(replace(group, questions=tuple(asked.values())))
        found = await self._client.ask(Inquiry(query, group.questions[0].end), edge_answers.read)
        if isinstance(found, Trouble):
            return told
        named = {
            key: replace(tile, buckets=edge_answers.shared(found, asked[key]))
            for key, tile in lacking.items()
        }
        return {**told, **named}

    async def _with_reporters(
        self, group: tiles.Group, told: Mapping[Key, Tile | Failed]
    ) -> Mapping[Key, Tile | Failed]:
        """Where there is no series of either side, find out whether somebody else counts them."""
        empty = {
            key: tile
            for key, tile in told.items()
            if isinstance(tile, Tile) and not tile.pods and not tile.rows
        }
        asked = {each.key: each for each in group.questions if each.key in empty}
        if not asked:
            return told
        query = tiles.reporting(replace(group, questions=tuple(asked.values())))
        found = await self._client.ask(Inquiry(query, group.questions[0].end), elsewhere.read)
        if isinstance(found, Trouble):
            return told
        named = {
            key: replace(tile, counted_by=elsewhere.other(found, asked[key]))
            for key, tile in empty.items()
        }
        return {**told, **named}

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
