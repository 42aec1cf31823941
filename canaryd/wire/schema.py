"""From a pydantic model to the structural schema that the API server wants in a CRD.

No references, no unions but of integer and string, no nulls, no defaults (objects stay as they
were written): what is lost that way is said in each field's description instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from canaryd.wire.rules import VALIDATIONS

INT_OR_STRING = "x-kubernetes-int-or-string"
KEPT = (
    "type",
    "format",
    "nullable",
    "description",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "items",
    "additionalProperties",
    INT_OR_STRING,
    VALIDATIONS,
)
"""In the order in which they are written."""

Schema = dict[str, Any]


def structural(model: type[BaseModel]) -> Schema:
    """Return the model's structural schema."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(whole, whole.get("$defs", {}))


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    flat = _flatten(node, definitions)
    if flat.get("type") == "integer":
        flat["format"] = "int64"
    if "properties" in flat:
        flat["properties"] = {
            name: _convert(child, definitions) for name, child in flat["properties"].items()
        }
        flat.pop("additionalProperties", None)
    for inner in ("items", "additionalProperties"):
        if inner in flat:
            flat[inner] = _convert(flat[inner], definitions)
    if "description" in flat:
        flat["description"] = _complete(flat)
    return {word: flat[word] for word in KEPT if word in flat}


def _flatten(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Put references, optional values and constants in place; the outer words win."""
    flat = dict(node)
    if "$ref" in flat:
        name = flat.pop("$ref").rpartition("/")[2]
        return _flatten(definitions[name] | flat, definitions)
    if "anyOf" in flat:
        choices = [choice for choice in flat.pop("anyOf") if choice.get("type") != "null"]
        if {choice.get("type") for choice in choices} == {"integer", "string"}:
            return {INT_OR_STRING: True, **flat}
        (only,) = choices
        return _flatten({**only, **flat}, definitions)
    if "const" in flat:
        flat["enum"] = [flat.pop("const")]
    return flat


def _complete(node: Schema) -> str:
    """Add to a description the default and the bounds that the schema knows."""
    parts = [str(node["description"]).strip()]
    match node:
        case {"minimum": low, "maximum": high}:
            parts.append(f"From {low} to {high}.")
        case {"type": "array", "minItems": low, "maxItems": high} if low < high:
            parts.append(f"{low} to {high} items.")
        case {"type": "array", "maxItems": high} if "minItems" not in node:
            parts.append(f"At most {high} items.")
        case _:
            pass
    default = node.get("default")
    plain = isinstance(default, str | int | float) and default != ""
    if plain and not str(default).startswith("P"):  # an ISO duration is no number of seconds
        parts.append(f"Default {str(default).lower() if isinstance(default, bool) else default}.")
    return " ".join(parts)
