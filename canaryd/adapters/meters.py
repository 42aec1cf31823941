"""What canaryd counts about itself, as Prometheus metrics behind plain methods."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.status import Phase, Status

_RECONCILE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_CANARY = ("namespace", "canary")


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
        self._weight = Gauge(
            "canaryd_canary_weight_percent", "The canary's share.", _CANARY, registry=registry
        )
        self._phase = Gauge(
            "canaryd_canary_phase",
            "1 for the phase that a Canary is in.",
            [*_CANARY, "phase"],
            registry=registry,
        )
        self._lease = Gauge("canaryd_lease_held", "1 while this process works.", registry=registry)
        self._lost = Counter(
            "canaryd_history_rows_lost", "History rows that were not kept.", registry=registry
        )

    def render(self) -> bytes:
        """Write everything in Prometheus' text form."""
        return generate_latest(self.registry)

    def decided(self, phase: Phase) -> None:
        """Count a decision."""
        self._decisions.labels(phase.value).inc()

    def reconciled(self, seconds: float, outcome: str) -> None:
        """Note a reconcile that ended: ok, conflict, transient, terminal, bug or cancelled."""
        self._reconcile.labels(outcome).observe(seconds)

    def queued(self, depth: int) -> None:
        """Note how many keys wait."""
        self._queue.set(depth)

    def requested(self, verb: str, kind: str, outcome: str) -> None:
        """Count a request to the API; `outcome` is ok or the name of the error."""
        self._requests.labels(verb, kind, outcome).inc()

    def sampled(self, answered: Answered) -> None:
        """Count an answer to one metric question."""
        self._samples.labels(answered.value).inc()

    def notified(self, provider: str, *, delivered: bool) -> None:
        """Count a notice, delivered or given up."""
        self._notices.labels(provider, "delivered" if delivered else "failed").inc()

    def canary(self, key: Key, status: Status) -> None:
        """Show where a Canary is."""
        self._weight.labels(*key).set(status.canary_weight)
        for phase in Phase:
            self._phase.labels(*key, phase.value).set(phase is status.phase)

    def forget(self, key: Key) -> None:
        """Show a deleted Canary no more."""
        self._remove(self._weight, *key)
        for phase in Phase:
            self._remove(self._phase, *key, phase.value)

    def lease(self, *, held: bool) -> None:
        """Show whether this process works."""
        self._lease.set(held)

    def lost_history(self, rows: int) -> None:
        """Count history rows that were not kept."""
        self._lost.inc(rows)

    @staticmethod
    def _remove(gauge: Gauge, *labels: str) -> None:
        # An unknown one is made first: then there is always one to remove.
        gauge.labels(*labels)
        gauge.remove(*labels)
