"""Facts about pod templates: their identity, images and labels; computed once per distinct text.

A template's text is long and is not kept: its facts are, as long as somebody holds them. What the
revisions of a workload have in common, as a rule all labels, is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast
from weakref import WeakValueDictionary

import msgspec

from canaryd.wire.watch import HASH_LABEL


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Template:
    """What canaryd needs to know of a pod template."""

    digest: str
    """Equal for a Deployment and the ReplicaSet that was made from it."""
    images: Mapping[str, str]
    labels: Mapping[str, str]


_known: WeakValueDictionary[bytes, Template] = WeakValueDictionary()


def read_template(raw: bytes) -> Template:
    """Read a template's JSON; the label that Kubernetes adds per ReplicaSet is left out.

    Never raises: what is odd in it has no facts. A text that cannot be read at all is nobody's
    equal, so that its Deployment counts as one that just changed.
    """
    text = hashlib.sha256(raw).digest()
    found = _known.get(text)
    if found is None:
        found = _known[text] = _read(raw)
    return found


def _read(raw: bytes) -> Template:
    try:
        content = _mapping(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Template(hashlib.sha256(raw).hexdigest(), images=_shared(()), labels=_shared(()))
    meta = _mapping(content.get("metadata"))
    labels = _mapping(meta.get("labels"))
    labels.pop(HASH_LABEL, None)
    meta.pop("creationTimestamp", None)
    text = msgspec.json.encode({**content, "metadata": {**meta, "labels": labels}}, order="sorted")
    containers = map(_mapping, _items(_mapping(content.get("spec")).get("containers")))
    return Template(
        digest=hashlib.sha256(text).hexdigest(),
        images=_words((c.get("name"), c.get("image", "")) for c in containers),
        labels=_words(labels.items()),
    )


def _mapping(value: object) -> dict[str, Any]:
    return dict(cast("dict[str, Any]", value)) if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _words(items: Iterable[tuple[object, object]]) -> Mapping[str, str]:
    return _shared(tuple((n, w) for n, w in items if isinstance(n, str) and isinstance(w, str)))


@lru_cache(maxsize=1024)
def _shared(items: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return MappingProxyType(dict(items))
