"""Whole objects as users write them, checked as the API server would check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from math import isfinite
from typing import Annotated, Any

import orjson
from pydantic import Field, ValidationError

from canaryd.wire.crd import API_VERSION, BY_NAME, GROUP
from canaryd.wire.explained import explained
from canaryd.wire.fields import Label, ObjectName
from canaryd.wire.rules import WireModel, matches
from canaryd.wire.sentences import path_of
from canaryd.wire.wanted import meant

OWN_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
Texts = dict[str, str | None]
"""What the API server takes for labels and annotations: it reads null as an empty text."""


class Named(WireModel):
    """What of an object's metadata names it; the rest is Kubernetes' own matter."""

    name: ObjectName | None = None
    generate_name: (
        Annotated[
            str,
            Field(max_length=253),
            matches(
                r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*-*",
                "must begin like a Kubernetes name: lower-case letters, digits, '-' and '.'",
            ),
        ]
        | None
    ) = None
    namespace: Label | None = None
    labels: Texts | None = None
    annotations: Texts | None = None


def is_ours(document: Mapping[str, Any]) -> bool:
    """Tell whether the object is of canaryd's group, in whichever version; or is meant to be.

    That is one of its kinds without any group: other projects have a Canary as well, in theirs.
    """
    group, grouped, _ = str(document.get("apiVersion") or "").partition("/")
    return group == GROUP or (not grouped and str(document.get("kind")) in BY_NAME)


def mistakes(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence per mistake in one of our objects; none when it would be accepted."""
    kind = BY_NAME.get(str(document.get("kind")))
    if "apiVersion" not in document:
        return (f"apiVersion is required: must be {API_VERSION}", *_unknown(document))
    if document["apiVersion"] != API_VERSION:
        return (f"apiVersion must be {API_VERSION}",)
    if kind is None:
        return (f"kind must be one of {', '.join(BY_NAME)}",)
    if "spec" not in document:
        return (*_around(document), "spec is required")
    try:
        raw = orjson.dumps(document["spec"], option=orjson.OPT_NON_STR_KEYS)
        if endless := tuple(_endless(document["spec"], ("spec",))):
            return (*_around(document), *endless)
        kind.spec.model_validate_json(raw)
    except ValidationError as error:
        return (*_around(document), *explained(error, kind.spec))
    except TypeError as error:  # YAML knows more than JSON
        return (*_around(document), f"spec holds what JSON cannot say: {error}")
    return _around(document)


def misnamed(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence per name, label and annotation that the API server would refuse."""
    given = {
        field: _as_kubernetes_reads(metadata[field])
        for field in ("name", "generateName", "namespace", "labels", "annotations")
        if metadata.get(field) not in (None, "")
    }
    try:
        Named.model_validate(given)
    except ValidationError as error:
        return explained(error, Named, "metadata")
    return ()


def _as_kubernetes_reads(value: object) -> object:
    """What looks like a date is text to it, and so is every name of a field."""
    if isinstance(value, Mapping):
        return {str(name): _as_kubernetes_reads(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, date) else value


def _endless(value: object, path: tuple[int | str, ...]) -> Iterator[str]:
    """Say where YAML's .inf and .nan stand, which JSON would silently leave out."""
    if isinstance(value, float) and not isfinite(value):
        yield f"{path_of('', path)} is {value}, which JSON cannot say: give a finite number"
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _endless(inner, (*path, str(name)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _endless(inner, (*path, index))


def _around(document: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping):
        metadata = {}
    named = any(metadata.get(field) not in (None, "") for field in ("name", "generateName"))
    unnamed = misnamed(metadata)
    if not named:
        unnamed = ("metadata.name is required", *unnamed)
    return (*unnamed, *_unknown(document))


def _unknown(document: Mapping[str, Any]) -> Iterator[str]:
    for field in sorted(str(field) for field in document.keys() - OWN_FIELDS):
        advice = f"remove it or correct its name{meant(OWN_FIELDS, field)}"
        yield f"{path_of('', (field,))} is not a known field: {advice}"
