"""Says in sentences, each naming its field, why an object was refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from canaryd.wire.rules import BROKEN_RULE

SHOULD_BE = "Input should be "
_PLAIN = re.compile(r"[\w$/-]+")
"""A field's name that needs no quotes in a path."""
_PART = re.compile(r'\["([^"]*)"\]|\[(\d+)\]|\.?([^.:\[\]\s]+)')


def sentences(error: ValidationError, root: str = "spec") -> tuple[str, ...]:
    """Return one sentence per mistake; `root` is the path of what was parsed."""
    return tuple(sentence(detail, root) for detail in error.errors(include_url=False))


def path_of(root: str, location: Iterable[int | str]) -> str:
    """Return a location as people write it: spec.analysis.metrics[0].name."""
    return (root + "".join(map(_step, location))).removeprefix(".")


def _step(part: int | str) -> str:
    """A name with a dot in it, as labels have, would be two."""
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN.fullmatch(part) or '"' in part else f'["{part}"]'


def path_in(sentence: str) -> tuple[int | str, ...]:
    """Return the location that a sentence begins with; where there is none, nothing fits it."""
    path: list[int | str] = []
    end = 0
    while found := _PART.match(sentence, end):
        quoted, index, name = found.groups()
        path.append(int(index) if index else name or quoted)
        end = found.end()
    return tuple(path)


def sentence(detail: ErrorDetails, root: str = "spec") -> str:
    """Say what one mistake is, as far as pydantic knows."""
    path = path_of(root, detail["loc"])
    message = detail["msg"].replace(" after validation", "")
    match detail["type"]:
        case "missing":
            return f"{path} is required"
        case "extra_forbidden":
            return f"{path} is not a known field: remove it or correct its name"
        case "json_invalid":
            return f"{root or 'the object'} is not readable: {message}"
        case kind if kind == BROKEN_RULE:
            return f"{path}: {message}"
        case _ if message.startswith(SHOULD_BE):
            return f"{path} must be {message.removeprefix(SHOULD_BE)}"
        case _:
            return f"{path}: {message[:1].lower()}{message[1:]}"
