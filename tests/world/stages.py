"""How kwok plays the kubelet: its own stages, changed where the tests need another behaviour.

A pod whose first image ends in ":broken" never gets ready. The annotation test/ready-after: "3s"
delays readiness. A deleted pod stays for three seconds and goes on serving, as one with a preStop
hook does while its endpoints are withdrawn. Readiness patched by a test stays as it is: kwok makes
only pending pods ready.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

RECIPE = "broken images, late readiness, 3 s of farewell, 1"
STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-complete",
    "pod/fast/pod-delete",
)


def adapted(kwok: Path) -> str:
    """The stages file for kwok, from the sources of its module."""
    import yaml  # noqa: PLC0415 - a warm build must not pay for it

    made = []
    for name in STAGES:
        stage = yaml.safe_load((kwok / "kustomize/stage" / f"{name}.yaml").read_text())
        _adapt(stage["spec"], name.rpartition("/")[2])
        made.append(stage)
    text: str = yaml.safe_dump_all(made, sort_keys=False)
    return text


def _adapt(spec: dict[str, Any], name: str) -> None:
    if name == "pod-ready":
        spec["selector"]["matchExpressions"].append(
            {
                "key": '.spec.containers[0].image | endswith(":broken")',
                "operator": "NotIn",
                "values": ["true"],
            }
        )
        late = {"expressionFrom": '.metadata.annotations["test/ready-after"]'}
        spec["delay"] = {"durationMilliseconds": 0, "durationFrom": late}
    elif name == "pod-delete":
        spec["delay"] = {"durationMilliseconds": 3000}
