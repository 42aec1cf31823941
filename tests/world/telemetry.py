"""What a pod's sidecar counts: Istio's standard metrics with reporter="destination"."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.world.mirror import Thing, workload

# Envoy's own, so that both reporters have the same ones.
BUCKETS = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000),
    *(1800000, 3600000),
)
GATEWAY = {
    "source_workload": "istio-ingressgateway",
    "source_workload_namespace": "istio-system",
    "source_app": "istio-ingressgateway",
}
"""Who sends all HTTP requests of a world, as every reporter names it."""
UNKNOWN = dict.fromkeys(GATEWAY, "unknown")
"""A client without a sidecar: who opens TCP connections to pods here."""


class Outcome(NamedTuple):
    """How a request ended, as Istio's labels say it."""

    code: int
    protocol: str = "http"
    grpc: int | None = None
    flags: str = "-"


CLIENT_LEFT = "DC"


@dataclass(slots=True)
class Seen:
    """The requests of one pod that ended alike."""

    milliseconds: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, milliseconds: float) -> None:
        self.milliseconds += milliseconds
        self.buckets[bisect.bisect_left(BUCKETS, milliseconds)] += 1


@dataclass(slots=True)
class Connections:
    """The TCP connections of one pod; received is what clients sent."""

    opened: int = 0
    closed: int = 0
    sent: int = 0
    received: int = 0


@dataclass(slots=True)
class Telemetry:
    """All that one pod's sidecar has counted."""

    requests: dict[Outcome, Seen] = field(default_factory=lambda: defaultdict(Seen))
    tcp: Connections = field(default_factory=Connections)

    def text(self, pod: Thing) -> str:
        """The sidecar's metrics page."""
        return "\n".join([*self._http(pod), *self._tcp(pod)]) + "\n"

    def _http(self, pod: Thing) -> Iterator[str]:
        for outcome, seen in self.requests.items():
            tags = shown(_of_request(pod, outcome))
            done = 0
            for place, limit in enumerate([*BUCKETS, "+Inf"]):
                done += seen.buckets[place]
                yield f'istio_request_duration_milliseconds_bucket{{{tags},le="{limit}"}} {done}'
            yield f"istio_request_duration_milliseconds_sum{{{tags}}} {seen.milliseconds}"
            yield f"istio_request_duration_milliseconds_count{{{tags}}} {done}"
            yield f"istio_requests_total{{{tags}}} {done}"

    def _tcp(self, pod: Thing) -> Iterator[str]:
        if not self.tcp.opened:
            return
        tags = shown({**_of_pod(pod), **UNKNOWN, "request_protocol": "tcp", "response_flags": "-"})
        yield f"istio_tcp_connections_opened_total{{{tags}}} {self.tcp.opened}"
        yield f"istio_tcp_connections_closed_total{{{tags}}} {self.tcp.closed}"
        yield f"istio_tcp_sent_bytes_total{{{tags}}} {self.tcp.sent}"
        yield f"istio_tcp_received_bytes_total{{{tags}}} {self.tcp.received}"


def shown(labels: Mapping[str, object]) -> str:
    """Labels as they stand between the braces."""
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def _of_pod(pod: Thing) -> dict[str, object]:
    meta = pod["metadata"]
    labels = meta.get("labels", {})
    return {
        "reporter": "destination",
        "destination_workload": workload(pod),
        "destination_workload_namespace": meta["namespace"],
        "destination_app": labels.get("app", "unknown"),
        "destination_version": labels.get("version", "unknown"),
    }


def _of_request(pod: Thing, outcome: Outcome) -> dict[str, object]:
    made = {
        **_of_pod(pod),
        **GATEWAY,
        "request_protocol": outcome.protocol,
        "response_code": outcome.code,
        "response_flags": outcome.flags,
    }
    # Istio's label is empty for plain HTTP, and an empty label is none.
    return made if outcome.grpc is None else {**made, "grpc_response_status": outcome.grpc}
