"""Verdicts without a number in the YAML, on real parts: each is true, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.hour import load_hour
from tests.cluster.release import Release
from tests.world.faults import Status
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

ANALYSIS: dict[str, Any] = {"interval": "5s", "stepWeights": [30, 60], "evaluateEvery": "5s"}
SETTINGS = {
    "CANARYD_WARM_UP": "PT4S",
    "CANARYD_WEIGHT_SETTLES": "PT1S",
    "CANARYD_SHARE_SETTLES": "PT6S",
}
RATE = 150


@pytest.fixture
def daemon(installed: World, tmp_path: Path) -> Iterator[Daemon]:
    """A running daemon whose waits are short."""
    with installed.api_proxy() as api, installed.prometheus_proxy() as metrics:
        daemon = Daemon(installed, tmp_path, api=api, metrics=metrics, settings=SETTINGS)
        daemon.start()
        yield daemon
        daemon.kill()


@pytest.fixture
def judged(release: Release, tmp_path: Path) -> Release:
    """v1 has served for an hour, one request in a hundred failing; nothing is said of gates."""
    load_hour(release.world, tmp_path, release.namespace, error_rate=0.01)
    release.begin(analysis=ANALYSIS, replicas=2)
    release.world.behave(release.namespace, error_rate=0.01)
    return release


def gate(status: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (gate for gate in status["gates"] if gate["name"] == name)
    return dict(found)


def counted_on(judged: Release) -> dict[str, Any]:
    """Wait until evidence goes beyond where it stands, or the rollout ends."""
    stood = judged.status.get("evidence", {}).get("countedUntil", "")
    return judged.wait(
        lambda status: status.get("evidence", {}).get("countedUntil", "~") > stood,
        "counting to go on",
    )


def test_a_healthy_release_is_promoted_through_an_outage_that_both_sides_share(
    judged: Release,
) -> None:
    with judged.world.load(rate=RATE, host=judged.host):
        judged.push("6.7.2", error_rate=0.01)
        judged.wait_weight(30)
        judged.wait(lambda status: status.get("evidence", {}).get("tiles"), "a counted tile")
        for share in (0.3, 0.01):
            judged.world.behave(judged.namespace, error_rate=share)
            counted_on(judged)
        judged.wait(lambda status: status.get("primarySlot") == "v2", "promotion", 240)
    assert not judged.told("RolledBack")
    assert judged.status["background"]["podHours"] > 2


def test_errors_that_begin_after_warm_up_take_it_back_with_counts_and_odds(
    judged: Release,
) -> None:
    judged.world.behave(judged.namespace, error_rate=0.001)
    with judged.world.load(rate=RATE, host=judged.host):
        judged.push("6.7.2", error_rate=0.001)
        judged.wait_weight(30)
        judged.wait(lambda status: status.get("evidence", {}).get("tiles"), "a counted tile")
        judged.world.behave(judged.namespace, "podinfo-v2", error_rate=0.021)
        told = judged.wait_told("RolledBack", 200)
    assert judged.weights == (100, 0)
    assert judged.status["rejected"]["reason"] == "WorseThanPrimary"
    for words in ("errors: canary ", " vs primary ", "99 % interval", "evidence", "rollback at"):
        assert words in told["sentence"]


def test_slowness_alone_takes_it_back(judged: Release) -> None:
    with judged.world.load(rate=RATE, host=judged.host, connections=64):
        judged.push("6.7.2", error_rate=0.01, delay_ms=120)
        told = judged.wait_told("RolledBack", 120)
    assert "latency above " in told["sentence"]
    assert judged.status["rejected"]["reason"] == "WorseThanPrimary"
    assert gate(judged.status, "errors")["verdict"] != "Fail"


def test_a_frozen_mesh_is_told_apart_from_a_canary_without_requests(judged: Release) -> None:
    mesh = judged.world.parts["mesh"]
    with judged.world.load(rate=RATE, host=judged.host):
        judged.push("6.7.2", error_rate=0.01)
        judged.wait(lambda status: status.get("rollout"), "the rollout")
        mesh.suspend()
        try:
            status = judged.wait_hold("TrafficNotFollowing", 120)
            assert "istiod does not push" in status["hold"]["message"]
            assert status["canaryWeight"] == 30, "nothing rises"
        finally:
            mesh.resume()
        judged.wait(lambda status: status.get("primarySlot") == "v2", "promotion", 240)


def test_counts_of_an_outage_of_prometheus_are_made_up_for(judged: Release) -> None:
    with judged.world.load(rate=RATE, host=judged.host):
        judged.push("6.7.2", error_rate=0.01)
        judged.wait_weight(30)
        judged.wait(lambda status: status.get("evidence", {}).get("tiles"), "a counted tile")
        with judged.daemon.metrics.fault(Status(503)):
            status = judged.wait_hold("MetricsUnavailable")
            before = status["evidence"]
        judged.wait(
            lambda status: (
                status.get("primarySlot") == "v2"
                or status.get("evidence", {}).get("tiles", 0) >= before["tiles"] + 3
            ),
            "the missed tiles",
        )
        judged.wait(lambda status: status.get("primarySlot") == "v2", "promotion", 240)
    assert not judged.told("RolledBack")


def test_a_kill_in_mid_rollout_loses_no_evidence(judged: Release) -> None:
    with judged.world.load(rate=RATE, host=judged.host):
        judged.push("6.7.2", error_rate=0.01)
        judged.wait_weight(30)
        before = judged.wait(
            lambda status: status.get("evidence", {}).get("tiles"), "a counted tile"
        )["evidence"]
        judged.daemon.restart()
        after = judged.wait(
            lambda status: (
                status.get("evidence", {}).get("countedUntil", "~") > before["countedUntil"]
                or status.get("primarySlot") == "v2"
            ),
            "counting to go on",
        )
        if "evidence" in after:
            assert after["evidence"]["tiles"] >= before["tiles"]
        judged.wait(lambda status: status.get("primarySlot") == "v2", "promotion", 240)
