"""What a tile costs Prometheus and the daemon: fifty canaries together, and one by one.

Each canary has three pods a side; each pod answers with four codes (or one), in series of some 25
labels as Istio writes them, and twenty buckets each. A thousand workloads more are only there, as
in a cluster of some size. Beside the tiles stand the rates and the p99 of the same workloads over a
minute, which threshold metrics are made of: cheaper to ask for, and no exact counts. The bound is
what it costs the server to find and read the same series at one instant, and to tell only how many
there are: no query about them can cost less, and a tile needs two instants and the peaks.

CPU is that of the Prometheus process, all forms taking turns in one run, in another order each
round; of each the least of the rounds is told, because the machine works for others as well.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from random import Random

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus import swift, tiles
from canaryd.adapters.prometheus.answers import Trouble
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.adapters.prometheus.counting import Counting
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD, pattern, string
from canaryd.adapters.prometheus.session import Reply, Server
from canaryd.adapters.prometheus.threads import Share, Threads
from canaryd.model.gates import Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.question import ServerTime, TileQuestion
from canaryd.model.tile import Tile
from tests.cluster.books import NOON, Samples, milliseconds, write
from tests.world.prometheus import PrometheusServer, Version

CANARIES, PODS, OTHERS, ROUNDS = 50, 3, 1000, 24
CODES = ("200", "404", "500", "503")
EDGES = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000),
    *(1800000, 3600000),
)
SOME = (50.0, 100.0, 250.0)
TIME = ServerTime(timedelta(), timedelta(seconds=15))
SIDES = {"v1": "6d4cf56db6", "v2": "7f9c5d8b44"}
LABELLED = re.compile(r'"part", "([a-z ]+)"')
"""The name that a part of the query gives to its lines; rows of counts have none."""


def labels(number: int, version: str, pod: str, code: str) -> dict[str, str]:
    """The labels of one series, as Istio's proxies and the usual scrape configuration give them."""
    namespace, workload = f"team-{number % 25}", f"app{number}-{version}"
    account = f"spiffe://cluster.local/ns/{namespace}/sa/app{number}"
    return {
        "connection_security_policy": "mutual_tls",
        "destination_app": f"app{number}",
        "destination_canonical_revision": version,
        "destination_canonical_service": f"app{number}",
        "destination_cluster": "Kubernetes",
        "destination_principal": account,
        "destination_service": f"app{number}.{namespace}.svc.cluster.local",
        "destination_service_name": f"app{number}",
        "destination_service_namespace": namespace,
        "destination_version": version,
        "destination_workload": workload,
        "destination_workload_namespace": namespace,
        "instance": f"10.{number % 200}.{number // 200}.{len(pod)}:15020",
        "job": "kubernetes-pods",
        "namespace": namespace,
        "pod": pod,
        "reporter": "destination",
        "request_protocol": "http",
        "response_code": code,
        "response_flags": "-",
        "source_app": "istio-ingressgateway",
        "source_cluster": "Kubernetes",
        "source_principal": "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway",
        "source_workload": "istio-ingressgateway",
        "source_workload_namespace": "istio-system",
    }


def series(
    number: int, codes: Iterable[str], *, timed: bool
) -> Iterator[tuple[dict[str, str], Samples]]:
    """Both sides of one canary, five minutes long; or of a workload that is only there."""
    for version, revision in SIDES.items():
        for place in range(PODS):
            pod = pod_name(number, version, revision, place)
            for code in codes:
                made = labels(number, version, pod, code)
                yield {"__name__": tiles.REQUESTS, **made}, samples(1)
                for rank, edge in enumerate((*EDGES, "+Inf") if timed else ()):
                    share = (rank + 1) / (len(EDGES) + 1)
                    yield {"__name__": tiles.BUCKETS, **made, "le": str(edge)}, samples(share)


def pod_name(number: int, version: str, revision: str, place: int) -> str:
    """A pod's name, as a ReplicaSet would give it."""
    return f"app{number}-{version}-{revision}-{place}x7k2"


def samples(share: float) -> Samples:
    """A counter's growth over five minutes, at a scrape every 15 s."""
    return [(milliseconds(at), float(int((at + 900) * share))) for at in range(-300, 1, 15)]


def question(number: int, edges: tuple[float, ...], *, remembered: bool = True) -> TileQuestion:
    """What is asked of one canary; its pods are `remembered` as warm after half a minute."""
    namespace = f"team-{number % 25}"
    pods = (
        (f"app{number}-{version}", pod_name(number, version, revision, place))
        for version, revision in SIDES.items()
        for place in range(PODS if remembered else 0)
    )
    return TileQuestion(
        key=Key(namespace, f"app{number}"),
        namespace=namespace,
        canary=f"app{number}-v2",
        primary=f"app{number}-v1",
        revision=Revision(SIDES["v2"]),
        window=timedelta(seconds=10),
        end=NOON,
        edges=edges,
        warm_up=timedelta(seconds=30),
        reporter=Reporter.DESTINATION,
        warm=frozenset(pods),
    )


def cpu_of(pid: int) -> float:
    """Seconds of CPU that the threads of a process have used."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def rates(pack: tiles.Group) -> list[str]:
    """What threshold metrics ask of the same workloads: rates by code, and the p99 of all edges."""
    chosen = tiles.selector(Reporter.DESTINATION, tiles.sides(pack))
    by = f"{NAMESPACE}, {WORKLOAD}"
    asked = [f"sum by ({by}, response_code) (rate({tiles.REQUESTS}{{{chosen}}}[1m]))"]
    if pack.edges:
        summed = f"sum by ({by}, le) (rate({tiles.BUCKETS}{{{chosen}}}[1m]))"
        asked.append(f"histogram_quantile(0.99, {summed})")
    return asked


def bound(pack: tiles.Group) -> list[str]:
    """How many series a tile is about: the least that can be asked of them."""
    chosen = tiles.selector(Reporter.DESTINATION, tiles.sides(pack))
    asked = [f"count({tiles.REQUESTS}{{{chosen}}})"]
    if pack.edges:
        asked.append(f"count({tiles.BUCKETS}{{{chosen}{tiles.only(pack.edges)}}})")
    return asked


def with_pods(query: str, asked: list[TileQuestion]) -> str:
    """The same with a matcher on the pods that are meant, for comparison."""
    names = [f"{pattern(one.primary)}-.+" for one in asked]
    names += [f"{pattern(one.canary)}-{one.revision}-.+" for one in asked]
    reporter = 'reporter="destination"'
    return query.replace(reporter, f"{reporter}, pod=~{string('|'.join(names))}")


class Run:
    """One Prometheus, and what each way of asking it has used: seconds of it, and of us."""

    def __init__(self, server: PrometheusServer) -> None:
        self._pid = server.part.pid
        self._threads = Threads(1)
        self.client = Client(
            Server(server.url, connections=1),
            Share(self._threads, 1),
            clock=SystemClock(),
            deadline=timedelta(seconds=60),
            rest=timedelta(seconds=1),
        )
        self.used: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    async def close(self) -> None:
        """Give threads and connections back."""
        await self._threads.close()
        self.client.close()

    async def measure(self, name: str, ask: Callable[[], Awaitable[None]]) -> None:
        """Note what one round over all canaries uses."""
        theirs, ours = cpu_of(self._pid), time.process_time()
        await ask()
        used = (cpu_of(self._pid) - theirs, time.process_time() - ours)
        self.used[name].append(used)

    async def adapter(self, asked: list[TileQuestion], group: int) -> None:
        """Ask for tiles as the daemon does."""
        counting = Counting(self.client, group=group, counted=lambda _: None)
        await counting.ask(asked, time=TIME)
        assert all(isinstance(tile, Tile) and tile.rows for tile in counting.told.values())

    async def exact(self, asked: list[TileQuestion], group: int, *, pods: bool = False) -> None:
        """Ask in the exact form."""
        for pack in tiles.grouped(asked, group):
            query = tiles.exact(pack)
            query = with_pods(query, list(pack.questions)) if pods else query
            answer = await self.client.ask(Inquiry(query, NOON), whole)
            assert not isinstance(answer, Trouble), answer

    async def instead(
        self, made: Callable[[tiles.Group], list[str]], asked: list[TileQuestion], group: int
    ) -> None:
        """Ask something else about the same workloads."""
        for query in (query for pack in tiles.grouped(asked, group) for query in made(pack)):
            answer = await self.client.ask(Inquiry(query, NOON), whole)
            assert not isinstance(answer, Trouble), answer

    async def parts(self, asked: list[TileQuestion]) -> None:
        """Ask for each part of the grouped query alone."""
        window = timedelta(seconds=10)
        (pack,) = tiles.grouped(asked, len(asked))
        for query in swift.query(pack).split(" or "):
            part = LABELLED.search(query)
            named = part[1] if part else "times" if tiles.BUCKETS in query else "requests"
            name = f"  of which: {named}"
            inquiry = Inquiry(query, NOON, span=window, step=window)

            async def ask(inquiry: Inquiry = inquiry) -> None:
                assert not isinstance(await self.client.ask(inquiry, whole), Trouble)

            await self.measure(name, ask)


def whole(reply: Reply) -> int:
    """Take the answer, whatever it is, if it is one."""
    assert reply.ok, reply.content[:300]
    return len(reply.content)


def ways(run: Run, edges: tuple[float, ...]) -> dict[str, Callable[[], Awaitable[None]]]:
    """Every way of asking for the same tiles."""
    asked = [question(number, edges) for number in range(CANARIES)]
    first = [question(number, edges, remembered=False) for number in range(CANARIES)]
    what = f"errors and {len(edges)} latency edges" if edges else "errors only"
    return {
        f"{what}: together": partial(run.adapter, asked, CANARIES),
        f"{what}: together, in the first half minute": partial(run.adapter, first, CANARIES),
        f"{what}: one by one": partial(run.adapter, asked, 1),
        f"{what}: exact form, together": partial(run.exact, asked, CANARIES),
        f"{what}: exact form, one by one": partial(run.exact, asked, 1),
        f"{what}: exact form with pods, one by one": partial(run.exact, asked, 1, pods=True),
        f"{what}: rates, together": partial(run.instead, rates, asked, CANARIES),
        f"{what}: rates, one by one": partial(run.instead, rates, asked, 1),
        f"{what}: bound, together": partial(run.instead, bound, asked, CANARIES),
    }


async def measured(server: PrometheusServer, shape: str) -> None:
    """Measure every way in turns, and print the least each has used; others work here too."""
    run = Run(server)
    every = ways(run, ()) | ways(run, SOME)
    order, chance = list(every), Random(7)  # noqa: S311 - no secret
    for _ in range(ROUNDS):
        chance.shuffle(order)  # else the same one would always pay for another's garbage
        for name in order:
            await run.measure(name, every[name])
        await run.parts([question(number, SOME) for number in range(CANARIES)])
    await run.close()
    for name in (*every, *(name for name in run.used if name not in every)):
        used = run.used[name]
        theirs, ours = (min(column) / CANARIES * 1000 for column in zip(*used, strict=True))
        print(f"| {server.version}, {shape} | {name} | {theirs:.2f} | {ours:.2f} |", flush=True)


def main() -> None:
    """Print a table."""
    ArgumentParser(prog="python -m bench tiles", description=__doc__).parse_args()
    print("| Prometheus, codes a pod | asked for | its CPU, ms per canary | ours |")
    print("| --- | --- | --- | --- |")
    versions: tuple[Version, ...] = ("2", "3")
    for version, codes in product(versions, (CODES, CODES[:1])):
        with tempfile.TemporaryDirectory() as folder:
            flags = ("--web.enable-remote-write-receiver",)
            with PrometheusServer(version, Path(folder), flags=flags) as server:
                for number in range(CANARIES):
                    write(server.url, series(number, codes, timed=True))
                for number in range(CANARIES, CANARIES + OTHERS):
                    write(server.url, series(number, codes[:1], timed=False))
                asyncio.run(measured(server, f"{len(codes)}"))


if __name__ == "__main__":
    main()
