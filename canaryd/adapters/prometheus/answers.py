"""What a metrics server's HTTP answer says, in values and words; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from canaryd.adapters.prometheus.session import Reply
from canaryd.model.answered import Answered

_WORDS = 300
"""So much of a server's own words is shown."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A number, or what was wrong instead."""

    answered: Answered
    value: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an answer holds no series; `too_much` says that a smaller query may work."""

    reading: Reading
    too_much: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a well-formed answer holds; `reservation` says why it may not be the whole truth."""

    kind: object
    result: Any
    reservation: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of an instant vector."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def unavailable(detail: str, *, too_much: bool = False) -> Trouble:
    """Nothing usable came."""
    return Trouble(Reading(Answered.UNAVAILABLE, detail=detail), too_much=too_much)


def opened(reply: Reply) -> Answer | Trouble:
    """Take an answer of the query API out of its envelope."""
    try:
        body = reply.json()
    except ValueError:
        body = None
    if reply.status_code != 200:  # noqa: PLR2004 - HTTP
        return _refusal(reply.status_code, body)
    if body is None:
        kind = reply.content_type.partition(";")[0] or "no type"
        return unavailable(f"the metrics server answered something that is not JSON ({kind})")
    if not isinstance(body, dict):
        return nonsense()
    answer = cast("dict[str, Any]", body)
    if answer.get("status") != "success":
        return unavailable(f"the metrics server answered 200 with an error: {_error(answer)}")
    try:
        data = answer["data"]
        return Answer(data["resultType"], data["result"], _reservation(answer))
    except (KeyError, TypeError):
        return nonsense()


def read(reply: Reply) -> tuple[Series, ...] | Trouble:
    """Read an answer to /api/v1/query."""
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.reservation:
        return Trouble(Reading(Answered.NO_DATA, detail=answer.reservation))
    try:
        return _series(answer.kind, answer.result)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return nonsense()


def nonsense() -> Trouble:
    """The answer cannot be understood."""
    return unavailable("the metrics server answered JSON of a shape that is not Prometheus'")


def _refusal(status: int, body: object) -> Trouble:
    answer = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    explained = answer.get("status") == "error"
    words = _error(answer)
    said = f"the metrics server answered {status}" + (f": {words}" if explained else "")
    too_much = status in {413, 422} or (status == 400 and _is_limit(words))  # noqa: PLR2004
    if explained and status in {400, 422}:
        said = f"the metrics server refused the query: {words}"
        return Trouble(Reading(Answered.REFUSED, detail=said), too_much=too_much)
    return Trouble(Reading(Answered.UNAVAILABLE, detail=said), too_much=too_much)


def _is_limit(words: str) -> bool:
    return any(mark in words.lower() for mark in ("too many", "exceed", "limit", "too large"))


def _error(answer: Mapping[str, Any]) -> str:
    return plain(answer.get("error") or answer.get("errorType") or "no reason given")


def _reservation(answer: Mapping[str, Any]) -> str:
    """Say why the answer may not be the whole truth; empty when nothing says so."""
    if warnings := answer.get("warnings"):
        told = warnings if isinstance(warnings, list) else [warnings]
        return "the answer carries a warning: " + plain(
            "; ".join(map(str, cast("list[object]", told)))
        )
    if answer.get("isPartial"):
        return "the answer is partial: not every store answered"
    return ""


def _series(kind: object, result: Any) -> tuple[Series, ...] | Trouble:  # noqa: ANN401
    if kind == "scalar":
        return (Series(number(result)),)
    if kind == "vector":
        lines: Iterable[Any] = result
        return tuple(_line(line) for line in lines)
    if kind in {"matrix", "string"}:
        detail = f"the query gives a {kind}, not one number"
        return Trouble(Reading(Answered.NO_DATA, detail=detail))
    return nonsense()


def _line(line: Mapping[str, Any]) -> Series:
    labels: Mapping[str, Any] = line["metric"]
    if "histogram" in line and "value" not in line:
        return Series(math.nan, {**labels, "__native__": "histogram"})
    return Series(number(line["value"]), {str(key): str(labels[key]) for key in labels})


def number(pair: Any) -> float:  # noqa: ANN401
    """Return the value of Prometheus' `[time, "value"]`; raises TypeError, ValueError and kin."""
    if not isinstance(pair, list):
        raise TypeError(pair)
    text = cast("list[object]", pair)[1]
    if not isinstance(text, str):
        raise TypeError(text)
    return float(text)


def reading(series: Iterable[Series], *, empty: str) -> Reading:
    """Make one number of what should be one series; `empty` says what none means."""
    found = list(series)
    if not found:
        return Reading(Answered.NO_DATA, detail=empty)
    if len(found) > 1:
        detail = f"the query gives {len(found)} series, not one number"
        return Reading(Answered.NO_DATA, detail=detail)
    only = found[0]
    if only.labels.get("__native__"):
        return Reading(Answered.NO_DATA, detail="the query gives a native histogram, not a number")
    if math.isnan(only.value):
        return Reading(Answered.NO_DATA, detail="the answer is NaN: nothing to divide by")
    if math.isinf(only.value):
        sign = "+" if only.value > 0 else "-"
        return Reading(Answered.NO_DATA, detail=f"the answer is {sign}Inf, not a number")
    return Reading(Answered.VALUE, value=only.value)


def plain(text: object) -> str:
    """Make a stranger's words fit for a status: one line, printable, not too long."""
    line = "".join(char if char.isprintable() else " " for char in str(text))
    return line if len(line) <= _WORDS else line[: _WORDS - 1] + "…"
