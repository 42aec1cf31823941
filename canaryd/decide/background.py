"""From the last hour of the pods that served as primary: how unevenly their failures fall."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import TypeAlias

from canaryd.decide.buckets import named_edges
from canaryd.decide.evidence import dispersion
from canaryd.decide.hour import Counts, Track, stretches, tracks
from canaryd.model.gates import Counted, Evidential
from canaryd.model.past import Past
from canaryd.model.tile import ALL, Background, Edge

LEAST_TAIL, MOST_TAIL = 0.002, 0.30
"""A bucket edge tells when this share of the primary's requests lies beyond it."""
MOST_EDGES = 8

Table: TypeAlias = list[Counts]
"""Counts by [pod][column]."""


def background(
    past: Past,
    *,
    primary: str,
    canary: str,
    served_since: datetime,
    window: timedelta,
    grpc_good: frozenset[str],
    asked_at: datetime,
    warm_up: timedelta = timedelta(),
    named: Collection[float] = (),
    about: str = "",
) -> Background:
    """Tell how the serving pods vary, from columns of length `window`, oldest first.

    `served_since` is on the clock of the columns: from then on `primary` served, before it the
    workload that is `canary` now. A column in which they changed places is left out, and so is
    each pod's `warm_up`, as in tiles. Edges that are `named` by a gate are told of in any case.
    """
    served = stretches(
        past.ends, primary=primary, canary=canary, served_since=served_since, window=window
    )
    pods = tracks(past, served, cold=ceil(warm_up / window), grpc_good=grpc_good)
    beside = [n for column in zip(*(pod.here for pod in pods), strict=True) if (n := sum(column))]
    # Pods that hardly ever served side by side cannot be compared: they are one pod then, which is
    # compared with itself.
    pooled = 2 * sum(n > 1 for n in beside) < len(beside)
    seconds = window.total_seconds()
    requests = sum(sum(pod.requests) for pod in pods)
    failed, asked = [pod.errors for pod in pods], [pod.requests for pod in pods]
    return Background(
        asked_at=asked_at,
        pods=max(beside[-3:], default=0),
        # Pods that served nobody have shown nothing, however long they were there.
        pod_hours=sum(beside) * seconds / 3600 if requests else 0.0,
        errors=_unevenness(failed, asked, pooled=pooled),
        edges=_edges(pods, pooled=pooled, named=named),
        rate=requests / (len(beside) * seconds) if beside else 0.0,
        buckets=tuple(sorted({edge for pod in pods for edge in pod.below} - {ALL})),
        about=about,
    )


def subject(rules: Evidential) -> str:
    """What the background of these gates is about; an edit that changes it asks for another one."""
    good = " ".join(sorted(rules.grpc_good))
    timed = any(gate.counted is Counted.LATENCY for gate in rules.gates)
    edges = " ".join(f"{edge:g}" for edge in named_edges(rules.gates))
    latency = f"; latency {edges}".rstrip() if timed else ""
    return f"{rules.reporter.value}; good {good}{latency}"


def telling(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Return those whose tail tells, and the first one beyond: there two sides are compared."""
    told: list[Edge] = []
    for edge in edges:
        if edge.tail <= MOST_TAIL:
            told.append(edge)
        if edge.tail < LEAST_TAIL:
            break
    return tuple(told[-MOST_EDGES:])


def _edges(pods: Sequence[Track], *, pooled: bool, named: Collection[float]) -> tuple[Edge, ...]:
    """Tell of the edges that tell, and of those that are named."""
    timed = [pod.timed for pod in pods]
    total = sum(map(sum, timed))
    if not total:
        return ()
    pairs = list(zip(pods, timed, strict=True))
    known = next(pod.below for pod, every in pairs if any(every))
    found: list[Edge] = []
    beyond = False
    for edge in sorted(known):
        if edge == ALL or (beyond and edge not in named):
            continue
        if not all(pod.has(edge, every) for pod, every in pairs):
            continue
        slow = [pod.slow(edge, every) for pod, every in pairs]
        tail = sum(map(sum, slow)) / total
        if edge in named or tail <= MOST_TAIL:
            found.append(Edge(edge, _unevenness(slow, timed, pooled=pooled), tail))
        beyond = beyond or tail < LEAST_TAIL
    wanted = {edge.edge for edge in telling(found)} | set(named)
    return tuple(edge for edge in found if edge.edge in wanted)


def _unevenness(failed: Table, asked: Table, *, pooled: bool) -> float:
    """Dispersion between pods; between times of all of them together, if they are `pooled`."""
    if pooled:
        return dispersion([_together(failed)], [_together(asked)])
    return dispersion(failed, asked)


def _together(table: Table) -> Counts:
    return [sum(column) for column in zip(*table, strict=True)]
