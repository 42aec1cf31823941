"""The rules of counting: what a tile says about both sides, or why it counts for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.gates import GRPC_GOOD
from canaryd.model.tile import ALL, PodName, Presence, Row, Tile

SCRAPES_MISSED = 2
"""A sample older than so many scrape intervals is no longer the state of its pod."""
UNKNOWN = "unknown"
"""What Istio calls a workload that no request reached."""


def is_error(code: str, grpc: str, good: frozenset[str]) -> bool:
    """Whether a request went wrong: 5xx, no answer at all (0), or a gRPC status that is not good.

    `grpc` is empty where a request was no gRPC call.
    """
    return code == "0" or code.startswith("5") or (grpc != "" and grpc not in good)


class Uncounted(Enum):
    """Why a tile counts for nothing."""

    RESERVATION = "Reservation"
    WEIGHT_CHANGED = "WeightChanged"
    SCRAPE_GAP = "ScrapeGap"
    STALE = "Stale"
    UNWATCHED = "Unwatched"
    NOT_PER_POD = "NotPerPod"
    UNATTRIBUTED = "Unattributed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a tile counts for nothing, in words."""

    reason: Uncounted
    message: str


@dataclass(frozen=True, slots=True)
class Side:
    """What one side's pods answered: requests, errors among them; and of `timed`, the slow ones.

    `slow` says, for each bucket edge in milliseconds, how many took longer.
    """

    requests: float = 0.0
    errors: float = 0.0
    timed: float = 0.0
    slow: Mapping[float, float] = field(default_factory=dict[float, float])


@dataclass(frozen=True, slots=True)
class Counts:
    """A tile's counts: of pods past their warm-up, which evidence rests on, and of all pods."""

    canary: Side
    primary: Side
    canary_all: Side
    primary_all: Side
    canary_pods: int = 0
    """How many pods of the canary are past their warm-up."""
    primary_pods: int = 0
    """How many of the primary are."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What one must know to read a tile.

    `changes` are the instants at which the weight was changed, on our clock. Where the reporter
    is not the destination, `pod` is a client: then only what names a workload can be told apart.
    """

    canary: str
    primary: str
    changes: tuple[datetime, ...] = ()
    settles: timedelta = timedelta(seconds=5)
    grpc_good: frozenset[str] = GRPC_GOOD


def read(tile: Tile, frame: Frame) -> tuple[Counts | None, Refusal | None]:
    """The counts, and the refusal if they are no evidence.

    Next to a change of weight the counts are true, but the two sides' are not of the same
    requests: then both come.
    """
    refusal = doubtful(tile, frame)
    if refusal is not None:
        return None, refusal
    limit = SCRAPES_MISSED * tile.scrape
    there = [pod for pod in tile.pods if not left(pod, tile, limit)]
    warm = {(pod.workload, pod.pod) for pod in there if pod.warm and pod.at_start is not None}
    rows = [row for row in tile.rows if row.workload in (frame.canary, frame.primary)]
    counts = Counts(
        canary=add_up(rows, frame.canary, frame.grpc_good, warm),
        primary=add_up(rows, frame.primary, frame.grpc_good, warm),
        canary_all=add_up(rows, frame.canary, frame.grpc_good),
        primary_all=add_up(rows, frame.primary, frame.grpc_good),
        canary_pods=sum(workload == frame.canary for workload, _ in warm),
        primary_pods=sum(workload == frame.primary for workload, _ in warm),
    )
    return counts, weight_changed(tile, there, frame)


def left(pod: Presence, tile: Tile, limit: timedelta) -> bool:
    """Whether the pod was gone by the end of the tile."""
    return pod.at_end is None or tile.end - pod.at_end > limit


def doubtful(tile: Tile, frame: Frame) -> Refusal | None:
    """Why the numbers of this tile cannot be trusted, if so."""
    if tile.reservation:
        return Refusal(Uncounted.RESERVATION, tile.reservation)
    lost = [row for row in tile.rows if row.workload == UNKNOWN]
    unattributed = sum(row.count for row in lost if is_error(row.code, row.grpc, frame.grpc_good))
    if unattributed > 0:
        message = f"{unattributed:g} failed requests reached no pod and belong to neither side"
        return Refusal(Uncounted.UNATTRIBUTED, message)
    if any(not row.pod and row.count > 0 for row in tile.rows if row.workload != UNKNOWN):
        message = (
            f"the series of {frame.canary} and {frame.primary} have no `pod` label (recording "
            "rules, federation?): scrape the proxies, or use thresholdRange metrics"
        )
        return Refusal(Uncounted.NOT_PER_POD, message)
    for workload in (frame.canary, frame.primary):
        refusal = unseen([pod for pod in tile.pods if pod.workload == workload], tile)
        if refusal is not None:
            return refusal
    return None


def unseen(pods: Sequence[Presence], tile: Tile) -> Refusal | None:
    """Why one side's pods were not watched well enough through the tile, if so.

    A pod whose last scrape is old, while others of its side have newer ones, has left without a
    word; where all are old, nobody scraped.
    """
    limit = SCRAPES_MISSED * tile.scrape
    ends = [pod.at_end for pod in pods if pod.at_end is not None]
    if ends and tile.end - max(ends) > limit:
        return Refusal(Uncounted.STALE, stale(pods[0].workload, tile.end - max(ends)))
    for pod in pods:
        if left(pod, tile, limit):
            continue  # it left, and what it did last is in no series
        if pod.at_start is None and pod.known:
            message = f"pod {pod.pod} was not scraped at the start, but before and after"
            return Refusal(Uncounted.SCRAPE_GAP, message)
        if pod.at_start is not None and tile.start - pod.at_start > limit:
            return Refusal(Uncounted.STALE, stale(f"pod {pod.pod}", tile.start - pod.at_start))
    return None


def stale(what: str, late: timedelta) -> str:
    """Say how old the last scrape of something was."""
    return f"the last scrape of {what} was {late.total_seconds():g} s old"


def weight_changed(tile: Tile, there: Sequence[Presence], frame: Frame) -> Refusal | None:
    """Whether the weight changed while these requests were counted, or just before or after.

    What is counted are the requests between two scrapes of each pod: both lie before the tile's
    own bounds, by up to one scrape interval.
    """
    begun = min((pod.at_start for pod in there if pod.at_start is not None), default=tile.start)
    ended = max((pod.at_end for pod in there if pod.at_end is not None), default=tile.end)
    first, last = begun - frame.settles, ended + frame.settles
    if any(first <= change + tile.skew <= last for change in frame.changes):
        return Refusal(Uncounted.WEIGHT_CHANGED, "the weight changed in it")
    return None


def add_up(
    rows: Iterable[Row], workload: str, good: frozenset[str], pods: set[PodName] | None = None
) -> Side:
    """One side's counts; of these pods only, where they are given.

    Edges that a pod lacks are nobody's: only those that all its side's pods have are compared.
    """
    requests = errors = 0.0
    below: dict[str, dict[float, float]] = {}
    for row in rows:
        if row.workload != workload or (pods is not None and (workload, row.pod) not in pods):
            continue
        if row.edge is not None:
            mine = below.setdefault(row.pod, {})
            mine[row.edge] = mine.get(row.edge, 0.0) + row.count
            continue
        requests += row.count
        errors += row.count if is_error(row.code, row.grpc, good) else 0.0
    timed, slow = beyond(list(below.values()))
    return Side(requests, errors, timed, slow)


def beyond(below: list[dict[float, float]]) -> tuple[float, dict[float, float]]:
    """From counts up to each edge per pod: how many were timed, and how many took longer."""
    whole = [edges for edges in below if ALL in edges]
    timed = sum(edges[ALL] for edges in whole)
    first: dict[float, float] = whole[0] if whole else {}
    common = sorted(edge for edge in first if edge != ALL and all(edge in each for each in whole))
    return timed, {
        edge: sum(max(edges[ALL] - edges[edge], 0.0) for edges in whole) for edge in common
    }
