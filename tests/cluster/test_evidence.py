"""Verdicts without a number in the YAML, on real parts: each is true, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.hour import load_hour
from tests.cluster.release import Release
from tests.world.faults import Status
from tests.world.plan import PROMETHEUS
from tests.world.prometheus import ask
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

ANALYSIS: dict[str, Any] = {"interval": "5s", "stepWeights": [30, 60], "evaluateEvery": "5s"}
SETTINGS = {
    "CANARYD_WARM_UP": "PT4S",
    "CANARYD_WEIGHT_SETTLES": "PT1S",
    "CANARYD_SHARE_SETTLES": "PT6S",
}
RATE = 150
FROZEN = "istiod does not push, or the callers' proxies refuse what it pushes"


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


def taken_in(status: dict[str, Any]) -> int:
    """How many tiles have been taken in: those that counted, and those that were refused."""
    evidence = status["evidence"]
    return int(evidence.get("tiles", 0) + evidence.get("refused", {}).get("count", 0))


def requests_counted(status: dict[str, Any]) -> float:
    """The canary's requests that the errors gate rests on."""
    (errors,) = (gate for gate in status["evidence"]["gates"] if gate["name"] == "errors")
    (strand,) = errors["strands"]
    return float(sum(canary for _, canary, _, _ in strand["steps"]))


def assert_contiguous(judged: Release, before: dict[str, Any], after: dict[str, Any]) -> None:
    """No gap and no tile twice between two statuses without a change of the weight between them.

    As many tiles were taken in as fit between; and what they counted is what the proxies' counters
    grew by from the end of the one to the end of the other, by Prometheus' own books.
    """
    start, end = (
        datetime.fromisoformat(status["evidence"]["countedUntil"]) for status in (before, after)
    )
    tiles = (end - start) / timedelta(seconds=after["evidence"]["window"])
    assert taken_in(after) - taken_in(before) == tiles
    assert after["evidence"].get("refused") == before["evidence"].get("refused"), "a tile refused"
    pods = f"podinfo-v2-{after['rollout']['revision']}-.*"
    query = (
        f'sum(istio_requests_total{{reporter="destination",pod=~"{pods}",'
        f'destination_workload_namespace="{judged.namespace}"}})'
    )
    books = [ask(PROMETHEUS, query, at.timestamp())[0].value for at in (start, end)]
    assert requests_counted(after) - requests_counted(before) == books[1] - books[0] > 0


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
            said = status["hold"]["message"]
            assert said.startswith("podinfo-v2 got 0 % of the requests (0 of ")
            assert " at a weight of 30 %, " in said
            assert f": perhaps {FROZEN}; look at istioctl proxy-status, and at istiod" in said
            assert "because" not in said, "in the first step every cause gives 0 %"
            assert "known to be right: its pods (all 2 are ready) and their labels" in said
            assert "on sidecars they say what podinfo-v1's say" in said
            assert status["canaryWeight"] == 30, "nothing rises"
        finally:
            mesh.resume()
        judged.wait(lambda status: status.get("primarySlot") == "v2", "promotion", 240)


def test_counts_of_an_outage_of_prometheus_are_made_up_for(judged: Release) -> None:
    """Paused, so that no rise comes between: every interval until the end must be taken in once."""
    with judged.world.load(rate=RATE, host=judged.host):
        judged.push("6.7.2", error_rate=0.01)
        judged.wait_weight(30)
        judged.ask("pause")
        before = judged.wait(
            lambda status: (
                status.get("rollout", {}).get("paused")
                and status.get("evidence", {}).get("tiles", 0) >= 2
            ),
            "two counted tiles in a rollout that is paused",
        )
        with judged.daemon.metrics.fault(Status(503)):
            away = judged.wait_hold("MetricsUnavailable")
        after = judged.wait(
            lambda status: taken_in(status) >= taken_in(away) + 4, "the missed tiles", 120
        )
        assert after["canaryWeight"] == before["canaryWeight"] == 30
        assert_contiguous(judged, before, after)
        judged.ask("resume")
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
