"""A metrics server that gives up some queries after a while, as a Prometheus does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.adapters.misbehaving import Behaviour, Misbehaving, refused, vector


def giving_up(server: Misbehaving, slow: Callable[[str], bool], *, after: float) -> Behaviour:
    """Answer 503 to queries that are slow, after so many seconds, and 1 to all others at once."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        answer = vector(({}, "1"))
        if slow(server.heard[-1].form["query"]):
            await asyncio.sleep(after)
            answer = refused(503, "query timed out in expression evaluation")
        await answer(writer)

    return behave
