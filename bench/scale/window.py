"""A stretch of time of one measurement: requests, processor, memory and queries within it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.scale import processes
from bench.scale.requests import WEIGHTS, Counts, Requests, Sent, work
from bench.scale.strain import Strain, Strained
from tests.world.cluster import Cluster

EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """What was used within so many seconds; shares are of one core."""

    seconds: float
    requests: Counts
    cpu: float
    decisions: float
    threads: dict[str, float]
    memory: float
    most_memory: float
    control_plane: float
    others: float
    queries: Counts
    asked: Counts
    sent: tuple[Sent, ...]
    strain: Strain

    @property
    def weights(self) -> list[float]:
        """When VirtualServices were written, in seconds since 1970."""
        return [one.at for one in self.sent if one.name in WEIGHTS]

    @property
    def asks(self) -> int:
        """Requests without the lease and watches that begin again."""
        return sum(work(self.requests).values())


@dataclass(slots=True)
class Point:
    """The counters at one time."""

    at: float
    requests: Counts
    cpu: dict[str, int]
    decisions: float
    control: float
    own: float
    host: float
    told: dict[str, Counts] = field(default_factory=dict[str, Counts])


class Meter:
    """Reads counters at the ends of windows, and the memory each second between."""

    def __init__(
        self,
        cluster: Cluster,
        requests: Requests,
        standin: processes.Standin,
        daemon: processes.Daemon,
    ) -> None:
        self._cluster = cluster
        self._requests = requests
        self._standin = standin
        self._daemon = daemon

    def begin(self) -> Callable[[], Window]:
        """Begin a window; the callable ends it. The daemon may be another process by then."""
        strained = Strained(self._cluster, self._standin.pid)
        first, pid = self._point(), self._daemon.pid
        before = len(self._requests.sent)
        memory: list[float] = []
        ended = threading.Event()
        lost: dict[str, int] = {}

        def look() -> None:
            while not ended.wait(EVERY):
                try:
                    memory.append(processes.memory(self._daemon.pid)[0])
                    if self._daemon.pid == pid:
                        lost.update(processes.threads_cpu(pid))
                except (OSError, KeyError, RuntimeError):
                    continue

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()

        def end() -> Window:
            ended.set()
            watcher.join()
            same = self._daemon.pid == pid
            second, strain = self._point(), strained.end()
            return self._between(
                first,
                second,
                same=same,
                lost=lost,
                memory=memory,
                sent=self._requests.sent[before:],
                strain=strain,
            )

        return end

    def _point(self) -> Point:
        control = [part.pid for name, part in self._cluster.parts.items() if part.running]
        counts = self._standin.counts()
        return Point(
            at=time.monotonic(),
            requests=self._requests.counts(),
            cpu=processes.threads_cpu(self._daemon.pid),
            decisions=self._daemon.decisions(),
            control=processes.cpu_of(control),
            own=processes.cpu_of(processes.own()),
            host=processes.host_cpu(),
            told={name: Counter(counts[name]) for name in ("queries", "workloads", "hooks")},
        )

    def _between(
        self,
        one: Point,
        two: Point,
        *,
        same: bool,
        lost: dict[str, int],
        memory: list[float],
        sent: list[Sent],
        strain: Strain,
    ) -> Window:
        seconds = two.at - one.at
        before = one.cpu if same else {}
        after = {**lost, **two.cpu} if same else two.cpu
        threads = {name: (used - before.get(name, 0)) / 1e9 for name, used in after.items()}
        now, most = processes.memory(self._daemon.pid)
        return Window(
            seconds=seconds,
            requests=two.requests - one.requests,
            cpu=sum(threads.values()),
            decisions=two.decisions - (one.decisions if same else 0),
            threads=threads,
            memory=max([*memory, now]),
            most_memory=most,
            control_plane=(two.control - one.control) / seconds,
            others=max(0.0, (two.host - one.host - (two.own - one.own)) / seconds),
            queries=two.told["queries"] - one.told["queries"],
            asked=two.told["workloads"] - one.told["workloads"],
            sent=tuple(sent),
            strain=strain,
        )
