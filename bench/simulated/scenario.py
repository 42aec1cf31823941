"""What may happen to a healthy service while it is released: the scenarios, as plain figures."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

EDGES = (50.0, 100.0, 250.0, 500.0, 1000.0)
"""The bucket edges that Istio has where the simulated latencies lie, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of trouble. Times in seconds, rates per second, all else fractions.

    Whatever is 0 does not happen. Trouble strikes both sides alike: every release is healthy.
    """

    name: str
    about: str
    burst_every: float = 0.0
    """Mean time between bursts of one pod; in them falls half of all its errors."""
    burst_lasts: float = 20.0
    outages: float = 0.0
    """Mean number per 20 minutes of outages that all pods share, at 20 to 100 % errors."""
    clump: float = 1.0
    """Mean number of failed attempts of a request that fails: geometric."""
    cold: float = 0.0
    """Most errors of a pod in its first 25 seconds; the canary's pods start just before traffic."""
    rate: float = 0.0
    """Requests per second, where the scenario fixes them."""
    wave: float = 0.0
    """Period of a wave: load between 0.3 and 1.7 times the mean, error rate 0.5 to 2 times."""
    gap_every: float = 0.0
    """Mean time between failed scrapes of one pod; once per rollout the whole server is down."""
    restart_every: float = 0.0
    """Mean time between restarts of one pod's container."""
    leave_every: float = 0.0
    """Mean time a pod lives before another one takes its place."""


SCENARIOS = (
    Scenario("steady", "nothing happens"),
    Scenario(
        "bursty pod",
        "half of all errors come in bursts of 20 s, one pod at a time, every 10 minutes",
        burst_every=600,
    ),
    Scenario("shared outage", "both versions fail 20-100 % for 20-120 s", outages=1.5),
    Scenario("retry clumps", "a failed request is tried again: geometric, mean 3", clump=3),
    Scenario(
        "cold start",
        "a pod fails up to 30 % in its first 25 s; canary pods start 5-40 s before traffic",
        cold=0.3,
        restart_every=1800,
        leave_every=1800,
    ),
    Scenario("quiet", "0.5 requests/s", rate=0.5),
    Scenario("daily wave", "load 0.3-1.7x, error rate 0.5-2x, in an hour", wave=3600),
    Scenario(
        "scrape gap",
        "each pod's scrapes fail for 20-240 s every 10 minutes; the server is down once",
        gap_every=600,
    ),
    Scenario(
        "pods leaving",
        "a pod lives 10 minutes, its container restarts every 15",
        restart_every=900,
        leave_every=600,
    ),
)
RATES = (0.0005, 0.002, 0.01, 0.02)
"""Healthy error rates."""
SCRAPES = (1, 15, 30)
"""Scrape intervals in seconds."""
LOADS = (5.0, 100.0, 1000.0)
"""Requests per second of the whole service."""
PODS = (1, 3, 10)
"""Pods of the primary."""


@dataclass(frozen=True, slots=True)
class Case:
    """One rollout to play: a scenario and what it happens to.

    `weights` is one weight per step, `stay` how long a step lasts in seconds; of all that, `most`
    seconds are played.
    """

    scenario: Scenario
    pods: int
    canary_pods: int
    scrape: int
    error_rate: float
    load: float
    weights: tuple[int, ...]
    stay: float
    bad_rate: float | None = None
    """The canary's error rate, if it is worse, from `onset` on."""
    onset: float = 0.0
    """So many seconds after the first weight the canary gets worse; 0: from its first request."""
    most: float = inf

    @property
    def window(self) -> int:
        """The length of a tile: 10 s, but at least a scrape interval."""
        return max(10, self.scrape)

    @property
    def length(self) -> float:
        """How long the rollout takes in seconds, if nothing takes it back."""
        return min(self.stay * len(self.weights), self.most)
