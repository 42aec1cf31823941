"""The commands on real parts, as a pipeline and as a release manager use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.release import METRICS, Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

APPROVED: dict[str, Any] = {
    "interval": "2s",
    "threshold": 2,
    "metrics": METRICS,
    "steps": [{"weight": 10, "for": "1s", "approval": True}, {"weight": 100, "for": "1s"}],
}


class Pipeline:
    """A command in the background."""

    def __init__(self, release: Release, *arguments: str) -> None:
        command = [
            *(sys.executable, "-m", "canaryd", *arguments),
            *("-n", release.namespace, "--kubeconfig", str(release.world.kubeconfig)),
        ]
        self._release = release
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ends(self, exit_code: int) -> tuple[str, str]:
        """Wait for its end; returns what it printed."""
        out, err = self._process.communicate(timeout=120)
        assert self._process.returncode == exit_code, (out, err, self._release.account())
        return out, err


def manager(release: Release) -> Path:
    """The kubeconfig of somebody who decides on releases, and may do nothing else."""
    namespace = release.namespace
    metadata = {"name": "manager", "namespace": namespace}
    release.world.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    account = release.world.service_account(namespace, "manager")
    who = {"kind": "ServiceAccount", "name": "manager", "namespace": namespace}
    for role in ("canaryd-release-manager", "view"):
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"manager-{role}", "namespace": namespace},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [who],
        }
        release.world.apply(binding)
    kubeconfig: Path = account.kubeconfig
    return kubeconfig


def as_manager(release: Release, kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "canaryd", *arguments),
            *("-n", release.namespace, "--kubeconfig", str(kubeconfig)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_pipeline_waits_for_its_push_through_a_restart_of_the_api_server(
    release: Release,
) -> None:
    release.begin(analysis=APPROVED)
    idle = release.canaryctl("slot", "podinfo", "--deployment").strip()
    assert idle == "podinfo-v2"
    with release.world.load(rate=50, host=release.host):
        release.push("6.8.0")
        pipeline = Pipeline(release, "wait", "podinfo", "--timeout", "100s")
        release.wait_hold("ApprovalNeeded")
        held = release.canaryctl("wait", "podinfo", "--fail-on-hold", exit_code=6)
        assert "held: ApprovalNeeded: step 1 of 2 (10 %) waits for approval" in held
        release.world.parts["apiserver"].restart()
        release.wait_hold("ApprovalNeeded")
        assert "step 1 of 2 approved" in release.canaryctl("approve", "podinfo")
        out, err = pipeline.ends(0)
    lines = out.splitlines()[:-1]
    told = [line.split("  ", 1)[1] for line in lines]
    sentences = [notice["sentence"] for notice in release.status["notices"]]
    assert [one for one in told if one in sentences] == [one for one in sentences if one in told]
    assert len(set(lines)) == len(lines)  # a sentence may be told again, at another time
    assert any("promoted: it serves all traffic" in one for one in told)
    assert "the API server answers again" in err
    assert release.canaryctl("slot", "podinfo") == "v1\n"
    assert "promoted" in release.canaryctl("wait", "podinfo")


def test_a_pipeline_fails_with_the_reason_for_which_its_push_was_taken_back(
    release: Release,
) -> None:
    release.begin()
    with release.world.load(rate=100, host=release.host):
        release.push("6.9.0", error_rate=0.5)
        out, _ = Pipeline(release, "wait", "podinfo", "--timeout", "100s").ends(3)
    message = release.status["rejected"]["message"]
    assert out.splitlines()[-1] == f"taken back: {message}"
    assert message in release.canaryctl("wait", "podinfo", exit_code=3)
    why = release.canaryctl("why", "podinfo")
    assert "canaryd retry podinfo" in why
    assert "podinfo-v2" in release.canaryctl("get", "-o", "yaml")


def test_a_release_manager_decides_with_the_roles_of_deploy_in_their_own_name(
    release: Release,
) -> None:
    release.begin(analysis=APPROVED)
    kubeconfig = manager(release)
    user = f"system:serviceaccount:{release.namespace}:manager"
    with release.world.load(rate=50, host=release.host):
        release.push("6.8.0")
        release.wait_hold("ApprovalNeeded")
        code, said = as_manager(release, kubeconfig, "approve", "podinfo", "--step", "2")
        assert (code, "refused: step 1 is running, not step 2" in said) == (1, True), said
        code, said = as_manager(release, kubeconfig, "pause", "podinfo", "--reason", "lunch")
        assert (code, said) == (0, "podinfo: paused; it is judged on and may roll back\n")
        hold = release.wait_hold("Paused")["hold"]
        assert f"paused by {user}: lunch" in hold["message"]
        assert as_manager(release, kubeconfig, "wait", "podinfo", "--fail-on-hold")[0] == 6
        assert as_manager(release, kubeconfig, "abort", "podinfo")[0] == 0
        code, said = as_manager(release, kubeconfig, "wait", "podinfo")
        assert (code, f"{user} aborted the rollout" in said) == (3, True), said


def test_a_request_without_a_controller_stays_and_is_answered_later(release: Release) -> None:
    release.begin(analysis=APPROVED)
    with release.world.load(rate=50, host=release.host):
        release.push("6.8.0")
        release.wait_hold("ApprovalNeeded")
        release.daemon.kill()
        said = release.canaryctl("approve", "podinfo", "--timeout", "1s", exit_code=4)
        assert "stays and is answered when canaryd runs" in said
        release.daemon.start()
        release.wait_told("Approved")


def test_there_is_no_such_canary(release: Release) -> None:
    for command in ("why", "wait", "approve", "slot"):
        said = release.canaryctl(command, "nosuch", exit_code=7)
        assert said == f"Error: there is no Canary {release.namespace}/nosuch\n"
