"""What an answer says of requests' times: whose were not told, and at which edges nothing can be.

Errors are counted all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from canaryd.adapters.prometheus import tiles
from canaryd.model.question import TileQuestion
from canaryd.model.tile import Row

UNTIMED = (
    f"the series {tiles.BUCKETS} are missing (native histograms cannot be read): have the proxies' "
    "classic histograms scraped, or remove the latency gates"
)


def untimed(asked: TileQuestion, rows: Iterable[Row]) -> tuple[str, tuple[str, ...]]:
    """Say whose requests are counted and not timed, where their times are asked for."""
    if asked.edges == ():
        return "", ()
    counted: dict[str, float] = {}
    timed: set[str] = set()
    for row in rows:
        if row.edge is None:
            counted[row.workload] = counted.get(row.workload, 0.0) + row.count
        else:
            timed.add(row.workload)
    missing = sorted(name for name, count in counted.items() if count and name not in timed)
    if not missing:
        return "", ()
    return (f"of {missing[0]} {UNTIMED}", tuple(missing)) if timed else (UNTIMED, ())


def spelt_twice(row: Row) -> str:
    """Say why times cannot be counted for a while: two series are one edge, and both are there."""
    return (
        f"the edge {row.edge:g} of pod {row.pod or '(none)'} is there in two spellings, as for "
        "five minutes after an upgrade of the metrics server: times cannot be told apart"
    )


def lacking(asked: TileQuestion, rows: Iterable[Row]) -> tuple[float, ...]:
    """Say which of the edges asked for are not there on every pod whose requests were timed."""
    below: dict[tuple[str, str], set[float]] = {}
    for row in rows:
        if row.edge is not None:
            below.setdefault((row.workload, row.pod), set()).add(row.edge)
    timed = [edges for edges in below.values() if math.inf in edges]
    return tuple(edge for edge in asked.edges or () if not all(edge in each for each in timed))
