"""What the adapter would deliver of simulated counters: tiles, and the columns of the past.

The growth of each series is that of `((X - X offset W) >= 0) or X`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bench.simulated.counters import BAD, FIRST_EDGE, OK, Track
from bench.simulated.scenario import EDGES
from bench.simulated.weather import PAST
from canaryd.model.past import Column
from canaryd.model.tile import ALL, Presence, Row, Tile

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""When the weight is first written; the simulation's 0."""
CODES = ((OK, "200"), (BAD, "503"))
BUCKETS = tuple(enumerate((*EDGES, ALL), FIRST_EDGE))
WARM_UP = 30.0


def instant(seconds: float) -> datetime:
    """The simulation's time as one of a clock."""
    return BEGIN + timedelta(seconds=seconds)


def tile(tracks: Sequence[Track], start: float, end: float, edges: Sequence[float]) -> Tile:
    """One answer: rows of codes, and of these edges, and which pods were there."""
    rows: list[Row] = []
    pods: list[Presence] = []
    for track in tracks:
        last, first = track.at(end), track.at(start)
        if last is None and first is None:
            continue
        pods.append(presence(track, first, last, start))
        if last is not None:
            rows.extend(grown(track, first, last, edges))
    scrape = timedelta(seconds=tracks[0].every)
    return Tile(instant(start), instant(end), scrape, tuple(rows), tuple(pods))


def presence(track: Track, first: int | None, last: int | None, start: float) -> Presence:
    """When a pod was seen by the start and by the end of a tile."""
    return Presence(
        track.pod.workload,
        track.pod.name,
        at_end=None if last is None else instant(track.time(last)),
        at_start=None if first is None else instant(track.time(first)),
        warm=first is not None and track.at(start - WARM_UP) is not None,
        known=first is not None or track.known(start - PAST, start),
    )


def grown(track: Track, first: int | None, last: int, edges: Sequence[float]) -> Iterator[Row]:
    """How far each of a pod's series grew; a series begins with its first request."""
    now = track.samples[last]
    before = track.samples[first] if first is not None else None
    workload, pod = track.pod.workload, track.pod.name
    for place, code in CODES:
        if now[place] > 0:
            yield Row(workload, pod, growth(now, before, place), code=code)
    if now[-1] > 0:
        for place, edge in BUCKETS:
            if edge in edges or edge == ALL:
                yield Row(workload, pod, growth(now, before, place), edge=edge)


def growth(now: Sequence[float], before: Sequence[float] | None, place: int) -> float:
    """One series: the difference, or all of it where that is negative or cannot be made."""
    if before is not None and now[place] >= before[place]:
        return now[place] - before[place]
    return now[place]


def columns(tracks: Sequence[Track], *, end: float, window: float) -> tuple[Column, ...]:
    """The past in slices, oldest first: rows of the pods that were there at both ends."""
    found: list[Column] = []
    for place in range(int((end + PAST) // window), 0, -1):
        until = end - (place - 1) * window
        rows: list[Row] = []
        for track in tracks:
            last, first = track.at(until), track.at(until - window)
            if last is not None and first is not None:
                rows.extend(grown(track, first, last, EDGES))
        found.append(Column(instant(until), tuple(rows)))
    return tuple(found)
