"""A Prometheus that remembers ten made-up minutes, so that its answers are known exactly."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.world.build import build
from tests.world.ports import free_port
from tests.world.world import World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EVERY = 5
"""Seconds between two scrapes of the made-up past."""
Line = tuple[Mapping[str, str], float]
"""A counter's labels and its growth per second."""


def labels(workload: str, code: str = "200", pod: str | None = "r1", **more: str) -> dict[str, str]:
    made = {
        "reporter": "destination",
        "destination_workload": workload,
        "destination_workload_namespace": "demo",
        "response_code": code,
        **more,
    }
    return made if pod is None else {**made, "pod": f"{workload}-{pod}-x7x2p"}


def requests() -> Iterator[Line]:
    yield labels("healthy"), 10
    yield labels("mixed"), 9.5
    yield labels("mixed", "503"), 0.4
    yield labels("mixed", "0"), 0.1
    yield labels("refusing", "404"), 1
    yield labels("broken", "500"), 3
    yield labels("idle"), 0
    yield labels("moved"), 5
    yield labels("moved", "500", pod="r0"), 500
    yield labels("unlabelled", pod=None), 3
    yield labels("unlabelled", "500", pod=None), 1
    yield labels("twice"), 3
    yield labels("twice", "500", reporter="source"), 3
    yield labels("app"), 1
    yield labels("app-r1", "500"), 1
    yield labels("app", "500", destination_workload_namespace="prod"), 1
    yield labels("dot.ted"), 1
    yield labels("dotxted", "500"), 1


def buckets() -> Iterator[Line]:
    for workload, slow in (("healthy", 0.0), ("slow", 0.5), ("idle", 0.0)):
        rate = 0 if workload == "idle" else 10
        for edge in ("5", "10", "100", "250", "500", "+Inf"):
            fast = float(edge) < 250
            yield labels(workload, le=edge), rate * (1 - slow if fast else 1)


def open_metrics(end: datetime) -> str:
    start = int(end.timestamp()) - 600
    named = (
        ("istio_requests", "istio_requests_total", requests()),
        ("istio_request_duration_milliseconds_bucket", "", buckets()),
    )
    text: list[str] = []
    for family, sample, lines in named:
        text.append(f"# TYPE {family} {'counter' if sample else 'unknown'}")
        for series, rate in lines:
            shown = ",".join(f'{name}="{value}"' for name, value in series.items())
            text += [
                f"{sample or family}{{{shown}}} {100 + rate * second} {start + second}"
                for second in range(0, 601, EVERY)
            ]
    return "\n".join([*text, "# EOF", ""])


def answers(url: str) -> bool:
    with urlopen(url) as response:
        return bool(response.status == 200)


@pytest.fixture(scope="module")
def past(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus of its own that remembers ten made-up minutes."""
    folder = tmp_path_factory.mktemp("past")
    program = build().prometheus
    text = folder / "past.txt"
    text.write_text(open_metrics(NOON))
    (folder / "prometheus.yml").write_text("{}")
    tool = program.with_name("promtool")
    subprocess.run(
        [tool, "tsdb", "create-blocks-from", "openmetrics", text, folder / "data"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        *(program, "--config.file", folder / "prometheus.yml"),
        *("--storage.tsdb.path", folder / "data", "--storage.tsdb.retention.time", "20y"),
        *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "warn"),
    ]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stderr=log)
        try:
            world.wait_for(lambda: answers(f"{url}/-/ready"), "Prometheus")
            yield url
        finally:
            running.terminate()
            running.wait()
