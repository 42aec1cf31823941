"""The daemon as a process: ready when synced, alone by its lease, gone cleanly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.daemon import Daemon, DaemonEndedError
from tests.cluster.release import Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def test_a_second_daemon_waits_and_takes_over_when_the_first_ends(
    release: Release, tmp_path: Path
) -> None:
    release.begin()
    first = release.daemon
    folder = tmp_path / "second"
    folder.mkdir()
    with Daemon(
        release.world, folder, api=first.api, metrics=first.metrics, identity="second"
    ) as second:
        second.start()
        with release.world.load(rate=100, host=release.host):
            release.push("6.7.2")
            release.wait_weight(10)
            assert "canaryd_lease_held 0.0" in second.metrics_page()
            assert first.terminate() == 0
            release.wait_told("Promoted")
        assert "canaryd_lease_held 1.0" in second.metrics_page()
        assert release.reasons.count("RolloutStarted") == 1


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
    with Daemon(
        release.world, folder, api=release.daemon.api, metrics=release.daemon.metrics
    ) as daemon:
        daemon.start_in_pod()
        release.daemon = daemon
        release.begin()


def test_no_daemon_of_the_tests_hides_another_ones_end(daemon: Daemon) -> None:
    with pytest.raises(RuntimeError, match="runs already"):
        daemon.start()
    assert not daemon.unready()
    daemon.kill()
    with pytest.raises(DaemonEndedError, match=r'exit code -9[\s\S]*"started"'):
        daemon.wait_ready()


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
