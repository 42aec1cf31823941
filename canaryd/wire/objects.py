"""Whole objects as users write them, checked as the API server would check them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from canaryd.wire.crd import API_VERSION, BY_NAME, GROUP
from canaryd.wire.sentences import sentences

OWN_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


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
        kind.spec.model_validate_json(
            orjson.dumps(document["spec"], option=orjson.OPT_NON_STR_KEYS)
        )
    except ValidationError as error:
        return (*_around(document), *sentences(error))
    except TypeError as error:  # YAML knows more than JSON
        return (*_around(document), f"spec holds what JSON cannot say: {error}")
    return _around(document)


def _around(document: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = document.get("metadata")
    named = isinstance(metadata, Mapping) and (metadata.get("name") or metadata.get("generateName"))
    unnamed = () if named else ("metadata.name is required",)
    unknown = sorted(str(field) for field in document.keys() - OWN_FIELDS)
    return (
        *unnamed,
        *(f"{field} is not a known field: remove it or correct its name" for field in unknown),
    )
