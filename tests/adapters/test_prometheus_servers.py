"""Which metrics server a Canary gets; each has bounds of its own, and starves no other."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
import structlog

from canaryd.model.answered import Answered
from canaryd.model.errors import RefusedError
from canaryd.model.gates import MetricsServer
from canaryd.model.question import Failed
from tests.adapters.asking import TIME, tile_question
from tests.adapters.misbehaving import hang, misbehaving
from tests.adapters.named_servers import (
    LOGIN,
    ONE,
    TOKEN,
    FakeSecrets,
    ask,
    named,
    served,
)


async def test_servers_that_differ_in_nothing_that_matters_are_one() -> None:
    async with served(FakeSecrets({"token": TOKEN})) as servers:
        one = await servers.find(named("http://a:9090"))
        late = MetricsServer("http://a:9090", LOGIN, delay=timedelta(seconds=30))
        assert await servers.find(late) is one
        async with asyncio.TaskGroup() as tasks:
            finding = [tasks.create_task(servers.find(named("http://b:9090"))) for _ in range(9)]
        assert len({id(each.result()) for each in finding}) == 1
        others = [
            await servers.find(each)
            for each in (
                named("http://c:9090"),
                named("http://a:9090", secret=False),
                MetricsServer("http://a:9090", LOGIN, {"X-Scope-OrgID": "b"}),
            )
        ]
        assert len({id(each) for each in [one, *others]}) == 4


async def test_only_so_many_servers_are_remembered() -> None:
    async with served(most=3) as servers:
        first = await servers.find(named("http://host0:9090"))
        for number in range(1, 3):
            await servers.find(named(f"http://host{number}:9090"))
        assert await servers.find(named("http://host0:9090")) is first
        await servers.find(named("http://host3:9090"))
        assert await servers.find(named("http://host0:9090")) is first, "it was wanted lately"
        for number in range(4, 9):
            await servers.find(named(f"http://host{number}:9090"))
        assert await servers.find(named("http://host0:9090")) is not first


async def test_a_dead_server_opens_its_own_breaker_only() -> None:
    async with misbehaving(ONE) as good, served() as servers:
        dead = await servers.find(named("http://127.0.0.1:1"))
        for _ in range(4):
            assert (await ask(dead)).answered is Answered.UNAVAILABLE
        assert "did not answer the last 3 times" in (await ask(dead)).detail
        assert (await ask(await servers.find(named(good.url)))).value == 1


async def test_hanging_servers_starve_no_other() -> None:
    async with (
        misbehaving(hang) as bad,
        misbehaving(ONE) as good,
        served(deadline=2, threads=4, doubtful=2) as servers,
    ):
        fine = await servers.find(named(good.url))
        assert (await ask(fine)).value == 1
        dead = [
            await servers.find(MetricsServer(bad.url, LOGIN, {"X-Number": str(number)}))
            for number in range(30)
        ]
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(ask(each)) for each in dead for _ in range(3)]
            for _ in range(20):
                assert (await ask(fine)).value == 1
            assert len(bad.heard) <= 2, "the doubtful ones have two threads between them"
            names = [thread.name for thread in threading.enumerate()]
            assert sum(name.startswith("prometheus") for name in names) <= 4
        told = [each.result() for each in waiting]
        assert {each.answered for each in told} == {Answered.UNAVAILABLE}
        assert any("all threads wait for servers" in each.detail for each in told)


async def test_a_bug_in_reading_a_login_is_a_refusal_that_does_not_show_it() -> None:
    content: Any = {"token": 47110815}
    with structlog.testing.capture_logs() as logs:
        async with served(FakeSecrets(content)) as servers:
            with pytest.raises(RefusedError) as caught:
                await servers.find(named("http://prometheus:9090"))
    assert "its address or its login cannot be used" in str(caught.value)
    assert logs
    assert "47110815" not in f"{logs}{caught.value}"


async def test_after_closing_there_is_still_an_answer() -> None:
    async with misbehaving(ONE) as server:
        async with served() as servers:
            metrics = await servers.find(named(server.url))
        told = (await metrics.tiles([tile_question()], time=TIME)).values()
    assert all(isinstance(each, Failed) for each in told)
