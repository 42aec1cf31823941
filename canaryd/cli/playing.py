"""One release that never was: past counts as tiles in which some of a workload's pods are canary.

Pure; chance comes from a seed, so that a replay can be repeated. Thinning is the same whatever is
made worse, so that a fault is compared with the healthy release that it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from math import ceil
from random import Random

from canaryd.adapters.prometheus.times import UNTIMED
from canaryd.cli.chance import drawn
from canaryd.cli.recording import CANARY, Recording
from canaryd.decide.tiles import is_error
from canaryd.model.names import ALL_TRAFFIC, Weight
from canaryd.model.past import Column
from canaryd.model.tile import Presence, Row, Tile


@dataclass(frozen=True, slots=True)
class Regression:
    """How much worse the canary is made: each good request of it fails with this chance."""

    factor: float
    chance: float


class Play:
    """One release over columns of a recording.

    `order` names the pods that play the canary first. Of the pods that are there so many play as
    come nearest to the weight, one at least, and one stays the primary's. Then the side that has
    more than its share, as its pods usually do, is thinned, request by request.
    """

    def __init__(
        self,
        recording: Recording,
        columns: Sequence[Column],
        order: Sequence[str],
        *,
        load: Mapping[str, float],
        seed: str,
        warm_up: timedelta,
        worse: Regression | None = None,
        timed: bool = False,
    ) -> None:
        """`load` is what each pod usually gets; `timed`: a gate asks how long requests took."""
        self._recording = recording
        self._columns = iter(columns)
        self._load = load
        self._place = {pod: place for place, pod in enumerate(order)}
        self._thinning, self._faults = Random(f"{seed} thinning"), Random(f"{seed} faults")
        self._worse = worse
        self._timed = timed
        self._needed = ceil(warm_up / recording.window)
        self._seen: dict[str, int] | None = None

    def tile(self, weight: Weight) -> Tile | None:
        """The next column as a tile of that weight; None after the last."""
        column = next(self._columns, None)
        if column is None:
            return None
        here = {row.pod for row in column.rows}
        before = dict.fromkeys(here, self._needed) if self._seen is None else self._seen
        self._seen = {pod: before.get(pod, 0) + 1 for pod in here}
        canary = self._playing(here, weight)
        rows = [replace(row, workload=CANARY) if row.pod in canary else row for row in column.rows]
        rows = list(shared(rows, self._kept(here, canary, weight), self._thinning))
        if self._worse is not None:
            rows = list(spoiled(rows, self._worse, self._faults))
        start = column.end - self._recording.window
        pods = tuple(
            Presence(
                CANARY if pod in canary else self._recording.workload,
                pod,
                column.end,
                start,
                warm=self._seen[pod] > self._needed,
            )
            for pod in sorted(here)
        )
        untimed = self._timed and rows and all(row.edge is None for row in rows)
        said = UNTIMED if untimed else ""
        window = self._recording.window
        return Tile(start, column.end, window, tuple(rows), pods, untimed=said)

    def _kept(
        self, here: Iterable[str], canary: frozenset[str], weight: Weight
    ) -> tuple[float, float]:
        """How much of both sides' requests makes the canary's share the weight's, by their load.

        Not by this column's own counts: those of quiet pods are chance.
        """
        share = weight / ALL_TRAFFIC
        mine = sum(self._load.get(pod, 0.0) for pod in canary)
        others = sum(self._load.get(pod, 0.0) for pod in here if pod not in canary)
        if not mine or not others:
            return 1.0, 1.0
        if share == 1:
            return 1.0, 0.0
        most = min(mine / share, others / (1 - share))
        return most * share / mine, most * (1 - share) / others

    def _playing(self, here: set[str], weight: Weight) -> frozenset[str]:
        last = len(self._place)
        order = sorted(here, key=lambda pod: (self._place.get(pod, last), pod))
        wanted = max(1, round(len(order) * weight / ALL_TRAFFIC))
        return frozenset(order[: min(wanted, len(order) - 1)])


def shared(rows: Sequence[Row], kept: tuple[float, float], chance: Random) -> Iterator[Row]:
    """So much of the canary's and of the primary's requests; each stays with the same chance."""
    for (workload, _), of_pod in groupby(sorted(rows, key=_by_pod), key=_by_pod):
        yield from thinned(list(of_pod), kept[workload != CANARY], chance)


def _by_pod(row: Row) -> tuple[str, str]:
    return row.workload, row.pod


def thinned(rows: Sequence[Row], kept: float, chance: Random) -> Iterator[Row]:
    """One pod's rows with so much of its requests; those of edges stay cumulative."""
    if kept >= 1:
        yield from rows
        return
    for row in rows:
        if row.edge is None:
            yield replace(row, count=drawn(row.count, kept, chance))
    below = total = 0.0
    for row in sorted((row for row in rows if row.edge is not None), key=lambda row: row.edge or 0):
        total += drawn(max(0.0, row.count - below), kept, chance)
        below = max(below, row.count)
        yield replace(row, count=total)


def spoiled(rows: Sequence[Row], worse: Regression, chance: Random) -> Iterator[Row]:
    """Let some of the canary's good requests fail."""
    for row in rows:
        if row.workload != CANARY or row.edge is not None or is_error(row.code, "", frozenset()):
            yield row
            continue
        failed = drawn(row.count, worse.chance, chance)
        yield replace(row, count=row.count - failed)
        if failed:
            yield replace(row, code="500", grpc="", count=failed)
