"""Two daemons never do the same work for long, whatever the API server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.kube.kinds import Catalogue
from canaryd.adapters.kube.lease import KubeLease, LeaseTimes
from tests.adapters.kube import connected, running
from tests.adapters.lease_server import LeaseServer, Mood

TIMES = LeaseTimes(
    duration=timedelta(seconds=1),
    deadline=timedelta(seconds=0.6),
    renew=timedelta(seconds=0.05),
    retry=timedelta(seconds=0.02),
    request=timedelta(seconds=0.2),
)


class Work:
    """Goes on until cancelled, and says when it began and ended."""

    def __init__(self, *, error: Exception | None = None, ends_slowly: bool = False) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.ended_at = 0.0
        self._error = error
        self._ends_slowly = ends_slowly

    async def __call__(self) -> None:
        self.began.set()
        if self._error is not None:
            raise self._error
        try:
            await asyncio.Event().wait()
        finally:
            if self._ends_slowly:
                await asyncio.sleep(0.1)
            self.ended_at = asyncio.get_running_loop().time()
            self.ended.set()


@pytest.fixture
async def server() -> AsyncIterator[LeaseServer]:
    async with LeaseServer().serving() as serving:
        yield serving


Make = Callable[..., KubeLease]


@pytest.fixture
async def elect(server: LeaseServer, tmp_path: Path) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(connected(tmp_path, server.url))

        def make(
            name: str = "me", tell: Callable[[str | None], None] = lambda _: None
        ) -> KubeLease:
            return KubeLease(
                api,
                Catalogue(),
                SystemClock(),
                namespace="canaryd",
                name="canaryd",
                identity=name,
                times=TIMES,
                tell=tell,
            )

        yield make


async def test_the_first_daemon_works_at_once_and_leaves_the_lease_free(
    server: LeaseServer, elect: Make
) -> None:
    work, lease = Work(ends_slowly=True), elect()
    async with running(lease.hold(work)):
        await work.began.wait()
        assert server.holder == "me"
        assert lease.held
    assert work.ended.is_set()
    assert server.holder == ""
    assert not lease.held


async def test_the_lease_is_kept_while_the_work_takes_its_time_to_end(
    server: LeaseServer, elect: Make
) -> None:
    began, ending, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await leave.wait()

    async with running(elect().hold(slow)) as task:
        await began.wait()
        task.cancel()
        await ending.wait()
        renewed = server.spec["renewTime"] if server.spec else None
        await server.until(lambda: server.spec and server.spec["renewTime"] != renewed)
        assert server.holder == "me"
        leave.set()
    assert server.holder == ""


async def test_a_second_daemon_takes_over_at_once_after_a_clean_end(
    server: LeaseServer, elect: Make
) -> None:
    first, second = Work(), Work()
    async with running(elect("second").hold(second)) as waiting:
        await second.began.wait()
        waiting.cancel()
    async with running(elect("first").hold(first)):
        await first.began.wait()
        assert server.holder == "first"
        assert server.spec is not None
        assert server.spec["leaseTransitions"] == 2


async def test_a_holder_that_shows_life_is_left_alone_and_a_silent_one_replaced(
    server: LeaseServer, elect: Make
) -> None:
    loop = asyncio.get_running_loop()
    work = Work()
    server.put("other")
    async with running(elect().hold(work)):
        for _ in range(4):
            seen, until = server.reads, loop.time() + 0.4
            await server.until(lambda: server.reads > seen and loop.time() > until)  # noqa: B023
            server.put("other")
            assert not work.began.is_set()
        silent_since = loop.time()
        await work.began.wait()
        assert loop.time() - silent_since >= 1
        assert server.holder == "me"


@pytest.mark.parametrize("holder", ["", "me"], ids=["free", "own"])
async def test_a_free_lease_and_ones_own_are_taken_at_once(
    server: LeaseServer, elect: Make, holder: str
) -> None:
    work = Work()
    server.put(holder, leaseDurationSeconds=3600)
    async with running(elect().hold(work)), asyncio.timeout(0.8):
        await work.began.wait()


@pytest.mark.parametrize("mood", [Mood.HANG, Mood.ERROR, Mood.HTML], ids=lambda mood: mood.value)
async def test_the_work_has_ended_before_others_may_begin_when_the_api_server_is_away(
    server: LeaseServer, elect: Make, mood: Mood
) -> None:
    loop = asyncio.get_running_loop()
    work = Work(ends_slowly=True)
    async with running(elect().hold(work)) as task:
        await work.began.wait()
        away_since = loop.time()
        server.mood = mood
        await work.ended.wait()
        assert work.ended_at - away_since < TIMES.duration.total_seconds()
        await asyncio.wait({task})
        assert not task.cancelled()


async def test_the_work_ends_as_soon_as_somebody_else_holds_the_lease(
    server: LeaseServer, elect: Make
) -> None:
    work = Work()
    async with running(elect().hold(work)) as task:
        await work.began.wait()
        server.put("other")
        await asyncio.wait({task})
        assert work.ended.is_set()
        assert server.holder == "other"


async def test_of_two_processes_with_one_name_the_younger_one_works(
    server: LeaseServer, elect: Make
) -> None:
    older, younger = Work(), Work()
    async with running(elect().hold(older)) as task, running(elect().hold(younger)):
        await asyncio.wait({task})
        assert older.ended.is_set() or younger.ended.is_set()


async def test_a_renewal_whose_answer_got_lost_is_known_as_ones_own(
    server: LeaseServer, elect: Make
) -> None:
    work = Work()
    async with running(elect().hold(work)):
        await work.began.wait()
        server.mood = Mood.LOSE
        renewed = server.spec["renewTime"] if server.spec else None
        await server.until(lambda: server.spec and server.spec["renewTime"] != renewed)
        server.mood = Mood.GOOD
        renewed = server.spec["renewTime"] if server.spec else None
        await server.until(lambda: server.spec and server.spec["renewTime"] != renewed)
        assert not work.ended.is_set()
    assert server.holder == ""


async def test_a_deleted_lease_ends_the_work(server: LeaseServer, elect: Make) -> None:
    work = Work()
    async with running(elect().hold(work)) as task:
        await work.began.wait()
        server.delete()
        await asyncio.wait({task})
        assert work.ended.is_set()


async def test_work_that_fails_frees_the_lease_and_its_error_is_heard(
    server: LeaseServer, elect: Make
) -> None:
    with pytest.raises(ZeroDivisionError):
        await elect().hold(Work(error=ZeroDivisionError()))
    assert server.holder == ""


CANNOT = (
    "the Lease canaryd in namespace canaryd cannot be taken or renewed, and without it nothing is"
    " decided: "
)


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        (
            Mood.FORBIDDEN,
            "get leases.coordination.k8s.io is forbidden for canaryd; allow the verb get on"
            " leases.coordination.k8s.io in its role (deploy/base/rbac.yaml)",
        ),
        (
            Mood.NOWHERE,
            'create leases.coordination.k8s.io canaryd/canaryd: namespaces "canaryd" not found;'
            " is that namespace there? another one is named with --namespace",
        ),
    ],
)
async def test_a_daemon_that_may_not_have_its_lease_says_so_until_it_may(
    server: LeaseServer, elect: Make, mood: Mood, why: str
) -> None:
    told: list[str | None] = []
    work, server.mood = Work(), mood
    with capture_logs() as logs:
        async with running(elect(tell=told.append).hold(work)):
            await server.until(lambda: server.reads >= 5)
            assert told == [CANNOT + why]
            server.mood = Mood.GOOD
            await work.began.wait()
    assert told == [CANNOT + why, None]
    assert [line["error"] for line in logs if line["log_level"] == "warning"] == [CANNOT + why]
    assert {"lease can be had again"} <= {line["event"] for line in logs}


async def test_an_api_server_that_is_away_is_told_only_when_it_stays_away(
    server: LeaseServer, elect: Make
) -> None:
    told: list[str | None] = []
    work, server.mood = Work(), Mood.ERROR
    async with running(elect(tell=told.append).hold(work)):
        await server.until(lambda: server.reads == 2)
        assert told == []
        await server.until(lambda: server.reads >= 5)
        assert len(told) == 1
        server.mood = Mood.GOOD
        await work.began.wait()
    assert told[1:] == [None]


async def test_a_lease_that_somebody_else_holds_is_no_trouble(
    server: LeaseServer, elect: Make
) -> None:
    told: list[str | None] = []
    server.put("other")
    async with running(elect(tell=told.append).hold(Work())):
        await server.until(lambda: server.reads >= 5)
    assert told == []
