"""`canaryd backtest` on a real Prometheus: what the past says of releases that were never made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.cluster.release import canary
from tests.world.prometheus import PrometheusServer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ANALYSIS = {"interval": "1m", "stepWeights": [10, 50], "evaluateEvery": "10s"}


def backtest(
    remembering: PrometheusServer, folder: Path, *args: str
) -> subprocess.CompletedProcess[str]:
    path = folder / "canary.yaml"
    path.write_bytes(orjson.dumps(canary("demo", analysis=ANALYSIS)))
    command = [sys.executable, "-m", "canaryd", "backtest", "-f", str(path)]
    where = ("--metrics-server", remembering.url, "--last", "150m", "--every", "20m")
    return subprocess.run([*command, *where, *args], capture_output=True, text=True, check=False)


def test_healthy_releases_would_have_gone_through_and_faults_been_caught(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    done = backtest(remembering, tmp_path, "-o", "json")
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


def test_a_canary_that_names_its_server_needs_no_option(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    named = ANALYSIS | {"metricsServer": {"address": remembering.url}}
    path = tmp_path / "canary.yaml"
    path.write_bytes(orjson.dumps(canary("demo", analysis=named)))
    command = [sys.executable, "-m", "canaryd", "backtest", "-f", str(path), "--last", "2h"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "on 3 pods" in done.stdout


def test_people_get_a_table_and_a_chart(remembering: PrometheusServer, tmp_path: Path) -> None:
    done = backtest(remembering, tmp_path)
    assert "healthy releases: 0 of" in done.stdout
    assert "median time until it is caught:" in done.stdout
    assert "10x  #" in done.stdout


def test_a_namespace_without_requests_is_said(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    done = backtest(remembering, tmp_path, "-n", "elsewhere")
    assert done.returncode == 1
    assert "knows no request to podinfo-v1" in done.stderr


def test_a_server_that_is_away_is_said(remembering: PrometheusServer, tmp_path: Path) -> None:
    remembering.stop()
    try:
        done = backtest(remembering, tmp_path)
    finally:
        remembering.start()
    assert done.returncode == 1
    assert "could not be fetched" in done.stderr
    assert "look whether the address in --metrics-server is right" in done.stderr
