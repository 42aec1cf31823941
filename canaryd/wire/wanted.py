"""Says in words what a field wants, from the schema that the API server has of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel

from canaryd.wire.rules import VALIDATIONS
from canaryd.wire.schema import Schema, structural

MANY = 6
"""So many of an object's optional fields are named."""
_SAYS = ("must be ", "is ")
"""How a rule's sentence begins that says what the whole value has to be."""


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """Return the model's structural schema; made once, as that takes a tenth of a second."""
    return structural(model)


def find(schema: Schema, location: Sequence[int | str]) -> tuple[Schema, int]:
    """Return the field's schema, and how many parts of the location lead to it.

    Parts behind that are pydantic's own, like the choices of a union.
    """
    for depth, part in enumerate(location):
        below = schema.get("properties", {}).get(part) or schema.get(
            "items" if isinstance(part, int) else "additionalProperties"
        )
        if not isinstance(below, dict):
            return schema, depth
        schema = below
    return schema, len(location)


def wanted(field: Schema, given: object = None) -> str:
    """Return what follows `must be`; what was `given` instead decides which hint is added."""
    rule = _rule(field)
    text = isinstance(given, str)
    match field:
        case {"enum": values}:
            return " or ".join(map(str, values))
        case {"type": "integer" | "number" as kind}:
            number = ("a whole number" if kind == "integer" else "a number") + _range(field)
            whole = rule if rule.startswith("a ") else ", ".join(filter(None, (number, rule)))
            return whole + ("; without quotes or unit" if text else "")
        case {"type": "boolean"}:
            return "true or false" + (", without quotes" if text else "")
        case {"type": "array", "items": items}:
            return f"a list of {_amount(field, 'items')}, each {wanted(items)}"
        case {"type": "object"}:
            return _object(field)
        case {"type": "string"}:
            return _text(field, rule, given)
        case _:
            return rule


def meant(fields: Iterable[str], name: str) -> str:
    """Return the end of a sentence that names the field which is spelt like that; or nothing."""
    like = get_close_matches(name, fields, 1)
    return f"; is {like[0]} meant?" if like else ""


def counted(field: Schema, actual: int) -> str:
    """Say that a list or an object has too few or too many entries."""
    one, many = ("item", "items") if field.get("type") == "array" else ("name", "names")
    return f"has {actual} {one if actual == 1 else many}: must be {wanted(field)}"


def _rule(field: Schema) -> str:
    """What the rules say of the whole value; empty if nothing."""
    told = (rule["message"] for rule in field.get(VALIDATIONS, ()))
    whole = next((message for message in told if message.startswith(_SAYS)), "")
    return whole.removeprefix(_SAYS[0]).removeprefix(_SAYS[1])


def _range(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else ""


def _amount(field: Mapping[str, Any], unit: str) -> str:
    name = unit.capitalize()
    low, high = field.get(f"min{name}", 0), field.get(f"max{name}")
    if high is None:
        return unit
    if low == high:
        return f"exactly {high} {unit}"
    return f"{low} to {high} {unit}" if low else f"at most {high} {unit}"


def _object(field: Schema) -> str:
    if "properties" not in field:
        values = wanted(field.get("additionalProperties", {}))
        amount = _amount({"maxNames": field.get("maxProperties")}, "names")
        return f"an object of {amount} and values, like {{name: value}}; each value is {values}"
    needed: list[str] = field.get("required", [])
    others = [name for name in field["properties"] if name not in needed]
    if len(others) > MANY:
        others = [*others[:MANY], "…"]
    named = ", ".join(others)
    if not needed:
        # A rule of the whole object says as a rule that it may not be empty.
        return ("" if VALIDATIONS in field else "{} or ") + f"an object with any of {named}"
    example = ", ".join(f"{name}: …" for name in needed)
    return f"an object like {{{example}}}" + (f"; optional: {named}" if named else "")


def _text(field: Schema, rule: str, given: object) -> str:
    if rule.startswith("a duration"):
        return rule
    bounds = {"minLength", "maxLength"} & field.keys()
    length = {f"{name[:3]}Characters": field[name] for name in bounds}
    plain = f"text of {_amount(length, 'characters')}" if length else "text"
    quoted = isinstance(given, bool | int | float)
    if rule:
        return f"text in quotes: {rule}" if quoted else rule
    return f"{plain}, in quotes" if quoted else plain
