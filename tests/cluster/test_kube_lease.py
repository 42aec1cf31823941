"""The lease on a real API server: one daemon works at a time, and hands over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.kinds import Catalogue
from canaryd.adapters.kube.lease import KubeLease, LeaseTimes
from tests.adapters.kube import running
from tests.cluster.connecting import Connect
from tests.cluster.daemon import NAMESPACE
from tests.world.api import ApiError, path_of
from tests.world.faults import Hang
from tests.world.world import World

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("no_lease_behind"),
]

TIMES = LeaseTimes(
    duration=timedelta(seconds=2),
    deadline=timedelta(seconds=1.2),
    renew=timedelta(seconds=0.2),
    retry=timedelta(seconds=0.05),
    request=timedelta(seconds=0.5),
)
LONG = replace(
    TIMES, duration=timedelta(hours=1), deadline=timedelta(minutes=30), request=timedelta(seconds=9)
)
"""With these nobody gets a lease that was not given back."""


@pytest.fixture
def no_lease_behind(installed: World) -> Iterator[None]:
    """A lease that a failed test left behind is no other test's trouble."""
    yield
    with suppress(ApiError, OSError):
        installed.api.delete(path_of("leases", NAMESPACE, "canaryd"))


class Work:
    def __init__(self) -> None:
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def elector(api: Api, name: str, times: LeaseTimes) -> KubeLease:
    return KubeLease(
        api,
        Catalogue(),
        SystemClock(),
        namespace=NAMESPACE,
        name="canaryd",
        identity=name,
        times=times,
    )


async def test_of_two_daemons_one_works_and_hands_over_at_its_end(
    connect: Connect, installed: World
) -> None:
    first, second = Work(), Work()
    async with connect() as api, running(elector(api, "first", LONG).hold(first)) as task:
        await first.began.wait()
        async with running(elector(api, "second", LONG).hold(second)):
            task.cancel()
            await second.began.wait()
            assert first.ended.is_set()
            lease = installed.get("leases", NAMESPACE, "canaryd")
            assert lease["spec"]["holderIdentity"] == "second"
    lease = installed.get("leases", NAMESPACE, "canaryd")
    assert lease["spec"]["holderIdentity"] == ""


async def test_a_daemon_that_is_cut_off_stops_before_the_other_begins(
    connect: Connect, installed: World
) -> None:
    first, second = Work(), Work()
    with installed.api_proxy() as proxy:
        async with (
            connect(proxy.url) as cut_off,
            connect() as api,
            running(elector(cut_off, "first", TIMES).hold(first)) as task,
        ):
            await first.began.wait()
            async with running(elector(api, "second", TIMES).hold(second)):
                proxy.fault(Hang(), path="leases")
                await second.began.wait()
                assert first.ended.is_set()
                await asyncio.wait({task})
