"""The PromQL of tiles: exact counts between two instants, for a group of canaries in one query.

The server does growth, restarts and new series, per series; a series that is new, or that was set
back, counts whole:

    sum by (...) (((X - X offset W) >= 0) or X)

Everything a tile says stands in one answer, because two servers behind one address were not scraped
at the same instants: what one counted cannot be vouched for by the other's scrapes. Its parts are
told apart by the label `part`; rows of counts, most of an answer, do without, as `part_of` knows
them.

There is no matcher on pods: it would be compared with every pod name that the server knows, for
each part. Which pods are meant is decided from the answer.

This form matches every series with itself, which is most of its price; see `swift` for the cheaper
one that is asked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from canaryd.adapters.prometheus.edges import spellings
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD, pattern, string
from canaryd.model.gates import Reporter
from canaryd.model.query import promql_duration
from canaryd.model.question import TileQuestion
from canaryd.model.tile import ALL

REQUESTS = "istio_requests_total"
BUCKETS = "istio_request_duration_milliseconds_bucket"
UNKNOWN = "unknown"
"""What Istio calls the workload of a request that reached none."""
EARLIER = timedelta(hours=1)
"""How far back a pod is looked for that was not there at the start."""
LATELY = timedelta(minutes=5)
"""Who counted requests in that time counts them."""
COUNTS, TIMED, AT_END, AT_START, WARM, KNOWN = "counts", "timed", "end", "start", "warm", "known"
LOST, SERVED = "lost", "served"

PART = "part"
POD = f"{NAMESPACE}, {WORKLOAD}, pod"
CODES = f"{POD}, response_code, grpc_response_status"
SERVICE = "destination_service_name"
SERVICE_NAMESPACE = "destination_service_namespace"


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that one query answers; `closely`: exactly, after the swift form was not sure."""

    questions: tuple[TileQuestion, ...]
    closely: bool = False

    @property
    def edges(self) -> frozenset[float] | None:
        """All edges that any question wants; None: whatever there is."""
        wanted: set[float] = set()
        for question in self.questions:
            if question.edges is None:
                return None
            wanted.update(question.edges)
        return frozenset({*wanted, ALL} if wanted else wanted)

    def halves(self) -> tuple[Group, Group]:
        """Two smaller groups."""
        half = len(self.questions) // 2
        return (
            replace(self, questions=self.questions[:half]),
            replace(self, questions=self.questions[half:]),
        )


def grouped(questions: Sequence[TileQuestion], size: int) -> Iterator[Group]:
    """Pack questions of the same instants; those that want the same edges stand together.

    Those that know who is warm are packed by themselves: the others' query has a part more.
    """
    alike: dict[tuple[object, ...], list[TileQuestion]] = {}
    for question in questions:
        latency = None if question.edges is None else bool(question.edges)
        same = (
            (question.end, question.window, question.warm_up, question.reporter),
            (latency, bool(question.warm)),
        )
        alike.setdefault(same, []).append(question)
    for pack in alike.values():
        pack.sort(key=lambda question: (question.edges or (), question.key))
        for start in range(0, len(pack), size):
            yield Group(tuple(pack[start : start + size]))


def exact(group: Group) -> str:
    """Return the instant query, at the end of the tile, that is true whatever happened in it."""
    first = group.questions[0]
    window = promql_duration(first.window)
    chosen = selector(first.reporter, sides(group))
    series = f"{REQUESTS}{{{chosen}}}"
    hour = promql_duration(EARLIER)
    parts = {
        KNOWN: f"group by ({POD}) (last_over_time({series}[{hour}] offset {window}))",
        AT_END: f"max by ({POD}) (timestamp({series}))",
        AT_START: f"max by ({POD}) (timestamp({series} offset {window}))",
    }
    if first.warm_up:
        earlier = promql_duration(first.window + first.warm_up)
        parts[WARM] = f"group by ({POD}) ({series} offset {earlier})"
    large = {COUNTS: f"sum by ({CODES}) ({growth(series, window)})"}
    if group.edges is None or group.edges:
        timed = f"{BUCKETS}{{{chosen}{only(group.edges)}}}"
        large[TIMED] = f"sum by ({POD}, le) ({growth(timed, window)})"
    return joined(parts | unattributed(group, series), large)


def present(group: Group) -> str:
    """Return the instant query for the edges that the workloads' buckets have."""
    chosen = selector(group.questions[0].reporter, sides(group))
    return f"group by ({NAMESPACE}, {WORKLOAD}, le) ({BUCKETS}{{{chosen}}})"


def reporting(group: Group) -> str:
    """Return the instant query for who has counted requests of the workloads lately.

    Clients remember those of pods that are long gone: only what has grown tells who counts.
    """
    series = f"{REQUESTS}{{{_named(sides(group))}}}[{promql_duration(LATELY)}]"
    return f"sum by ({NAMESPACE}, {WORKLOAD}, reporter) (rate({series})) > 0"


def joined(parts: Mapping[str, str], large: Mapping[str, str]) -> str:
    """Make one query of the parts, small ones first: an `or` goes over all before it."""
    named = (f'label_replace({query}, "{PART}", "{part}", "", "")' for part, query in parts.items())
    return " or ".join((*named, *large.values()))


def part_of(labels: Mapping[str, str]) -> str:
    """Return which part a line belongs to."""
    return labels.get(PART) or (TIMED if "le" in labels else COUNTS)


def unattributed(group: Group, series: str) -> dict[str, str]:
    """Return the parts about requests that reached no workload; only clients count those."""
    first = group.questions[0]
    if first.reporter is not Reporter.SOURCE:
        return {}
    lost = f"{REQUESTS}{{{_lost(group)}}}"
    by, window = f"{SERVICE}, {SERVICE_NAMESPACE}", promql_duration(first.window)
    return {
        LOST: f"sum by ({by}, response_code, grpc_response_status) ({growth(lost, window)})",
        SERVED: f"group by ({by}, {NAMESPACE}, {WORKLOAD}) ({series})",
    }


def growth(series: str, window: str) -> str:
    """How much each series grew in the window; a new one, or one set back, counts whole."""
    return f"(({series} - {series} offset {window}) >= 0) or {series}"


def sides(group: Group) -> Iterator[tuple[str, str]]:
    """Namespace and name of every workload that is asked about."""
    for question in group.questions:
        yield question.namespace, question.canary
        yield question.namespace, question.primary


def selector(reporter: Reporter, workloads: Iterable[tuple[str, str]]) -> str:
    """Return the matchers of these workloads' series (and of namesakes in others' namespaces)."""
    return f"reporter={string(reporter.value)}, {_named(workloads)}"


def _named(workloads: Iterable[tuple[str, str]]) -> str:
    named = list(workloads)
    return (
        f"{_one_of(NAMESPACE, (namespace for namespace, _ in named))}, "
        f"{_one_of(WORKLOAD, (workload for _, workload in named))}"
    )


def _one_of(label: str, values: Iterable[str]) -> str:
    return f"{label}=~{string('|'.join(map(pattern, sorted(set(values)))))}"


def only(edges: frozenset[float] | None) -> str:
    """Return the further matcher that lets these edges pass, however they are spelt."""
    if edges is None:
        return ""
    spelt = (text for edge in sorted(edges) for text in spellings(edge))
    return f", le=~{string('|'.join(map(pattern, spelt)))}"


def _lost(group: Group) -> str:
    """Return the matchers of requests to services of these namespaces that no workload got."""
    return (
        f"reporter={string(Reporter.SOURCE.value)}, {WORKLOAD}={string(UNKNOWN)}, "
        f"{_one_of(SERVICE_NAMESPACE, (namespace for namespace, _ in sides(group)))}"
    )
