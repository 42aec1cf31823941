"""`canaryd backtest` on a real Prometheus: what the past says of releases that were never made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.cluster.hour import Past, write
from tests.cluster.release import canary
from tests.world.prometheus import PrometheusServer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ANALYSIS = {"interval": "1m", "stepWeights": [10, 50], "evaluateEvery": "10s"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """It remembers two hours and a half of three even pods, one request in 500 failing."""
    folder = tmp_path_factory.mktemp("past")
    past = Past("demo", "podinfo-v1", 3, rate=30, error_rate=0.002, slow=0.002, span=9000)
    write(past, folder, folder / "blocks")
    with PrometheusServer("2", folder, data=folder / "blocks") as running:
        running.wait_for("istio_requests_total offset 1m")
        yield running


def backtest(
    server: PrometheusServer, folder: Path, *args: str
) -> subprocess.CompletedProcess[str]:
    path = folder / "canary.yaml"
    path.write_bytes(orjson.dumps(canary("demo", analysis=ANALYSIS)))
    command = [sys.executable, "-m", "canaryd", "backtest", "-f", str(path)]
    where = ("--metrics-server", server.url, "--last", "150m", "--every", "20m")
    return subprocess.run([*command, *where, *args], capture_output=True, text=True, check=False)


def test_healthy_releases_would_have_gone_through_and_faults_been_caught(
    server: PrometheusServer, tmp_path: Path
) -> None:
    done = backtest(server, tmp_path, "-o", "json")
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    assert found["healthy"]["rollouts"] >= 3
    assert found["healthy"]["rolledBack"] == 0
    assert found["pods"] == 3
    assert 85 < found["requestsPerSecond"] < 95
    worst = found["faults"][-1]
    assert worst["caught"] + worst["undecided"] == worst["rollouts"]
    assert worst["undecided"] <= 1, "the first of them has half an hour of the past before it"
    assert "fetching" in done.stderr


def test_people_get_a_table_and_a_chart(server: PrometheusServer, tmp_path: Path) -> None:
    done = backtest(server, tmp_path)
    assert "healthy releases: 0 of" in done.stdout
    assert "median time until it is caught:" in done.stdout
    assert "10x  #" in done.stdout


def test_a_namespace_without_requests_is_said(server: PrometheusServer, tmp_path: Path) -> None:
    done = backtest(server, tmp_path, "-n", "elsewhere")
    assert done.returncode == 1
    assert "knows no request to podinfo-v1" in done.stderr


def test_a_server_that_is_away_is_said(server: PrometheusServer, tmp_path: Path) -> None:
    server.stop()
    try:
        done = backtest(server, tmp_path)
    finally:
        server.start()
    assert done.returncode == 1
    assert "could not be fetched" in done.stderr
