"""Whether counting by real servers, 2 and 3, is true while they take turns, die and come back."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections import Counter as Tallied
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.decide.tiles import Frame, Refusal, Uncounted, read
from canaryd.model.decision import Count
from canaryd.model.gates import GRPC_GOOD, MetricsServer, Reporter
from canaryd.model.names import Revision
from canaryd.model.tile import Tile
from canaryd.runtime.counting import Counter
from canaryd.runtime.store import Store
from canaryd.wire import watch
from tests.cluster.live import LiveMesh, Page, Place, counted, grown
from tests.runtime.asking import a_snapshot
from tests.runtime.fakes import KEY
from tests.world.prometheus import PrometheusServer, Version
from tests.world.proxy import FaultProxy

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

PODS = {
    "app-v1-6d4c-1": "app-v1",
    "app-v1-6d4c-2": "app-v1",
    "app-v2-7f9c-1": "app-v2",
    "app-v2-7f9c-2": "app-v2",
}
FRAME = Frame("app-v2", "app-v1")
EVERY = timedelta(seconds=2)
TILES = 8
GAP = {Uncounted.STALE, Uncounted.SCRAPE_GAP}
TICK = 0.1


class OneServer:
    """Finds the same server, whatever a Canary names."""

    def __init__(self, metrics: PrometheusMetrics) -> None:
        self._metrics = metrics

    async def find(self, server: MetricsServer | None) -> PrometheusMetrics:
        del server
        return self._metrics


class Asking:
    """canaryd's own counting of one Canary, from its questions to its store."""

    def __init__(self, metrics: PrometheusMetrics, tasks: TaskGroup) -> None:
        self.clock = SystemClock()
        self._store = Store(kinds=tuple(watch.OBJECTS), clock=self.clock, enqueue=lambda _: None)
        self._counter = Counter(
            store=self._store, servers=OneServer(metrics), clock=self.clock, tasks=tasks
        )
        count = Count(
            canary="app-v2",
            primary="app-v1",
            revision=Revision("7f9c"),
            every=EVERY,
            since=self.clock.now(),
            edges=(50.0,),
            warm_up=timedelta(seconds=1),
            reporter=Reporter.DESTINATION,
            background=False,
            served_since=None,
            grpc_good=GRPC_GOOD,
        )
        self._counter.want(a_snapshot(self._store), count)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return self._store.counting(KEY).tiles

    @property
    def silent(self) -> bool:
        return self._store.counting(KEY).silence is not None

    def counts_since(self, back: datetime) -> bool:
        """Whether tiles that began later are told, and count."""
        later = [tile for tile in self.tiles if tile.start > back]
        return sum(read(tile, FRAME)[0] is not None for tile in later) > 1

    async def through(self, work: Callable[[], None]) -> None:
        """Go on counting while something is done."""
        async with TaskGroup() as tasks:
            await self.until(tasks.create_task(asyncio.to_thread(work)).done)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Go on counting until then."""
        while not reached():
            self._counter.tick()
            await asyncio.sleep(TICK)


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Asking]:
    metrics = PrometheusMetrics(
        url, clock=SystemClock(), counted=lambda _: None, rest=timedelta(milliseconds=100)
    )
    try:
        async with TaskGroup() as tasks:
            yield Asking(metrics, tasks)
    finally:
        await metrics.close()


@contextmanager
def scraping(mesh: LiveMesh, version: Version, folder: Path, by: str) -> Iterator[PrometheusServer]:
    with PrometheusServer(version, folder / by, config=mesh.scraped(by=by)) as server:
        yield server


def watched(server: PrometheusServer) -> None:
    """Wait until all pods have been scraped for longer than a warm-up."""
    ok = 'count_over_time(istio_requests_total{response_code="200"}[10s]) >= 4'
    server.wait_for(f"count({ok}) == {len(PODS)}")


@dataclass
class Reckoning:
    """What the books say of tiles that these servers told."""

    mesh: LiveMesh
    by: Sequence[str]
    told_by: list[str] = field(default_factory=list[str])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    total: Tallied[tuple[str, Place]] = field(default_factory=Tallied[tuple[str, Place]])
    left_out: Tallied[tuple[str, Place]] = field(default_factory=Tallied[tuple[str, Place]])
    first: dict[str, Page] = field(default_factory=dict[str, Page])
    last: dict[str, Page] = field(default_factory=dict[str, Page])

    def take(self, tiles: Sequence[Tile]) -> None:
        """Each tile is refused, or it is what one server's pages say and counts nothing again."""
        for early, late in pairwise(tiles):
            assert early.end == late.start
        for tile in tiles:
            counts, refusal = read(tile, FRAME)
            if counts is None:
                assert refusal is not None
                self.refused.append(refusal)
            else:
                self._take(tile)

    def _take(self, tile: Tile) -> None:
        books = {by: self.mesh.between(by, tile) for by in self.by}
        who = next((by for by in self.by if books[by] == counted(tile)), None)
        assert who is not None, (counted(tile), books)
        self.told_by.append(who)
        self.total.update(counted(tile))
        for pod in tile.pods:
            ends = self.mesh.ends(who, pod)
            assert ends is not None
            before = self.last.get(pod.pod, ends[0])
            assert before.at <= ends[0].at, f"{pod.pod}: what came between them counts twice"
            self.left_out.update(grown(before, ends[0]))
            self.first.setdefault(pod.pod, ends[0])
            self.last[pod.pod] = ends[1]

    def add_up(self) -> None:
        """All requests between the first page and the last are counted, or known not to be."""
        assert set(self.last) == set(PODS)
        whole = Tallied[tuple[str, Place]]()
        for pod, page in self.last.items():
            whole.update(grown(self.first[pod], page))
        assert self.total + self.left_out == +whole
        assert self.refused or not +self.left_out, "left out, and nobody said so"


async def test_two_servers_that_take_turns_count_each_request_once(
    tmp_path: Path, version: Version
) -> None:
    with (
        LiveMesh(PODS) as mesh,
        scraping(mesh, version, tmp_path, "one") as one,
        scraping(mesh, version, tmp_path, "two") as two,
        FaultProxy(one.url, two.url) as front,
    ):
        watched(one)
        watched(two)
        async with asking(front.url) as canaryd:
            await canaryd.until(lambda: len(canaryd.tiles) >= TILES)
            tiles = canaryd.tiles
        found = Reckoning(mesh, ("one", "two"))
        found.take(tiles)
    found.add_up()
    assert {refusal.reason for refusal in found.refused} <= {Uncounted.RESERVATION}
    assert len(found.told_by) > TILES / 2


async def test_a_server_that_is_killed_and_comes_back_counts_on_where_it_was(
    tmp_path: Path, version: Version
) -> None:
    """What it had scraped is in its log, and what it missed shows in the pods' counters."""
    with LiveMesh(PODS) as mesh, scraping(mesh, version, tmp_path, "one") as server:
        watched(server)
        async with asking(server.url) as canaryd:
            await canaryd.until(lambda: len(canaryd.tiles) >= 2)
            server.kill()
            await canaryd.through(server.start)
            back = canaryd.clock.now()
            await canaryd.until(lambda: canaryd.counts_since(back))
            tiles = canaryd.tiles
        found = Reckoning(mesh, ("one",))
        found.take(tiles)
    found.add_up()
    assert {refusal.reason for refusal in found.refused} <= GAP
    assert len(found.told_by) > 2


async def test_tiles_in_which_a_killed_server_was_away_are_refused_and_the_next_ones_true(
    tmp_path: Path, version: Version
) -> None:
    with LiveMesh(PODS) as mesh, scraping(mesh, version, tmp_path, "one") as server:
        watched(server)
        async with asking(server.url) as canaryd:
            await canaryd.until(lambda: len(canaryd.tiles) >= 2)
            server.kill()
            away = canaryd.clock.now()
            await canaryd.until(lambda: canaryd.silent and canaryd.clock.now() > away + 3 * EVERY)
            await canaryd.through(server.start)
            back = canaryd.clock.now()
            await canaryd.until(lambda: canaryd.counts_since(back))
            assert not canaryd.silent
            tiles = canaryd.tiles
        found = Reckoning(mesh, ("one",))
        found.take(tiles)
    found.add_up()
    assert found.refused
    assert {refusal.reason for refusal in found.refused} <= GAP
