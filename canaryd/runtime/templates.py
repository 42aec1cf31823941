"""Facts about pod templates: their identity, images and labels; computed once per distinct text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

HASH_LABEL = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Template:
    """What canaryd needs to know of a pod template."""

    digest: str
    """Equal for a Deployment and the ReplicaSet that was made from it."""
    images: Mapping[str, str]
    labels: Mapping[str, str]


@lru_cache(maxsize=8192)
def read_template(raw: bytes) -> Template:
    """Read a template's JSON; the label that Kubernetes adds per ReplicaSet is left out."""
    content: dict[str, Any] = msgspec.json.decode(raw)
    meta: dict[str, Any] = dict(content.get("metadata") or {})
    labels: dict[str, str] = dict(meta.get("labels") or {})
    labels.pop(HASH_LABEL, None)
    meta.pop("creationTimestamp", None)
    text = msgspec.json.encode({**content, "metadata": {**meta, "labels": labels}}, order="sorted")
    containers: list[dict[str, str]] = content.get("spec", {}).get("containers") or []
    return Template(
        digest=hashlib.sha256(text).hexdigest(),
        images=MappingProxyType({c["name"]: c.get("image", "") for c in containers}),
        labels=MappingProxyType(labels),
    )
