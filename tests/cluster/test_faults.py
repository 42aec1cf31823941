"""Metrics and API server in trouble: named, held, never a failed check, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.release import Release
from tests.world.faults import HTML, Cut, End, Fault, Gone, Hang, Silent, Status, prometheus_answer
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TWO = prometheus_answer(({"pod": "a"}, "1"), ({"pod": "b"}, "2"))
INLINE = {
    "interval": "1s",
    "threshold": 1,
    "stepWeights": [10, 50, 100],
    "metrics": [
        {
            "name": "queue",
            "query": 'sum(up{job="pods"}) * 0 + {{ weight }} * 0 + 1',
            "thresholdRange": {"max": 5},
            "interval": "1s",
        }
    ],
}


@pytest.mark.parametrize(
    ("fault", "hold", "words"),
    [
        pytest.param(Hang(), "MetricsUnavailable", "no answer", id="hangs"),
        pytest.param(Status(500), "MetricsUnavailable", "500", id="answers 500"),
        pytest.param(HTML, "MetricsUnavailable", "", id="answers HTML"),
        pytest.param(Cut(), "MetricsUnavailable", "", id="cuts the connection"),
        pytest.param(prometheus_answer(({}, "NaN")), "NoCanaryData", "NaN", id="answers NaN"),
        pytest.param(TWO, "NoCanaryData", "2 series", id="answers two series"),
        pytest.param(prometheus_answer(), "NoCanaryData", "", id="answers nothing"),
    ],
)
def test_prometheus_in_trouble_holds_by_name_and_goes_on_afterwards(
    release: Release, fault: Fault, hold: str, words: str
) -> None:
    steps = [{"weight": 10, "for": "1s"}, {"weight": 50, "for": "1s", "approval": True}]
    analysis = {key: value for key, value in INLINE.items() if key != "stepWeights"}
    release.begin(analysis={**analysis, "steps": steps})
    release.push("6.7.2")
    release.wait_hold("ApprovalNeeded")
    with release.daemon.metrics.fault(fault, path="/api/v1/query"):
        status = release.wait_hold(hold)
        assert words in status["hold"]["message"]
        assert status["rollout"].get("failedChecks", 0) == 0
        assert release.weights == (50, 50)
    release.wait_hold("ApprovalNeeded")
    assert release.status["rollout"].get("failedChecks", 0) == 0


def test_a_stopped_prometheus_holds_at_0_and_the_push_goes_on_when_it_is_back(
    release: Release,
) -> None:
    release.begin()
    prometheus = release.world.parts["prometheus"]
    prometheus.stop()
    try:
        release.push("6.7.2")
        release.wait_hold("MetricsUnavailable")
        assert release.weights == (100, 0)
    finally:
        prometheus.start()
    with release.world.load(rate=100, host=release.host):
        release.wait_told("Promoted")


def test_the_api_server_restarts_in_mid_rollout_and_nothing_is_lost_or_doubled(
    release: Release,
) -> None:
    release.begin()
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.2")
        release.wait_weight(10)
        release.world.parts["apiserver"].restart()
        release.wait_told("Promoted", 150)
    assert release.reasons.count("RolloutStarted") == 1
    assert release.reasons.count("Promoted") == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Status(429, retry_after=1), id="429"),
        pytest.param(Status(500), id="500"),
    ],
)
def test_refused_writes_are_tried_again_and_the_rollout_ends(
    release: Release, fault: Fault
) -> None:
    release.begin()
    release.daemon.api.fault(fault, method="PATCH", times=4)
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.2")
        release.wait_told("Promoted")
    assert release.reasons.count("RolloutStarted") == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Cut(inside=True), id="cut inside a line"),
        pytest.param(Gone(), id="410 Gone"),
        pytest.param(Silent(), id="silent"),
    ],
)
def test_a_disturbed_watch_loses_no_push(release: Release, fault: Fault) -> None:
    release.begin()
    assert release.daemon.api.disturb(fault) > 0
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.2")
        release.wait_told("Promoted", 150)
    assert release.reasons.count("RolloutStarted") == 1


@pytest.mark.timeout(400)
def test_nothing_rises_while_the_watches_are_silent_and_it_says_so(
    installed: World, tmp_path: Path, namespace: str
) -> None:
    """Writes are answered, but no watch has said anything: the world may have moved."""
    waits = {"CANARYD_STALE_WATCH": "PT75S", "CANARYD_DEAD_WATCH": "PT10M"}
    steps = [{"weight": weight, "for": "1s", "approval": True} for weight in (10, 50)]
    analysis = {key: value for key, value in INLINE.items() if key != "stepWeights"}
    with (
        installed.api_proxy() as api,
        installed.prometheus_proxy() as metrics,
        Daemon(installed, tmp_path, api=api, metrics=metrics, settings=waits) as daemon,
    ):
        daemon.start()
        release = Release(daemon, namespace)
        release.begin(analysis={**analysis, "steps": steps})
        release.push("6.7.2")
        release.wait_hold("ApprovalNeeded")
        api.disturb(Silent())
        release.ask("approve", step=1)
        status = release.wait_hold("ApiUnavailable", 150)
        assert "said nothing about" in status["hold"]["message"]
        assert release.weights == (90, 10)
        api.disturb(End())
        release.wait_weight(50)
        release.end()
