"""The cheaper form of a tile's query, and the proof in its answer that it counts the same.

It asks for plain sums at both ends of the tile (a range query of two steps). Their difference is
the exact form's growth unless a series went away or was set back in between. That shows in the
peaks: the sum, over all series that were seen since before the start, of the highest value of each.
A series that was set back has a peak above its last value, one that is gone has a peak and no last
value; so if a pod's peaks add up to what it says at the end, nothing of the kind happened, and the
difference is exact. Else, and where a pod is new or without its usual series, the group's doubtful
canaries are asked for again in the exact form.

Which pods are past their warm-up is asked for only where the questions do not say so.

A histogram's buckets come, go and are set back together, so the peaks of `+Inf` vouch for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import inf
from typing import Any

from canaryd.adapters.prometheus import tiles
from canaryd.adapters.prometheus.answers import Trouble, nonsense, number, opened
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tile_answers import (
    LAST,
    NATIVE,
    Found,
    Seen,
    lose,
    row_of,
    sane,
    service,
    text,
)
from canaryd.model.query import promql_duration

WITNESS = 'response_code="200"'
"""The series by which a pod is seen; most have it."""
LOOKBACK = timedelta(minutes=5)
"""So old may a sample be that an instant sees: Prometheus' default, a longer one is not known."""
CLOSE = 0.002
"""Seconds that rounding may move an instant by."""

SEEN, PEAK, TIMED_PEAK = "seen", "peak", "timed peak"
_VOUCHER = {tiles.COUNTS: PEAK, tiles.TIMED: TIMED_PEAK}


def query(group: tiles.Group) -> str:
    """Return the range query, from the tile's start to its end in one step."""
    first = group.questions[0]
    chosen = tiles.selector(first.reporter, tiles.sides(group))
    series, seen = (f"{tiles.REQUESTS}{{{chosen}{more}}}" for more in ("", f", {WITNESS}"))
    since = promql_duration(first.window + LOOKBACK)
    parts = {
        SEEN: f"max by ({tiles.POD}) (timestamp({seen}))",
        PEAK: f"sum by ({tiles.POD}) (max_over_time({series}[{since}]))",
    }
    if first.warm_up and not first.warm:
        earlier = promql_duration(first.warm_up)
        parts[tiles.WARM] = f"group by ({tiles.POD}) ({seen} offset {earlier})"
    large = {tiles.COUNTS: f"sum by ({tiles.CODES}) ({series})"}
    if group.edges is None or group.edges:
        timed, every = (
            f"{tiles.BUCKETS}{{{chosen}{tiles.only(edges)}}}"
            for edges in (group.edges, frozenset({inf}))
        )
        parts[TIMED_PEAK] = f"sum by ({tiles.POD}) (max_over_time({every}[{since}]))"
        large[tiles.TIMED] = f"sum by ({tiles.POD}, le) ({timed})"
    return tiles.joined(parts | tiles.unattributed(group, series), large)


def read(reply: Reply, *, start: datetime, end: datetime) -> Found | Trouble:
    """Take an answer apart as `tile_answers.read` does; pods that it is not sure of are noted."""
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.kind != "matrix" or not isinstance(answer.result, list):
        return nonsense()
    found = Found(answer.reservation)
    lines: Iterable[Any] = answer.result
    try:
        for line in lines:
            _take(found, line, (start.timestamp(), end.timestamp()))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return nonsense()
    for seen in found.seen.values():
        for row in seen.rows:
            part = tiles.COUNTS if row.edge is None else tiles.TIMED
            if seen.totals.get((part, row.pod)) != seen.said(_VOUCHER[part], row.pod):
                seen.unsure.add(row.pod)
    return found


def _take(
    found: Found,
    line: Mapping[str, Any],
    instants: tuple[float, float],
) -> None:
    labels: Mapping[str, str] = line["metric"]
    part = tiles.part_of(labels)
    if "values" not in line and "histograms" in line:
        seen = found.of(labels)
        seen.fault = seen.fault or NATIVE
        return
    early, late = _ends(found, line["values"], instants)
    if part == tiles.LOST:
        if late is not None:
            lose(found, labels, late)
        return
    seen, pod = found.of(labels), text(labels, "pod")
    if part == tiles.SERVED:
        seen.services.add(service(labels))
        return
    below = LAST if part == SEEN else inf
    for value in (early, late):
        if value is not None and not sane(seen, pod, value, below=below):
            return
    _note(seen, part, labels, pod, (early, late))


def _ends(
    found: Found, points: list[Any], instants: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Return the values at the start and at the end."""
    start, end = instants
    early: float | None = None
    late: float | None = None
    for point in points:
        if abs(point[0] - end) < CLOSE:
            late = number(point)
        elif abs(point[0] - start) < CLOSE:
            early = number(point)
        else:
            found.shifted = True
    return early, late


def _note(
    seen: Seen,
    part: str,
    labels: Mapping[str, str],
    pod: str,
    ends: tuple[float | None, float | None],
) -> None:
    early, late = ends
    if part in {tiles.COUNTS, tiles.TIMED}:
        if late is None:
            return
        row = row_of(labels, pod, max(0.0, late - (early or 0.0)))
        seen.rows.append(row)
        if late < (early or 0.0):
            seen.unsure.add(pod)
        if row.edge in {None, inf}:
            seen.totals[part, pod] = seen.totals.get((part, pod), 0.0) + late
        return
    values = {
        SEEN: {tiles.AT_START: early, tiles.AT_END: late},
        tiles.WARM: {tiles.WARM: early},
    }.get(part, {part: late})
    for name, value in values.items():
        if value is not None:
            seen.pods.setdefault(name, {})[pod] = value
