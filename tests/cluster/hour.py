"""An hour of a workload's past, put into the world's Prometheus before a test begins."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.world.prometheus import promtool
from tests.world.telemetry import BUCKETS, shown
from tests.world.world import World

EVERY = 5
"""Seconds between two scrapes of that hour."""
SPAN = 3700


def load_hour(
    world: World,
    folder: Path,
    namespace: str,
    *,
    workload: str = "podinfo-v1",
    pods: int = 3,
    rate: float = 20,
    error_rate: float = 0.001,
    slow: float = 0.002,
) -> None:
    """Give the workload's pods an even past up to now: pods that are no more by now.

    `slow` of the requests take 25 to 50 ms, the others up to 5.
    """
    end = int(datetime.now(UTC).timestamp()) - EVERY  # noqa: TID251 - Prometheus' own time
    text = folder / "hour.txt"
    text.write_text("\n".join(lines(namespace, workload, pods, rate, error_rate, slow, end)))
    prometheus = world.parts["prometheus"]
    prometheus.stop()
    subprocess.run(
        [
            *(promtool("2"), "tsdb", "create-blocks-from", "openmetrics"),
            *(text, world.folder / "prometheus"),
        ],
        check=True,
        capture_output=True,
    )
    prometheus.start()
    world.wait_for(
        lambda: world.prometheus_query(
            f'istio_requests_total{{pod="{workload}-past-0"}} offset 10s'
        ),
        "the past to be there",
    )


def lines(
    namespace: str,
    workload: str,
    pods: int,
    rate: float,
    error_rate: float,
    slow: float,
    end: int,
) -> Iterator[str]:
    """OpenMetrics text, one family after the other."""
    times = range(end - SPAN, end, EVERY)
    yield "# TYPE istio_requests counter"
    for pod in range(pods):
        for code, share in (("200", 1 - error_rate), ("500", error_rate)):
            tags = shown({**tagged(namespace, workload, pod), "response_code": code})
            for at in times:
                count = int((at - end + SPAN) * rate * share)
                yield f"istio_requests_total{{{tags}}} {count} {at}"
    yield "# TYPE istio_request_duration_milliseconds_bucket unknown"
    for pod in range(pods):
        for edge in (*BUCKETS, "+Inf"):
            share = 1.0 if float(edge) >= 50 else 1 - slow if float(edge) >= 5 else 0.0
            tags = shown({**tagged(namespace, workload, pod), "le": str(edge)})
            for at in times:
                count = int((at - end + SPAN) * rate * share)
                yield f"istio_request_duration_milliseconds_bucket{{{tags}}} {count} {at}"
    yield "# EOF\n"


def tagged(namespace: str, workload: str, pod: int) -> dict[str, str]:
    """What the fleet's pods are called, as far as anybody asks."""
    return {
        "reporter": "destination",
        "destination_workload": workload,
        "destination_workload_namespace": namespace,
        "pod": f"{workload}-past-{pod}",
    }
