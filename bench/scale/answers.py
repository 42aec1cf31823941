"""What the Prometheus stand-in answers: labelled series for each asked workload; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from bench.scale.asked import Asked, Kind

Series = dict[str, Any]
STEADY = 100.0
"""So many requests per second does every pod get."""


class Mode(StrEnum):
    """How a workload does, or how Prometheus does when it is asked about it."""

    GOOD = "good"
    BAD = "bad"
    SLOW = "slow"
    NAN = "nan"
    EMPTY = "empty"
    HANG = "hang"
    FAIL = "500"
    LATE = "late"


OF_THE_SERVER = frozenset({Mode.HANG, Mode.FAIL, Mode.LATE})
"""One such workload in a group, and the whole answer suffers."""
VALUES = {
    Kind.SUCCESS: {Mode.BAD: "50", Mode.SLOW: "99.9", Mode.NAN: "NaN"},
    Kind.LATENCY: {Mode.BAD: "5000", Mode.SLOW: "5000", Mode.NAN: "NaN"},
}
GOOD = {Kind.SUCCESS: "99.9", Kind.LATENCY: "50"}


def series(
    asked: Asked, places: Mapping[str, str], modes: Mapping[str, Mode], at: float
) -> Iterator[Series]:
    """The lines of an instant vector; `places` are the namespaces of the workloads there are."""
    if asked.kind is Kind.OTHER:
        yield {"metric": {}, "value": [at, "1"]}
        return
    for workload in sorted(asked.workloads):
        place, mode = places.get(workload), modes.get(workload, Mode.GOOD)
        if place not in asked.namespaces or mode is Mode.EMPTY:
            continue
        labels = {"destination_workload_namespace": place, "destination_workload": workload}
        if asked.kind is Kind.TILE:
            yield from tile(labels, asked.pods.get(workload, f"{workload}-0-"), mode, at)
        else:
            value = VALUES[asked.kind].get(mode, GOOD[asked.kind])
            yield {"metric": labels, "value": [at, value]}


def tile(labels: Mapping[str, str | None], pods: str, mode: Mode, at: float) -> Iterator[Series]:
    """Counts by response code of the one pod that a workload has."""
    shares = {"200": 0.5, "500": 0.5} if mode is Mode.BAD else {"200": 0.999, "500": 0.001}
    for code, share in shares.items():
        named = {**labels, "pod": f"{pods}00001", "response_code": code}
        yield {"metric": named, "value": [at, f"{STEADY * share:g}"]}
