"""The PromQL of the built-in metrics, for a group of workloads in one query.

As the destination reports them. Only pods of the judged revision count where series name their
pod; series without a `pod` label (recording rules, federation) count as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from canaryd.model.query import promql_duration
from canaryd.model.question import Question
from canaryd.model.spec import DURATION, SUCCESS_RATE

NAMESPACE = "destination_workload_namespace"
WORKLOAD = "destination_workload"

_SPECIAL = frozenset(r"\.+*?()|[]{}^$")
_SIDES = f"({NAMESPACE}, {WORKLOAD})"


def grouped(questions: Sequence[Question], size: int) -> Iterator[tuple[Question, ...]]:
    """Pack built-in questions that one query can answer: same metric, window and second.

    Two revisions of workloads of one name never share a query: the pod matcher could not tell
    them apart.
    """
    open_groups: dict[tuple[object, ...], list[list[Question]]] = {}
    for question in questions:
        alike = (question.metric, question.window, int(question.due.timestamp()))
        packs = open_groups.setdefault(alike, [])
        pack = next((one for one in packs if len(one) < size and _agrees(one, question)), None)
        if pack is None:
            packs.append([question])
        else:
            pack.append(question)
    for packs in open_groups.values():
        yield from map(tuple, packs)


def _agrees(pack: Sequence[Question], question: Question) -> bool:
    return all(
        other.revision == question.revision for other in pack if other.workload == question.workload
    )


def instant(group: Sequence[Question]) -> datetime:
    """Return when the group's query is evaluated: never before any of its questions is due.

    An earlier instant would let a window reach back into the step before.
    """
    return max(question.due for question in group)


LONGEST_BASE = 58
"""So much of its ReplicaSet's name stands in a pod's name."""


def built_in(group: Sequence[Question]) -> str:
    """Return the query whose answer has one series per asked workload."""
    metric = group[0].metric
    seconds = promql_duration(group[0].window)
    chosen = _selector(group)
    if metric == SUCCESS_RATE:
        every = f"sum by {_SIDES} (rate(istio_requests_total{{{chosen}}}[{seconds}]))"
        well = (
            f"sum by {_SIDES} (rate(istio_requests_total"
            f'{{{chosen}, response_code!~"5..|0"}}[{seconds}]))'
        )
        # Where nothing went well there is no such series: that is 0 %, not "no data".
        return f"100 * ({well} or 0 * {every}) / ({every} > 0)"
    if metric == DURATION:
        return (
            f"histogram_quantile(0.99, sum by (le, {NAMESPACE}, {WORKLOAD}) "
            f"(rate(istio_request_duration_milliseconds_bucket{{{chosen}}}[{seconds}])))"
        )
    raise ValueError(metric)


def _selector(group: Sequence[Question]) -> str:
    namespaces = "|".join(sorted({pattern(one.namespace) for one in group}))
    workloads = "|".join(sorted({pattern(one.workload) for one in group}))
    pods = "|".join(sorted({_pods(one) for one in group}))
    return (
        f'reporter="destination", {NAMESPACE}=~{string(namespaces)}, '
        f"{WORKLOAD}=~{string(workloads)}, pod=~{string(f'(?:{pods})?')}"
    )


def _pods(question: Question) -> str:
    if question.revision is None:
        return pattern(question.workload) + "-.+"
    base = f"{question.workload}-{question.revision}-"
    if len(base) > LONGEST_BASE:  # Kubernetes cuts it and appends five characters
        return pattern(base[:LONGEST_BASE]) + "[a-z0-9]{5}"
    return pattern(base) + ".+"


def pattern(text: str) -> str:
    """Escape for RE2: names of things hold a dot at most."""
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def string(text: str) -> str:
    """Write a PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
