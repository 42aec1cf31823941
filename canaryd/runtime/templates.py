"""Facts about pod templates: their identity, images and labels; computed once per distinct text.

What is kept is small: of a text its digest, and one set of facts for a Deployment's template and
all the ReplicaSets that were made from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import msgspec

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
"""Kubernetes' own number of a Deployment's revision, on the Deployment and on its ReplicaSets."""


MOST = 1 << 16
"""So many texts are known at a time: six of each of ten thousand Canaries."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Template:
    """What canaryd needs to know of a pod template."""

    digest: str
    """Equal for a Deployment and the ReplicaSet that was made from it."""
    images: Mapping[str, str]
    labels: Mapping[str, str]


_known: dict[bytes, Template] = {}
_facts: WeakValueDictionary[str, Template] = WeakValueDictionary()


def read_template(raw: bytes) -> Template:
    """Read a template's JSON; the label that Kubernetes adds per ReplicaSet is left out."""
    text = hashlib.sha256(raw).digest()
    found = _known.get(text)
    if found is None:
        while len(_known) >= MOST:
            del _known[next(iter(_known))]
        template = _read(raw)
        found = _known[text] = _facts.setdefault(template.digest, template)
    return found


def _read(raw: bytes) -> Template:
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
