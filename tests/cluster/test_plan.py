"""`canaryd plan` on a real Prometheus: releases of a service that is as busy as the last hour."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cluster.release import canary
from tests.world.prometheus import PrometheusServer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ANALYSIS = {"interval": "1m", "stepWeights": [10, 50], "evaluateEvery": "10s"}


def plan(folder: Path, *args: str, **analysis: Any) -> subprocess.CompletedProcess[str]:
    path = folder / "canary.yaml"
    path.write_bytes(orjson.dumps(canary("demo", analysis=ANALYSIS | analysis)))
    command = [sys.executable, "-m", "canaryd", "plan", "-f", str(path), "--rollouts", "10"]
    return subprocess.run([*command, *args], capture_output=True, text=True, check=False)


def test_the_service_is_taken_from_the_last_hour(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    done = plan(tmp_path, "--metrics-server", remembering.url, "-o", "json")
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    service = found["service"]
    assert service["pods"] == 3
    assert 85 < service["rate"] < 95
    assert 0.0015 < service["failing"] < 0.0025
    assert found["healthy"]["rollouts"] == 10
    assert found["healthy"]["rolledBack"] <= 1
    two, _, ten = found["faults"]
    assert (two["factor"], ten["factor"]) == (2, 10)
    assert ten["caught"] == ten["rollouts"] == 10
    assert found["falseAlarmsPerDay"] == found["falseAlarmsPerRollout"] == 0.01
    assert "fetching 1 h of demo/podinfo" in done.stderr


def test_people_are_told_how_busy_it_was_and_what_that_means(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    done = plan(tmp_path, "--metrics-server", remembering.url)
    first, *others = done.stdout.splitlines()
    assert first.startswith("demo/podinfo: ")
    assert "requests/s on 3 pods, 0.2 % fail usually" in first
    told = "\n".join(others)
    for words in ("healthy releases: ", "10x    10 of  10", "10x  #", "by design at most 1 %"):
        assert words in told


def test_a_canary_that_names_its_server_needs_no_option(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    done = plan(tmp_path, metricsServer={"address": remembering.url})
    assert done.returncode == 0, done.stderr
    assert "on 3 pods" in done.stdout


def test_a_service_that_had_no_requests_is_said(
    remembering: PrometheusServer, tmp_path: Path
) -> None:
    done = plan(tmp_path, "--metrics-server", remembering.url, "-n", "elsewhere")
    assert done.returncode == 1
    assert "knows no request to podinfo-v1 in the last hour" in done.stderr
    assert "or say --rate" in done.stderr
    assert not done.stdout


def test_a_server_that_is_away_is_said(remembering: PrometheusServer, tmp_path: Path) -> None:
    remembering.stop()
    try:
        done = plan(tmp_path, "--metrics-server", remembering.url)
    finally:
        remembering.start()
    assert done.returncode == 1
    assert "the past of demo/podinfo could not be fetched: " in done.stderr
    assert f"{remembering.url} gave no answer: no connection" in done.stderr
    assert "look whether the address in --metrics-server is right" in done.stderr
