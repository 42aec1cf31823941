"""Whatever goes wrong in asking for one Canary: it is told so, and the others are asked on."""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
import structlog
from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from canaryd.runtime.collector import Collector
from tests.runtime.asking import WISH, a_snapshot, run
from tests.runtime.fakes import KEY, HandClock, Metrics, Servers, store

BAD = MetricsServer("http://%zz")


class Unfindable(Servers):
    """A server that a bug makes impossible to find."""

    @override
    async def find(self, server: MetricsServer | None) -> Metrics:
        if server == BAD:
            raise ValueError("Failed to parse")
        return await super().find(server)


class Stumbling(Metrics):
    """Raises what the port says that it never does."""

    @override
    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        await super().ask(questions)
        raise ExceptionGroup("asking", [TypeError("cannot be")])


@pytest.mark.parametrize(
    "servers",
    [
        Unfindable,
        lambda good: Servers(good, {BAD: Stumbling()}),
    ],
    ids=["finding", "asking"],
)
async def test_a_bug_in_asking_for_one_canary_is_told_and_ends_nothing(
    servers: Callable[[Metrics], Servers],
) -> None:
    clock, good = HandClock(), Metrics()
    known = store(clock)
    there = a_snapshot(known, "there")
    asked = replace(WISH, metric="queue", query="1", server=BAD)
    with structlog.testing.capture_logs() as logs:
        async with TaskGroup() as tasks:
            collector = Collector(store=known, servers=servers(good), clock=clock, tasks=tasks)
            collector.want(a_snapshot(known), (asked,))
            collector.want(there, (WISH,))
            await run(clock, collector, 125)
    sample = known.samples[KEY]["queue"]
    assert sample.answered is Answered.UNAVAILABLE
    assert "not asked, by a fault of canaryd's own" in sample.detail
    assert len(good.asked) == 2, "the other Canary is asked on"
    failed = [line for line in logs if line["event"] == "asking failed"]
    assert len(failed) > 2, "it is asked again soon"
    assert failed[0]["canaries"] == [str(KEY)]
