"""The podinfo 90/10 case, in any namespace and for any host, so that tests can run side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MANIFEST = Path(__file__).parent / "podinfo.yaml"


def podinfo(
    namespace: str = "demo",
    *,
    host: str = "*",
    replicas: int = 1,
    weights: tuple[int, int] = (90, 10),
) -> list[dict[str, Any]]:
    """The case's objects. The namespace itself comes first."""
    text = MANIFEST.read_text().replace("podinfo.demo.svc", f"podinfo.{namespace}.svc")
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(text))
    for thing in objects:
        match thing["kind"]:
            case "Namespace":
                thing["metadata"]["name"] = namespace
                continue
            case "Deployment":
                thing["spec"]["replicas"] = replicas
            case "VirtualService":
                thing["spec"]["hosts"] = [host]
                for destination, weight in zip(
                    thing["spec"]["http"][0]["route"], weights, strict=True
                ):
                    destination["weight"] = weight
            case _:
                pass
        thing["metadata"]["namespace"] = namespace
    return objects
