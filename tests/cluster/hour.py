"""An hour of a workload's past, put into the world's Prometheus before a test begins."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
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
    past = Past(namespace, workload, pods, rate, error_rate, slow)
    prometheus = world.parts["prometheus"]
    prometheus.stop()
    write(past, folder, world.folder / "prometheus")
    prometheus.start()
    world.wait_for(
        lambda: world.prometheus_query(
            f'istio_requests_total{{pod="{workload}-past-0"}} offset 10s'
        ),
        "the past to be there",
    )


@dataclass(frozen=True, slots=True)
class Past:
    """How a workload's pods did, evenly, for `span` seconds until now."""

    namespace: str
    workload: str
    pods: int
    rate: float
    error_rate: float
    slow: float
    span: int = SPAN


def write(past: Past, folder: Path, data: Path) -> None:
    """Make blocks of it in the data folder of a Prometheus that does not run."""
    end = int(datetime.now(UTC).timestamp()) - EVERY  # noqa: TID251 - Prometheus' own time
    text = folder / "past.txt"
    text.write_text("\n".join(lines(past, end)))
    subprocess.run(
        [promtool("2"), "tsdb", "create-blocks-from", "openmetrics", text, data],
        check=True,
        capture_output=True,
    )


def lines(past: Past, end: int) -> Iterator[str]:
    """OpenMetrics text, one family after the other."""
    begin = end - past.span
    yield "# TYPE istio_requests counter"
    for pod in range(past.pods):
        for code, share in (("200", 1 - past.error_rate), ("500", past.error_rate)):
            tags = shown({**tagged(past.namespace, past.workload, pod), "response_code": code})
            for at in range(begin, end, EVERY):
                yield f"istio_requests_total{{{tags}}} {int((at - begin) * past.rate * share)} {at}"
    yield "# TYPE istio_request_duration_milliseconds_bucket unknown"
    name = "istio_request_duration_milliseconds_bucket"
    for pod in range(past.pods):
        for edge in (*BUCKETS, "+Inf"):
            share = 1.0 if float(edge) >= 50 else 1 - past.slow if float(edge) >= 5 else 0.0
            tags = shown({**tagged(past.namespace, past.workload, pod), "le": str(edge)})
            for at in range(begin, end, EVERY):
                yield f"{name}{{{tags}}} {int((at - begin) * past.rate * share)} {at}"
    yield "# EOF\n"


def tagged(namespace: str, workload: str, pod: int) -> dict[str, str]:
    """What the fleet's pods are called, as far as anybody asks."""
    return {
        "reporter": "destination",
        "destination_workload": workload,
        "destination_workload_namespace": namespace,
        "pod": f"{workload}-past-{pod}",
    }
