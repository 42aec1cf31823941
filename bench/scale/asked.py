"""What a query of the daemon asks about: read from its label matchers by regular expressions; pure.

It does not know PromQL, only which workloads, namespaces and pods are named and which of the
daemon's own questions this is. A new kind of question is one more line in `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_MATCHER = re.compile(r'(\w+)=~?"((?:[^"\\]|\\.)*)"')
_POD = re.compile(r"^(?P<workload>.+)-(?P<hash>[a-z0-9]+)-\.\+$")


class Kind(StrEnum):
    """The daemon's questions."""

    SUCCESS = "success"
    LATENCY = "latency"
    TILE = "tile"
    OTHER = "other"


KINDS = (
    (re.compile(r"\boffset\b"), Kind.TILE),
    (re.compile(r"histogram_quantile"), Kind.LATENCY),
    (re.compile(r"istio_requests_total"), Kind.SUCCESS),
)
"""The first that is found in the query."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query is about; `pods` are the prefixes of pod names by workload."""

    kind: Kind
    namespaces: frozenset[str]
    workloads: frozenset[str]
    pods: dict[str, str]


def read(query: str) -> Asked:
    """Read a query."""
    kind = next((kind for mark, kind in KINDS if mark.search(query)), Kind.OTHER)
    first: dict[str, str] = {}
    for label, value in _MATCHER.findall(query):
        first.setdefault(label, value)
    pods = {
        found["workload"]: f"{found['workload']}-{found['hash']}-"
        for one in alternatives(first.get("pod", ""))
        if (found := _POD.match(one))
    }
    return Asked(
        kind=kind,
        namespaces=frozenset(alternatives(first.get("destination_workload_namespace", ""))),
        workloads=frozenset(alternatives(first.get("destination_workload", ""))),
        pods=pods,
    )


def alternatives(matcher: str) -> Iterator[str]:
    r"""The plain texts that a matcher like `(?:a|b\.c)?` allows, unescaped."""
    text = matcher.replace("\\\\", "\\")
    if text.startswith("(?:"):
        text = text[3:].rstrip("?").removesuffix(")")
    for one in text.split("|"):
        if one:
            yield re.sub(r"\\(.)", r"\1", one)
