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

OWN_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


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


def is_ours(document: Mapping[str, Any]) -> bool:
    """Tell whether the object is of canaryd's group, in whichever version."""
    return str(document.get("apiVersion", "")).partition("/")[0] == GROUP


def mistakes(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence per mistake in one of our objects; none when it would be accepted."""
    kind = BY_NAME.get(str(document.get("kind")))
    if document.get("apiVersion") != API_VERSION:
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
    """Return a sentence per name in the metadata that the API server would refuse."""
    given = {
        # What looks like a date is text to Kubernetes.
        field: str(metadata[field]) if isinstance(metadata[field], date) else metadata[field]
        for field in ("name", "generateName", "namespace")
        if metadata.get(field) not in (None, "")
    }
    try:
        Named.model_validate(given)
    except ValidationError as error:
        return explained(error, Named, "metadata")
    return ()


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
    unnamed = misnamed(metadata) if named else ("metadata.name is required",)
    unknown = sorted(str(field) for field in document.keys() - OWN_FIELDS)
    return (
        *unnamed,
        *(f"{field} is not a known field: remove it or correct its name" for field in unknown),
    )
