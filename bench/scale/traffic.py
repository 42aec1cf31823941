"""What pods of the stand-in have counted by any instant: totals that only grow, pod by pod; pure.

Instants are seconds since 1970. A pod is scraped every `SCRAPE` seconds, all at the same instants,
and counts by its share of the traffic and by how its workload does. Series come with the first
request that they count, as an Envoy's do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import floor

SCRAPE = 5.0
"""Seconds between two scrapes."""
STEADY = 1000.0
"""So many requests per second does a Canary get, both sides together."""
EDGES = (
    *("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000"),
    *("30000", "60000", "300000", "600000", "1800000", "3600000", "+Inf"),
)
"""Envoy's, as Prometheus 2 spells them."""


class Mode(StrEnum):
    """How a workload does, or how Prometheus does when it is asked about it."""

    GOOD = "good"
    BAD = "bad"
    SLOW = "slow"
    NAN = "nan"
    EMPTY = "empty"
    HANG = "hang"
    FAIL = "500"
    LATE = "late"


FAILING: Mapping[Mode, float] = {Mode.BAD: 0.5}
"""The share of requests that fail; else `HEALTHY`."""
HEALTHY = 0.001
QUICK = (0.01, 0.1, 0.5, 0.8, 0.97, 0.997, 0.9997)
"""The share that is not slower than each of the first edges; beyond them it is all."""
SLUGGISH = (0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.5)

Totals = tuple[float, float, float]
"""Requests, failed ones, and slow ones."""


@dataclass(slots=True)
class Pod:
    """One pod; `marks` are the instants at which its rate or its mode changed."""

    namespace: str
    workload: str
    name: str
    born: float
    gone: float | None = None
    marks: list[float] = field(default_factory=list[float])
    totals: list[Totals] = field(default_factory=list[Totals])
    pace: list[tuple[float, Mode]] = field(default_factory=list[tuple[float, Mode]])
    """From each mark on: requests per second, and how they end."""

    def turn(self, at: float, rate: float, mode: Mode) -> None:
        """From now on it does so."""
        if self.pace and self.pace[-1] == (rate, mode):
            return
        self.totals.append(self._by(at))
        self.marks.append(at)
        self.pace.append((rate, mode))

    def _by(self, at: float) -> Totals:
        place = bisect_right(self.marks, at) - 1
        if place < 0:
            return (0.0, 0.0, 0.0)
        requests, failed, slow = self.totals[place]
        rate, mode = self.pace[place]
        more = rate * (at - self.marks[place])
        share = FAILING.get(mode, HEALTHY)
        return (requests + more, failed + more * share, slow + more * (mode is Mode.SLOW))

    def scraped(self, at: float) -> Totals | None:
        """What the last scrape by that instant saw; None when there is no such scrape."""
        stamp = floor(at / SCRAPE) * SCRAPE
        if stamp < self.born or (self.gone is not None and stamp >= self.gone):
            return None
        return self._by(stamp)

    def counts(self, at: float) -> dict[str, int]:
        """Series of requests by response code; none when it is not there or was never asked."""
        if (seen := self.scraped(at)) is None:
            return {}
        requests, failed = floor(seen[0]), floor(seen[1])
        found = {"200": requests - failed, "500": failed}
        return {code: count for code, count in found.items() if count}

    def buckets(self, at: float) -> list[int]:
        """Cumulative counts of the buckets, by `EDGES`; none when it was never asked."""
        if (seen := self.scraped(at)) is None or (requests := floor(seen[0])) == 0:
            return []
        slow = seen[2]
        quick = requests - slow
        first = [floor(quick * q + slow * s) for q, s in zip(QUICK, SLUGGISH, strict=True)]
        return first + [requests] * (len(EDGES) - len(first))


class Traffic:
    """All pods there are and were, by workload; workloads' names are unique."""

    def __init__(self) -> None:
        self._pods: dict[str, list[Pod]] = {}
        self._shares: dict[str, float] = {}
        self._modes: dict[str, Mode] = {}

    def arrive(self, pod: Pod) -> None:
        """A pod is ready; it gets its workload's share from its birth on."""
        pods = self._pods.setdefault(pod.workload, [])
        if not any(one.name == pod.name and one.gone is None for one in pods):
            pods.append(pod)
            self._spread(pod.workload, pod.born)

    def leave(self, workload: str, name: str, at: float) -> None:
        """A pod goes; the others take its share."""
        for pod in self._pods.get(workload, []):
            if pod.name == name and pod.gone is None:
                pod.gone = at
        self._spread(workload, at)

    def share(self, workload: str, share: float, at: float) -> None:
        """From now on the workload gets this part of its Canary's requests."""
        self._shares[workload] = share
        self._spread(workload, at)

    def mode(self, workload: str, mode: Mode, at: float) -> None:
        """From now on the workload does so."""
        self._modes[workload] = mode
        self._spread(workload, at)

    def pods(self, workload: str) -> Iterator[Pod]:
        """Those that are and were."""
        yield from self._pods.get(workload, [])

    def forget(self, before: float) -> None:
        """Drop pods that went before then, and what nobody asks about any more."""
        for workload, pods in list(self._pods.items()):
            kept = [pod for pod in pods if pod.gone is None or pod.gone >= before]
            if kept:
                self._pods[workload] = kept
            else:
                del self._pods[workload]

    def _spread(self, workload: str, at: float) -> None:
        there = [pod for pod in self._pods.get(workload, []) if pod.gone is None]
        mode = self._modes.get(workload, Mode.GOOD)
        for pod in there:
            pod.turn(at, STEADY * self._shares.get(workload, 0.0) / len(there), mode)
