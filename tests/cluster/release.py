"""The podinfo 90/10 case under canaryd, in the words of a test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tests.cluster.daemon import Daemon
from tests.world.api import ApiError

IMAGE = "ghcr.io/stefanprodan/podinfo:"
METRICS = [
    {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "3s"},
    {"name": "request-duration", "thresholdRange": {"max": 100}, "interval": "3s"},
]
ANALYSIS = {"interval": "2s", "threshold": 2, "stepWeights": [10, 50, 100], "metrics": METRICS}


def canary(namespace: str, name: str = "podinfo", **spec: Any) -> dict[str, Any]:
    """A Canary over podinfo-v1 and podinfo-v2."""
    slots = [
        {
            "name": slot,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"podinfo-{slot}"},
            "subset": slot,
        }
        for slot in ("v1", "v2")
    ]
    return {
        "apiVersion": "canaryd.io/v1beta1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "slots": slots,
            "virtualService": {"name": "podinfo"},
            "analysis": ANALYSIS,
            **spec,
        },
    }


class Release:
    """One Canary and its world."""

    def __init__(self, daemon: Daemon, namespace: str) -> None:
        self.daemon = daemon
        self.world = daemon.world
        self.namespace = namespace
        self.host = f"{namespace}.example"

    def begin(self, *, weights: tuple[int, int] = (100, 0), replicas: int = 1, **spec: Any) -> None:
        """Apply the case and its Canary; waits until it was taken over."""
        self.world.podinfo(self.namespace, host=self.host, weights=weights, replicas=replicas)
        self.apply(**spec)
        self.wait(lambda status: status.get("primarySlot"), "the Canary to be taken over")

    def apply(self, name: str = "podinfo", **spec: Any) -> None:
        """Apply the Canary."""
        self.world.apply(canary(self.namespace, name, **spec))

    def push(self, tag: str, slot: str = "v2", **behaviour: float) -> None:
        """Push another image to a slot."""
        self.world.set_image(self.namespace, f"podinfo-{slot}", IMAGE + tag, **behaviour)

    @property
    def object(self) -> dict[str, Any]:
        return self.world.get("canaries", self.namespace, "podinfo")

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.object.get("status", {})
        return found

    @property
    def virtual_service(self) -> dict[str, Any]:
        return self.world.get("virtualservices", self.namespace, "podinfo")

    @property
    def weights(self) -> tuple[int, int]:
        """What stands in the VirtualService for v1 and v2."""
        first, second = self.virtual_service["spec"]["http"][-1]["route"][:2]
        return first.get("weight", 0), second.get("weight", 0)

    def wait(
        self, condition: Callable[[dict[str, Any]], Any], what: str, seconds: float = 90
    ) -> dict[str, Any]:
        """Wait until the status is so; returns it."""

        def looked() -> dict[str, Any]:
            status = self.status
            return status if condition(status) else {}

        try:
            return self.world.wait_for(looked, f"{what} ({self.namespace})", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.account()}") from None

    def account(self) -> str:
        """What a failing test wants to know."""
        status: object = None
        with suppress(ApiError, OSError):
            status = self.status
        return f"status: {status}\ncanaryd: {self.daemon.tail()}"

    def wait_phase(self, phase: str, seconds: float = 90) -> dict[str, Any]:
        return self.wait(lambda status: status.get("phase") == phase, f"phase {phase}", seconds)

    def wait_hold(self, reason: str, seconds: float = 90) -> dict[str, Any]:
        return self.wait(
            lambda status: status.get("hold", {}).get("reason") == reason, f"hold {reason}", seconds
        )

    def wait_weight(self, weight: int, seconds: float = 90) -> dict[str, Any]:
        return self.wait(
            lambda status: status.get("canaryWeight") == weight, f"weight {weight}", seconds
        )

    def wait_told(self, reason: str, seconds: float = 90) -> dict[str, Any]:
        """Wait for a notice of that reason; returns it."""
        self.wait(lambda _: self.told(reason), f"a notice {reason}", seconds)
        return self.told(reason)[-1]

    def told(self, reason: str) -> Sequence[dict[str, Any]]:
        return [n for n in self.status.get("notices", []) if n["reason"] == reason]

    @property
    def reasons(self) -> list[str]:
        """What was told, in order."""
        return [notice["reason"] for notice in self.status.get("notices", [])]

    def condition(self, kind: str) -> dict[str, Any]:
        found = [c for c in self.status.get("conditions", []) if c["type"] == kind]
        return found[0] if found else {}

    def wait_condition(self, kind: str, reason: str, seconds: float = 60) -> dict[str, Any]:
        self.wait(
            lambda _: self.condition(kind).get("reason") == reason,
            f"condition {kind} with reason {reason}",
            seconds,
        )
        return self.condition(kind)

    def events(self) -> list[dict[str, Any]]:
        found = self.world.api.list(f"/api/v1/namespaces/{self.namespace}/events")
        mine = [e for e in found if e["involvedObject"]["kind"] == "Canary"]
        return sorted(mine, key=lambda event: int(event["metadata"]["name"].rpartition("-")[2]))

    def ask(self, verb: str, *, step: int | None = None) -> None:
        """Create a CanaryRequest as its own person."""
        status = self.status
        revision = (
            status["rollout"]["revision"] if verb != "retry" else status["rejected"]["revision"]
        )
        spec = {"canary": "podinfo", "verb": verb, "revision": revision, "by": "admin"}
        self.world.api.post(
            f"/apis/canaryd.io/v1beta1/namespaces/{self.namespace}/canaryrequests",
            {
                "apiVersion": "canaryd.io/v1beta1",
                "kind": "CanaryRequest",
                "metadata": {"generateName": f"{verb}-"},
                "spec": {**spec, **({"step": step} if step else {})},
            },
        )

    def answers(self) -> dict[str, str]:
        """What became of the requests, by verb."""
        found = self.world.api.list(
            f"/apis/canaryd.io/v1beta1/namespaces/{self.namespace}/canaryrequests"
        )
        return {one["spec"]["verb"]: one.get("status", {}).get("state", "") for one in found}

    def newest_pod(self, deployment: str) -> str:
        pods = self.world.pods(self.namespace, deployment)
        newest = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])
        name: str = newest["metadata"]["name"]
        return name

    def canaryctl(self, command: str, *arguments: str, exit_code: int = 0) -> str:
        """Run a canaryd command as a person does, and give back what it printed."""
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "canaryd", command, *arguments),
                *("-n", self.namespace, "--kubeconfig", str(self.world.kubeconfig)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == exit_code, (answer.stdout, answer.stderr, self.account())
        return answer.stdout + answer.stderr

    def end(self) -> None:
        """Delete the Canary, so that no later daemon works on it."""
        with suppress(ApiError, OSError):
            self.world.api.delete(
                f"/apis/canaryd.io/v1beta1/namespaces/{self.namespace}/canaries/podinfo"
            )
