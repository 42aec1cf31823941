"""A Canary whose spec or status cannot be read: say so in a condition, touch nothing else."""

from __future__ import annotations

from dataclasses import replace

from canaryd.decide.conditions import dated, stalled
from canaryd.model.names import Key
from canaryd.model.snapshot import Problem
from canaryd.model.status import Status
from canaryd.ports import Clock, Writer
from canaryd.runtime.owed import Owed
from canaryd.runtime.store import Store
from canaryd.wire.patch import merge_patch
from canaryd.wire.status import render_status
from canaryd.wire.watch import CANARIES


class Unusable:
    """Writes the Stalled condition of a Canary that has no snapshot."""

    def __init__(self, *, store: Store, writer: Writer, owed: Owed, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._owed = owed
        self._clock = clock
        self._said: dict[Key, tuple[str, int, str]] = {}

    def forget(self, key: Key) -> None:
        """The Canary is gone."""
        self._said.pop(key, None)

    async def __call__(self, key: Key, problem: Problem) -> None:
        """Write the condition, if it does not stand there already."""
        canary = self._store.canaries[key]
        said = (canary.uid, canary.generation, problem.message)
        before = canary.status if isinstance(canary.status, Status) else None
        if before is None and self._said.get(key) == said:
            return  # what stands there cannot be compared; once is enough
        known = self._owed.of(canary) or before or Status()
        facts = stalled((problem,))
        now = self._clock.now()
        after = replace(
            known,
            observed_generation=canary.generation,
            conditions=tuple(dated(known.conditions, facts, canary.generation, now)),
        )
        if before is None:
            patch = {"conditions": render_status(after)["conditions"]}
        else:
            patch = merge_patch(render_status(before), render_status(after))
            if known is not before:
                self._owed.note(key, canary.uid, before, after)
        if patch and after != before:
            await self._writer.patch_status(
                CANARIES, key, lambda: patch, resource_version=canary.resource_version
            )
        if before is None:
            self._said[key] = said
