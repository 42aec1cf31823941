"""Since when each pod has been there at the end of every tile: who is past the warm-up.

The server can tell that too, and is asked while anybody is younger; once all have been there for
long enough it need not be, which saves it up to a quarter of a tile's price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from canaryd.model.tile import PodName, Tile


@dataclass(slots=True)
class Attendance:
    """The tile's end from which on each pod was never missing; of tiles that follow each other."""

    since: Mapping[PodName, datetime] = field(default_factory=dict[PodName, datetime])

    def note(self, tile: Tile) -> None:
        """Look who is there at the end; an answer that may be partial vouches for nobody."""
        there = (pod for pod in tile.pods if pod.at_end is not None and not tile.reservation)
        names = ((pod.workload, pod.pod) for pod in there)
        self.since = {name: self.since.get(name, tile.end) for name in names}

    def warm(self, start: datetime, *, warm_up: timedelta, window: timedelta) -> frozenset[PodName]:
        """Return all pods if each was there for a warm-up before `start`, else none.

        The server is asked about one instant. If that was no tile's end, nobody looked: then it has
        to be asked; also if one pod is younger, which costs less than to look closely at its tile.
        """
        if not warm_up or warm_up % window:
            return frozenset()
        if max(self.since.values(), default=start) > start - warm_up:
            return frozenset()
        return frozenset(self.since)
