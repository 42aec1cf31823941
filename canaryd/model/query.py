"""PromQL with `{{ name }}` variables: which there are, and how they are filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import product

VARIABLES = (
    "name",
    "namespace",
    "target",
    "primary",
    "canary",
    "service",
    "revision",
    "interval",
    "weight",
)
"""What a query may ask for; the CRD refuses everything else."""

LONGEST = 8192
"""So many characters may a query have, variables filled in: servers parse longer ones for long."""
MOST_GUESSED = 4
"""So many of a template's variables are guessed each on its own."""
OPENING = "{{"
_BLANK = r"[ \t\n\f\r]*"
"""What RE2 means by \\s; Python means more."""
WELL_FORMED = rf"([^{{]|\{{[^{{]|\{{\{{{_BLANK}({'|'.join(VARIABLES)}){_BLANK}\}}\}})*\{{?"
"""The pattern of queries in which every `{{` begins a variable that there is (Python and RE2)."""
OWN = "variables."
ARGUMENT = r"[A-Za-z][A-Za-z0-9_]{0,31}"
"""The pattern of the names of a template's own variables; its query says `variables.NAME`."""
WELL_FORMED_TEMPLATE = (
    rf"([^{{]|\{{[^{{]|\{{\{{{_BLANK}({'|'.join(VARIABLES)}){_BLANK}\}}\}}"
    rf"|\{{\{{ *variables\.{ARGUMENT} *\}}\}})*\{{?"
)
"""The same as `WELL_FORMED`, for queries of templates."""

_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
# Hexadecimal escapes mean the same in all of PromQL's quotes that know escapes at all.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': "\\x22", "'": "\\x27", "`": "\\x60", "\n": "\\n", "\r": "\\r"}
)


def own_variables(query: str) -> frozenset[str]:
    """Return the names of the template's own variables that its query uses, without prefix."""
    names = (found.strip() for found in _VARIABLE.findall(query))
    return frozenset(name.removeprefix(OWN) for name in names if name.startswith(OWN))


def render(query: str, variables: Mapping[str, str]) -> str:
    """Fill the variables in, escaped as PromQL strings.

    Raises ValueError naming an unknown one, or when what comes out is too long.
    """
    known = ", ".join(sorted(variables)) or "none"

    def value(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name not in variables:
            message = f"the query's variable {{{{ {name} }}}} is unknown: use {known}"
            raise ValueError(message)
        return variables[name].translate(_ESCAPES)

    if OPENING in _VARIABLE.sub("", query):
        raise ValueError("the query has a {{ without its }}: close it, like {{ namespace }}")
    rendered = _VARIABLE.sub(value, query)
    if len(rendered) > LONGEST:
        message = (
            f"the query has {len(rendered)} characters once its variables are filled in, more than"
            f" the {LONGEST} that may be asked: shorten it or the values"
        )
        raise ValueError(message)
    return rendered


def promql_duration(span: timedelta) -> str:
    """Return the span as PromQL writes durations: whole seconds, or else milliseconds."""
    milliseconds = round(span / timedelta(milliseconds=1))
    seconds, rest = divmod(milliseconds, 1000)
    return f"{milliseconds}ms" if rest else f"{seconds}s"


def stand_ins(
    arguments: Mapping[str, str | None], guesses: Sequence[str]
) -> Iterator[dict[str, str]]:
    """Values for a template's own variables, those without one guessed in all combinations.

    A query is right if it is for any of them. All alike come first; more than a few are only that.
    """
    fixed = {OWN + name: value for name, value in arguments.items() if value is not None}
    free = [OWN + name for name, value in arguments.items() if value is None]
    yield from (fixed | dict.fromkeys(free, guess) for guess in guesses)
    if len(free) > MOST_GUESSED:
        return
    for values in product(guesses, repeat=len(free)):
        yield fixed | dict(zip(free, values, strict=True))
