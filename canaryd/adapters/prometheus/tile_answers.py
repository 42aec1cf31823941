"""What the answer to a tile's query says about each of its canaries; pure.

An answer is taken apart once, for the whole group; each canary then gets its own tile, or words
why it has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any

from canaryd.adapters.prometheus import tiles
from canaryd.adapters.prometheus.answers import Trouble, nonsense, number, opened
from canaryd.adapters.prometheus.pods import belongs
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.times import lacking, spelt_twice, untimed
from canaryd.model.answered import Answered
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import Presence, Row, Tile

Side = tuple[str, str]
"""Namespace and name of a workload."""
Service = tuple[str, str]
"""Namespace and name of a Service."""

LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""No scrape is later, in seconds since 1970."""

STAMPS = frozenset({tiles.AT_END, tiles.AT_START})
NATIVE = "the answer holds native histograms, which cannot be counted"


@dataclass(slots=True)
class Seen:
    """What was said of one workload: its rows, and per part the pods with what was said of them."""

    rows: list[Row] = field(default_factory=list[Row])
    pods: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    services: set[Service] = field(default_factory=set[Service])
    totals: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """What all series of a part and a pod say at the end, together; of the swift form only."""
    unsure: set[str] = field(default_factory=set[str])
    """Pods whose rows may be wrong."""
    fault: str = ""

    def said(self, part: str, pod: str) -> float | None:
        """The value that a part has for a pod."""
        return self.pods.get(part, {}).get(pod)


@dataclass(slots=True)
class Found:
    """A group's answer, by workload; `lost` are the failed requests that reached none."""

    reservation: str
    seen: dict[Side, Seen] = field(default_factory=dict[Side, Seen])
    lost: list[tuple[Service, Row]] = field(default_factory=list[tuple[Service, Row]])
    shifted: bool = False
    """The answer is of other instants than were asked about."""

    def of(self, labels: Mapping[str, str]) -> Seen:
        """What was said of the workload that these labels name; raises KeyError, TypeError."""
        side = labels[NAMESPACE], labels[WORKLOAD]
        seen = self.seen.get(side)
        if seen is None:
            seen = self.seen[side] = Seen()
        return seen


def read(reply: Reply) -> Found | Trouble:
    """Take an answer apart; what is wrong with one workload's lines is noted with it."""
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.kind != "vector" or not isinstance(answer.result, list):
        return nonsense()
    found = Found(answer.reservation)
    lines: Iterable[Any] = answer.result
    try:
        for line in lines:
            _take(found, line)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return nonsense()
    return found


def _take(found: Found, line: Mapping[str, Any]) -> None:
    labels: Mapping[str, str] = line["metric"]
    part = tiles.part_of(labels)
    if part == tiles.LOST:
        lose(found, labels, number(line["value"]))
        return
    seen = found.of(labels)
    if part == tiles.SERVED:
        seen.services.add(service(labels))
        return
    pod = text(labels, "pod")
    if "value" not in line and "histogram" in line:
        seen.fault = seen.fault or NATIVE
        return
    value = number(line["value"])
    if not sane(seen, pod, value, below=LAST if part in STAMPS else math.inf):
        return
    if part in {tiles.COUNTS, tiles.TIMED}:
        try:
            seen.rows.append(row_of(labels, pod, value))
        except ValueError as error:  # one workload's odd exporter is no fault of the others
            seen.fault = seen.fault or f"a bucket of pod {pod or '(none)'} has no number: {error}"
    else:
        seen.pods.setdefault(part, {})[pod] = value


EXACT = 2.0**53
"""No counter is beyond this: there a float no longer counts one by one."""


def sane(seen: Seen, pod: str, value: float, *, below: float = math.inf) -> bool:
    """Whether a value can be what it should be; else that is noted with the workload."""
    if 0 <= value < min(below, EXACT):
        return True
    seen.fault = seen.fault or f"the answer says {value:g} of pod {pod or '(none)'}"
    return False


def row_of(labels: Mapping[str, str], pod: str, count: float) -> Row:
    """Make a row of a line's labels; raises KeyError, TypeError or ValueError."""
    workload = text(labels, WORKLOAD)
    if "le" in labels:
        return Row(workload, pod, count, edge=edge_of(text(labels, "le")))
    code, grpc = text(labels, "response_code"), text(labels, "grpc_response_status")
    return Row(workload, pod, count, code=code, grpc=grpc)


@lru_cache(maxsize=1024)
def edge_of(le: str) -> float:
    """Return a bucket edge as a number; raises ValueError."""
    edge = float(le)
    if math.isnan(edge):
        raise ValueError(le)
    return edge


def text(labels: Mapping[str, str], name: str) -> str:
    """Return a label, empty where it is missing; raises TypeError when it is no text.

    There is one copy of each, as of edges: tiles wait by the thousand, and say the same names.
    """
    value: object = labels.get(name, "")
    if not isinstance(value, str):
        raise TypeError(value)
    return intern(value)


def service(labels: Mapping[str, str]) -> Service:
    """Return the Service that a line is about; raises TypeError."""
    return text(labels, tiles.SERVICE_NAMESPACE), text(labels, tiles.SERVICE)


def lose(found: Found, labels: Mapping[str, str], count: float) -> None:
    """Note requests that reached no workload, if they failed; raises ValueError, TypeError."""
    if not 0 <= count < math.inf:
        raise ValueError(count)
    code, grpc = text(labels, "response_code"), text(labels, "grpc_response_status")
    if code == "0" or code.startswith("5") or grpc not in {"", "0"}:
        row = Row(tiles.UNKNOWN, "", count, code=code, grpc=grpc)
        found.lost.append((service(labels), row))


def tile_of(
    found: Found, asked: TileQuestion, *, time: ServerTime, closely: bool
) -> Tile | Failed | None:
    """Make one canary's tile; None: its pods have to be looked at closely first."""
    workloads = dict.fromkeys((asked.canary, asked.primary))
    known = {name: found.seen.get((asked.namespace, name), Seen()) for name in workloads}
    for seen in known.values():
        if seen.fault:
            return Failed(Answered.NO_DATA, seen.fault)
    rows = [row for seen in known.values() for row in seen.rows if _wanted(asked, row)]
    why, whose = untimed(asked, rows)
    if (again := _repeated(rows)) is not None:
        if again.edge is None:
            what = f"the answer counts code {again.code} of pod {again.pod or '(none)'} twice"
            return Failed(Answered.NO_DATA, what)
        rows = [row for row in rows if row.edge is None]
        why, whose = spelt_twice(again), ()
    pods = list(_pods(asked, known))
    if not closely and (found.shifted or not _certain(known, rows, pods)):
        return None
    lost = _lost_of(found, known.values())
    return Tile(
        start=asked.end - asked.window,
        end=asked.end,
        scrape=asked.window if time.scrape is None else time.scrape,
        rows=tuple(sorted([*rows, *lost], key=_order)),
        pods=tuple(sorted(pods, key=lambda pod: (pod.workload, pod.pod))),
        skew=time.skew,
        reservation=found.reservation,
        untimed=why,
        untimed_of=whose,
        lacking=lacking(asked, rows),
    )


def _wanted(asked: TileQuestion, row: Row) -> bool:
    if asked.edges and row.edge is not None and row.edge not in asked.edges:
        return math.isinf(row.edge) and belongs(asked, row.workload, row.pod)
    return belongs(asked, row.workload, row.pod)


def _order(row: Row) -> tuple[str, str, float, str, str]:
    return row.workload, row.pod, -1.0 if row.edge is None else row.edge, row.code, row.grpc


def _repeated(rows: Iterable[Row]) -> Row | None:
    """Return a row that is there twice."""
    seen: set[tuple[str, str, float, str, str]] = set()
    for row in rows:
        if (place := _order(row)) in seen:
            return row
        seen.add(place)
    return None


def _pods(asked: TileQuestion, known: Mapping[str, Seen]) -> Iterator[Presence]:
    for workload, seen in known.items():
        named = {pod for part in (tiles.AT_END, tiles.AT_START) for pod in seen.pods.get(part, {})}
        for pod in named:
            if not pod or not belongs(asked, workload, pod):
                continue
            at_start = _instant(seen.said(tiles.AT_START, pod))
            earlier = tiles.WARM if asked.warm_up else tiles.AT_START
            yield Presence(
                workload,
                pod,
                at_end=_instant(seen.said(tiles.AT_END, pod)),
                at_start=at_start,
                warm=at_start is not None
                and ((workload, pod) in asked.warm or seen.said(earlier, pod) is not None),
                known=at_start is not None or seen.said(tiles.KNOWN, pod) is not None,
            )


def _instant(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def _certain(known: Mapping[str, Seen], rows: Iterable[Row], pods: Iterable[Presence]) -> bool:
    """Whether every pod that counts is sure, and was there all the time from a warm-up before."""
    steady = {
        (pod.workload, pod.pod)
        for pod in pods
        if pod.at_end is not None and pod.at_start is not None and pod.warm
    }
    return all(
        row.pod not in known[row.workload].unsure
        and (not row.pod or (row.workload, row.pod) in steady)
        for row in rows
    )


def _lost_of(found: Found, known: Iterable[Seen]) -> Iterator[Row]:
    services = {service for seen in known for service in seen.services}
    return (row for service, row in found.lost if service in services)
