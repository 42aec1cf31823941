"""Values that only canaryd writes: instants, spans and sentences cut to their greatest length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

LONGEST_SENTENCE = 1024
LONGEST_WORD = 512
ELLIPSIS = "…"


def instant(at: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC, always with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def clip(text: str, limit: int = LONGEST_SENTENCE) -> str:
    """Cut a text to its greatest length, showing that it was cut."""
    return text if len(text) <= limit else text[: limit - len(ELLIPSIS)] + ELLIPSIS


def _clip_word(text: Any) -> Any:  # noqa: ANN401 - whatever is there
    return clip(text, LONGEST_WORD) if isinstance(text, str) else text


def _clip_sentence(text: Any) -> Any:  # noqa: ANN401 - whatever is there
    return clip(text) if isinstance(text, str) else text


def _in_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _span(value: Any) -> Any:  # noqa: ANN401 - whatever is there
    return timedelta(seconds=value) if isinstance(value, int | float) else value


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever is there
    return None if isinstance(value, float) and not isfinite(value) else value


Instant = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Seconds = Annotated[
    timedelta,
    BeforeValidator(_span),
    PlainSerializer(timedelta.total_seconds, return_type=float),
    WithJsonSchema({"type": "number"}),
]
Word = Annotated[str, Field(max_length=LONGEST_WORD), BeforeValidator(_clip_word)]
Sentence = Annotated[str, Field(max_length=LONGEST_SENTENCE), BeforeValidator(_clip_sentence)]
Finite = Annotated[float | None, BeforeValidator(_finite)]
"""JSON has neither NaN nor infinity; they are left out."""
