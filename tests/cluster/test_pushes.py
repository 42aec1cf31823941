"""Pushes, undos, edits and restarts at every awkward moment have the outcome that was promised."""

from __future__ import annotations

import pytest

from tests.cluster.release import ANALYSIS, Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

WAITING = {key: value for key, value in ANALYSIS.items() if key != "stepWeights"} | {
    "steps": [{"weight": 50, "for": "1s", "approval": True}]
}


def test_a_second_push_takes_the_first_one_off_and_is_judged_anew(release: Release) -> None:
    release.begin(analysis=WAITING)
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.2")
        first = release.wait_weight(50)["rollout"]
        release.push("6.7.3")
        release.wait_told("Superseded")
        release.wait_hold("ApprovalNeeded")
    second = release.status["rollout"]
    assert second["revision"] != first["revision"]
    assert (
        release.reasons[-3:-1] == ["StepEntered", "HoldStarted"]
        or "StepEntered" in (release.reasons[release.reasons.index("Superseded") :])
    )


def test_a_push_while_suspended_starts_and_is_held_at_0(release: Release) -> None:
    release.begin(suspend=True)
    release.push("6.7.2")
    release.wait_hold("Suspended")
    assert release.weights == (100, 0)
    assert release.status["rollout"]
    release.apply(suspend=False)
    with release.world.load(rate=100, host=release.host):
        release.wait_told("Promoted")


def test_weights_edited_once_are_restored_and_twice_are_contested(release: Release) -> None:
    release.begin(analysis=WAITING)
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.2")
        release.wait_hold("ApprovalNeeded")
        edit_weights(release, 20, 80)
        told = release.wait_told("WeightSet")
        assert "kubectl" in told["sentence"]
        assert "canaryd abort" in told["sentence"]
        release.world.wait_for(lambda: release.weights == (50, 50), "the weights to be restored")
        edit_weights(release, 70, 30)
        status = release.wait_hold("WeightsContested")
    assert "kubectl" in status["hold"]["message"]
    assert release.weights == (70, 30)


def edit_weights(release: Release, first: int, second: int) -> None:
    patch = (
        f'[{{"op":"replace","path":"/spec/http/0/route/0/weight","value":{first}}},'
        f'{{"op":"replace","path":"/spec/http/0/route/1/weight","value":{second}}}]'
    )
    release.world.kubectl(
        *("-n", release.namespace, "patch", "virtualservice", "podinfo"),
        *("--type=json", "-p", patch, "--field-manager=kubectl-edit"),
    )


def test_undo_of_the_push_is_an_abort(release: Release) -> None:
    release.begin(analysis=WAITING)
    release.push("6.7.2")
    with release.world.load(rate=100, host=release.host):
        release.wait_weight(50)
    release.world.kubectl("-n", release.namespace, "rollout", "undo", "deployment/podinfo-v2")
    release.wait_told("Aborted")
    assert release.wait_phase("Idle")["canaryWeight"] == 0
    assert release.weights == (100, 0)


def test_an_annotation_changes_nothing_and_a_restart_of_the_idle_slot_is_a_push(
    release: Release,
) -> None:
    release.begin(analysis=WAITING)
    before = release.object["metadata"]["resourceVersion"]
    release.world.kubectl(
        *("-n", release.namespace, "annotate", "deployment/podinfo-v2", "note=hello"),
    )
    mark = release.world.audit_mark()
    release.world.kubectl("-n", release.namespace, "rollout", "restart", "deployment/podinfo-v2")
    release.wait_told("RolloutStarted")
    assert release.reasons == ["TakenOver", "RolloutStarted"]
    assert before != release.object["metadata"]["resourceVersion"]
    assert mark is not None


def test_a_restart_of_the_serving_slot_is_said_at_once(release: Release) -> None:
    release.begin(analysis=WAITING)
    release.world.kubectl("-n", release.namespace, "rollout", "restart", "deployment/podinfo-v1")
    told = release.wait_told("ServingSlotChanged")
    assert "cannot guard" in told["sentence"]
    assert release.status["phase"] == "Idle"
    assert release.weights == (100, 0)


def test_a_canary_that_loses_its_pods_gets_no_traffic_and_returns_when_ready(
    release: Release,
) -> None:
    release.begin(analysis=WAITING)
    release.push("6.7.2")
    with release.world.load(rate=100, host=release.host):
        release.wait_hold("ApprovalNeeded")
        pod = release.newest_pod("podinfo-v2")
        release.world.pod_unready(release.namespace, pod)
        release.wait_weight(0)
        assert release.status["cap"]["reason"] == "CanaryLost"
        release.world.pod_ready(release.namespace, pod)
        release.wait_weight(50)
