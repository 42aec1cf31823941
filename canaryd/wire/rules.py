"""One rule, two languages: what pydantic checks here and the API server checks in CEL.

A rule is written once with both forms and the one sentence that both sides say. It stands on a
field (in its `Annotated`) or on a whole model (in the model's `rules`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import override

VALIDATIONS = "x-kubernetes-validations"
BROKEN_RULE = "broken_rule"


def always(_: Any) -> bool:  # noqa: ANN401 - any value
    """Hold for every value: for rules that only the API server can check."""
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """A fact that must hold of a value, in Python and in CEL, and the sentence when it does not."""

    holds: Callable[[Any], bool]
    cel: str
    message: str

    def refuse(self) -> PydanticCustomError:
        """Return the error that carries this rule's sentence."""
        return PydanticCustomError(BROKEN_RULE, "{sentence}", {"sentence": self.message})

    def validation(self) -> dict[str, str]:
        """Return the rule as the API server knows it."""
        return {"rule": self.cel, "message": self.message}

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401 - any type
        handler: GetCoreSchemaHandler,
    ) -> core_schema.CoreSchema:
        def check(value: Any) -> Any:  # noqa: ANN401 - any value
            if not self.holds(value):
                raise self.refuse()
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        json = handler(schema)
        json[VALIDATIONS] = [*json.get(VALIDATIONS, []), self.validation()]
        return json


def matches(pattern: str, message: str) -> Rule:
    """Return the rule that a string matches the whole pattern (RE2 and Python alike)."""
    compiled = re.compile(pattern, re.ASCII)
    return Rule(
        holds=lambda text: compiled.fullmatch(text) is not None,
        cel=f"self.matches(r'^({pattern})$')",
        message=message,
    )


def distinct(attribute: str, message: str) -> Rule:
    """Return the rule that no two items of a list have the same value in `attribute`."""
    return Rule(
        holds=lambda items: len({getattr(item, attribute) for item in items}) == len(items),
        cel=f"self.all(a, self.exists_one(b, b.{attribute} == a.{attribute}))",
        message=message,
    )


class WireModel(BaseModel):
    """A part of an object as users write it: camelCase, nothing unknown, nothing guessed."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _leave_nulls_out(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the object says
        """Take a null for a missing field, as the API server does."""
        if isinstance(value, dict):
            return {name: inner for name, inner in value.items() if inner is not None}
        return value

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        broken = [rule.message for rule in self.rules if not rule.holds(self)]
        if broken:
            raise PydanticCustomError(BROKEN_RULE, "{sentence}", {"sentence": "; ".join(broken)})
        return self

    @override
    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        json = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            json[VALIDATIONS] = [rule.validation() for rule in cls.rules]
        return json
