"""The daemon as a process: ready when synced, alone by its lease, gone cleanly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.release import Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def test_a_second_daemon_waits_and_takes_over_when_the_first_ends(
    release: Release, tmp_path: Path
) -> None:
    release.begin()
    first = release.daemon
    folder = tmp_path / "second"
    folder.mkdir()
    second = Daemon(
        release.world, folder, api=first.api, metrics=first.metrics, port=18081, identity="second"
    )
    second.start()
    try:
        with release.world.load(rate=100, host=release.host):
            release.push("6.7.2")
            release.wait_weight(10)
            assert "canaryd_lease_held 0.0" in second.metrics_page()
            assert first.terminate() == 0
            release.wait_told("Promoted")
        assert "canaryd_lease_held 1.0" in second.metrics_page()
        assert release.reasons.count("RolloutStarted") == 1
    finally:
        second.terminate()


def test_sigterm_ends_it_cleanly_and_gives_the_lease_back(release: Release) -> None:
    release.begin()
    assert release.daemon.terminate() == 0
    lease = release.world.get("leases", "canaryd", "canaryd")
    assert lease["spec"].get("holderIdentity", "") == ""


def test_it_runs_in_a_cluster_by_environment_and_token_file(
    release: Release, tmp_path: Path
) -> None:
    release.daemon.terminate()
    folder = tmp_path / "pod"
    folder.mkdir()
    daemon = Daemon(
        release.world, folder, api=release.daemon.api, metrics=release.daemon.metrics, port=18082
    )
    daemon.start_in_pod()
    try:
        release.daemon = daemon
        release.begin()
    finally:
        daemon.terminate()


def test_a_deleted_canary_moves_no_traffic(release: Release) -> None:
    steps = [{"weight": 50, "for": "1s", "approval": True}]
    metric = {"name": "up", "query": "vector(1)", "thresholdRange": {"max": 5}, "interval": "1s"}
    release.begin(analysis={"interval": "1s", "threshold": 1, "steps": steps, "metrics": [metric]})
    release.push("6.7.2")
    release.wait_weight(50)
    release.end()
    release.world.wait_for(
        lambda: (
            f'canary="podinfo",namespace="{release.namespace}"' not in release.daemon.metrics_page()
        ),
        "canaryd to know that it is gone",
    )
    assert release.weights == (50, 50)


def test_the_log_is_json_and_names_the_transition(release: Release) -> None:
    release.begin()
    assert '"reason":"TakenOver"' in release.daemon.tail()
