"""Says in sentences why an object was refused, and what each field wants instead.

For people who wait for the answer: it takes the model's schema, which is made in a tenth of a
second. The daemon says `sentences`.
"""

from __future__ import annotations

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from canaryd.wire.schema import Schema
from canaryd.wire.sentences import path_of, sentence
from canaryd.wire.wanted import counted, find, meant, schema_of, wanted


def explained(
    error: ValidationError, model: type[BaseModel], root: str = "spec"
) -> tuple[str, ...]:
    """Return one sentence per mistake in what was parsed as this model; `root` is its path."""
    schema = schema_of(model)
    told = (_explained(detail, schema, root) for detail in error.errors(include_url=False))
    return tuple(dict.fromkeys(told))  # each choice of a union complains


def _explained(detail: ErrorDetails, schema: Schema, root: str) -> str:
    field, depth = find(schema, detail["loc"])
    path, given = path_of(root, detail["loc"][:depth]), detail["input"]
    match detail["type"]:
        case "missing":
            return f"{path} is required: add {wanted(field)}"
        case "too_short" | "too_long":
            return f"{path} {counted(field, len(given))}"
        case "string_too_long":
            most = detail.get("ctx", {}).get("max_length")
            return f"{path} has {len(given)} characters: may have at most {most}"
        case "string_too_short" | "string_unicode" as kind:
            fault = "is empty" if kind == "string_too_short" else "holds half a character"
            return f"{path} {fault}: must be {wanted(field)}"
        case "greater_than_equal" | "less_than_equal" | "int_from_float":
            return f"{path} is {given}: must be {wanted(field)}"
        case "extra_forbidden":
            known = field.get("properties", {})
            return sentence(detail, root) + meant(known, str(detail["loc"][-1]))
        case kind if kind.endswith("_type"):
            return f"{path} {_given(given, field)}: must be {wanted(field, given)}"
        case _:
            return sentence(detail, root)


def _given(value: object, field: Schema) -> str:
    """Say what stands there, if it is of a wrong kind; text is not shown: it may be a secret."""
    match value:
        case None:
            return "is empty (null)"
        case bool():
            return f"is {str(value).lower()}"
        case int() | float():
            lacks = ", without a unit" if wanted(field).startswith("a duration") else ""
            return f"is {value}{lacks}"
        case str():
            return "is text"
        case list():
            return "is a list"
        case _:
            return "is an object"
