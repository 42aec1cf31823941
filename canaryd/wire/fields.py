"""The kinds of values that objects are made of: names and durations, with their bounds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from canaryd.wire.rules import Rule, matches

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DURATION = r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+"
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}
_DAYS = re.compile(r"([0-9]{1,9})d(.*)")
SHORTEST, LONGEST = "1s", "168h"
DURATION_BOUNDS = f"{SHORTEST} to {LONGEST}"


def parse_duration(text: str) -> timedelta:
    """Read a Go duration like `1m30s`; raises ValueError for anything else."""
    if not re.fullmatch(_DURATION, text):
        message = f"{text!r} is not a duration like 30s, 1m30s or 1h"
        raise ValueError(message)
    try:
        parts = [float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text)]
        return sum(parts, timedelta())
    except OverflowError as error:
        message = f"{text!r} is too long a duration"
        raise ValueError(message) from error


def parse_span(text: str) -> timedelta:
    """Read a duration as people give it to a program: one of an object's, and 7d, which Go has not.

    Raises ValueError for anything else.
    """
    days = _DAYS.fullmatch(text)
    if days is None:
        return parse_duration(text)
    rest = parse_duration(days[2]) if days[2] else timedelta()
    try:
        return timedelta(days=int(days[1])) + rest
    except OverflowError as error:
        message = f"{text!r} is too long a duration"
        raise ValueError(message) from error


def duration_of(shortest: str, longest: str) -> Rule:
    """Return the rule that a string is a duration within these two, ends included."""
    least, most = parse_duration(shortest), parse_duration(longest)

    def within(text: str) -> bool:
        try:
            return least <= parse_duration(text) <= most
        except ValueError:
            return False

    return Rule(
        holds=within,
        cel=f"self.matches(r'^{_DURATION}$')"
        f" && duration(self) >= duration('{shortest}') && duration(self) <= duration('{longest}')",
        message=f"must be a duration of {shortest} to {longest} in h, m, s and ms,"
        " like 30s, 1m30s or 1h",
    )


def _whole(value: Any) -> Any:  # noqa: ANN401 - whatever the object says
    """Let 5.0 pass as 5, as the API server does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


INTEGRAL = BeforeValidator(_whole)
"""Goes last in an integer's `Annotated`, so that its bounds stay in the schema."""
Percent = Annotated[int, Field(ge=1, le=100), INTEGRAL]

Duration = Annotated[str, Field(max_length=32), duration_of(SHORTEST, LONGEST)]
Fraction = Annotated[
    float,
    Rule(
        holds=lambda value: 0 < value < 1,
        cel="self > 0.0 && self < 1.0",
        message="is a fraction: 0.01 is 1 %; use more than 0 and less than 1",
    ),
]
Label = Annotated[
    str,
    Field(max_length=63),
    matches(
        _LABEL, "must be lower-case letters, digits and '-', with a letter or digit at both ends"
    ),
]
ObjectName = Annotated[
    str,
    Field(max_length=253),
    matches(
        rf"{_LABEL}(\.{_LABEL})*",
        "must be a Kubernetes name: lower-case letters, digits, '-' and '.',"
        " with a letter or digit at both ends",
    ),
]
