"""What canaryd counts about itself, as Prometheus metrics behind plain methods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.status import Phase, Status

_RECONCILE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
OUTCOMES = (
    "ok",
    "waits",
    "overtaken",
    "conflict",
    "transient",
    "terminal",
    "bug",
    "cancelled",
)
"""How a reconcile ends."""
_CANARY = ("namespace", "canary")
_DELIVERED, _FAILED = "delivered", "failed"


class Meters:
    """One registry and everything in it; `render` is slow enough for a thread of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._decisions = Counter(
            "canaryd_decisions", "Decisions made, by phase decided.", ["phase"], registry=registry
        )
        self._reconcile = Histogram(
            "canaryd_reconcile_seconds",
            "Time of one reconcile, its writes included.",
            ["outcome"],
            buckets=_RECONCILE_SECONDS,
            registry=registry,
        )
        self._queue = Gauge("canaryd_queue_depth", "Keys that wait.", registry=registry)
        self._writes = Gauge(
            "canaryd_api_writes_waiting",
            "Writes that wait for their turn at the Kubernetes API.",
            registry=registry,
        )
        self._requests = Counter(
            "canaryd_api_requests",
            "Requests to the Kubernetes API.",
            ["verb", "kind", "outcome"],
            registry=registry,
        )
        self._samples = Counter(
            "canaryd_metric_samples", "Answers to metric questions.", ["outcome"], registry=registry
        )
        self._notices = Counter(
            "canaryd_notices", "Notices to receivers.", ["provider", "outcome"], registry=registry
        )
        self._begin_at_zero()
        self._told: set[str] = set()
        """Receivers that are shown."""
        self._unnamed: set[str] = set()
        """Those of them that no alert named the last time, and that were told nothing since."""
        self._canaries = _Canaries()
        registry.register(self._canaries)
        self._lease = Gauge("canaryd_lease_held", "1 while this process works.", registry=registry)
        self._lost = Counter(
            "canaryd_history_rows_lost", "History rows that were not kept.", registry=registry
        )

    def _begin_at_zero(self) -> None:
        """Show what has not happened yet: no rate sees a series that begins at 1."""
        for outcome in OUTCOMES:
            self._reconcile.labels(outcome)
        for phase in Phase:
            self._decisions.labels(phase.value)
        for answered in Answered:
            self._samples.labels(answered.value)

    def render(self) -> bytes:
        """Write everything in Prometheus' text form."""
        return generate_latest(self.registry)

    def decided(self, phase: Phase) -> None:
        """Count a decision."""
        self._decisions.labels(phase.value).inc()

    def reconciled(self, seconds: float, outcome: str) -> None:
        """Note a reconcile that ended, as one of `OUTCOMES`."""
        self._reconcile.labels(outcome).observe(seconds)

    def queued(self, depth: int) -> None:
        """Note how many keys wait."""
        self._queue.set(depth)

    def watch_writes(self, waiting: Callable[[], int]) -> None:
        """Ask this for the number of writes that wait, in the thread that renders."""
        self._writes.set_function(waiting)

    def requested(self, verb: str, kind: str, outcome: str) -> None:
        """Count a request to the API; `outcome` is ok or the name of the error."""
        self._requests.labels(verb, kind, outcome).inc()

    def sampled(self, answered: Answered) -> None:
        """Count an answer to one metric question."""
        self._samples.labels(answered.value).inc()

    def notified(self, provider: str, *, delivered: bool) -> None:
        """Count a notice, delivered or given up."""
        self.receiver(provider)
        self._notices.labels(provider, _DELIVERED if delivered else _FAILED).inc()

    def receiver(self, provider: str) -> None:
        """Show a receiver before it is told anything: no rate sees a series that begins at 1."""
        self._unnamed.discard(provider)
        if provider not in self._told:
            self._told.add(provider)
            for outcome in (_DELIVERED, _FAILED):
                self._notices.labels(provider, outcome)

    def keep_receivers(self, named: Collection[str]) -> None:
        """Show others no more when no alert named them the last time either.

        Until then rates over the time between still count what became of their last notices.
        """
        unnamed = self._told - {*named}
        gone = unnamed & self._unnamed
        for provider in gone:
            for outcome in (_DELIVERED, _FAILED):
                self._notices.remove(provider, outcome)
        self._told -= gone
        self._unnamed = unnamed - gone

    def canary(self, key: Key, status: Status) -> None:
        """Show where a Canary is."""
        self._canaries.known[key] = (status.canary_weight, status.phase)

    def forget(self, key: Key) -> None:
        """Show a deleted Canary no more."""
        self._canaries.known.pop(key, None)

    def lease(self, *, held: bool) -> None:
        """Show whether this process works."""
        self._lease.set(held)

    def lost_history(self, rows: int) -> None:
        """Count history rows that were not kept."""
        self._lost.inc(rows)


class _Canaries(Collector):
    """The series of each Canary, made when they are asked for: kept, they are 6 KiB a Canary."""

    def __init__(self) -> None:
        self.known: dict[Key, tuple[int, Phase]] = {}

    @override
    def collect(self) -> Iterator[Metric]:
        """Write what is known; in the thread that renders."""
        known = sorted(self.known.copy().items())
        weight = GaugeMetricFamily(
            "canaryd_canary_weight_percent", "The canary's share.", labels=_CANARY
        )
        phases = GaugeMetricFamily(
            "canaryd_canary_phase",
            "1 for the phase that a Canary is in.",
            labels=[*_CANARY, "phase"],
        )
        for key, (share, phase) in known:
            weight.add_metric(key, share)
            for each in Phase:
                phases.add_metric([*key, each.value], each is phase)
        yield weight
        yield phases
