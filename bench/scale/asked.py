"""What a query of the daemon asks about: read from its text by regular expressions; pure.

It does not know PromQL, only which workloads, namespaces, pods, edges and spans are named, and
which of the daemon's own questions this is. A new kind of question is one more line in `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_MATCHER = re.compile(r'(\w+)=~?"((?:[^"\\]|\\.)*)"')
_EDGES = re.compile(r'\ble=~"((?:[^"\\]|\\.)*)"')
_OFFSET = re.compile(r"\boffset (\d+)(ms|s)")


class Kind(StrEnum):
    """The daemon's questions."""

    TIME = "time"
    BUSIEST = "busiest series"
    STEPS = "scrapes"
    SWIFT = "tiles"
    EXACT = "tiles, exactly"
    PAST = "past"
    REPORTING = "who counts"
    LATENCY = "latency"
    SUCCESS = "success"
    OTHER = "other"


KINDS = (
    (re.compile(r"^time\(\)$"), Kind.TIME),
    (re.compile(r"^topk\(1, count_over_time"), Kind.BUSIEST),
    (re.compile(r"^istio_requests_total\{[^}]*\}\[\w+\]$"), Kind.STEPS),
    (re.compile(r'"peak"'), Kind.SWIFT),
    (re.compile(r'"known"'), Kind.EXACT),
    (re.compile(r"\boffset\b"), Kind.PAST),
    (re.compile(r"\breporter\) \("), Kind.REPORTING),
    (re.compile(r"histogram_quantile"), Kind.LATENCY),
    (re.compile(r"istio_requests_total"), Kind.SUCCESS),
)
"""The first that is found in the query."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query is about."""

    kind: Kind
    namespaces: frozenset[str]
    workloads: frozenset[str]
    pod: str
    """The one pod that is named; of the question about scrapes only."""
    timed: bool
    """Whether buckets are asked for."""
    edges: frozenset[str] | None
    """The `le`s that are asked for; None: all."""
    offsets: tuple[float, ...]
    """Seconds, those that are named, shortest first."""


def read(query: str) -> Asked:
    """Read a query."""
    kind = next((kind for mark, kind in KINDS if mark.search(query)), Kind.OTHER)
    first: dict[str, str] = {}
    for label, value in _MATCHER.findall(query):
        first.setdefault(label, value)
    edges = [frozenset(alternatives(one)) for one in _EDGES.findall(query)]
    offsets = {int(n) / (1000 if unit == "ms" else 1) for n, unit in _OFFSET.findall(query)}
    return Asked(
        kind=kind,
        namespaces=frozenset(alternatives(first.get("destination_workload_namespace", ""))),
        workloads=frozenset(alternatives(first.get("destination_workload", ""))),
        pod=first.get("pod", ""),
        timed="_bucket{" in query,
        edges=max(edges, key=len) if len(edges) > (kind is Kind.SWIFT) else None,
        offsets=tuple(sorted(offsets)),
    )


def alternatives(matcher: str) -> Iterator[str]:
    r"""The plain texts that a matcher like `(?:a|b\.c)?` allows, unescaped."""
    text = matcher.replace("\\\\", "\\")
    if text.startswith("(?:"):
        text = text[3:].rstrip("?").removesuffix(")")
    for one in text.split("|"):
        if one:
            yield re.sub(r"\\(.)", r"\1", one)
