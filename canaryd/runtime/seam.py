"""Where one tile ends and the next begins, pod by pod: no request may be counted twice.

Two servers behind one address did not scrape at the same instants. Each tile is true by itself, but
where the other one answers next, the pods' scrapes at its start are not those at the last one's
end: what lies between was counted already, or is left out. The question is put again then, as the
next answer may be the first server's; a tile that is still in part the last one's counts for
nothing. What is left out is no evidence and does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from canaryd.model.tile import PodName, Presence, Tile

OVERLAPS = 3
"""So often is a tile asked for again that counts requests a second time."""
LEAVES_OUT = 1
"""Once only: samples that come late look the same, and do so at every tile."""


@dataclass(slots=True)
class Seam:
    """Until when each pod was counted, and how often the tile that follows was asked for again."""

    ends: Mapping[PodName, datetime] = field(default_factory=dict[PodName, datetime])
    again: int = 0

    def parts(self, tile: Tile) -> bool:
        """Whether to ask for it again, as it does not go on where the last one ended."""
        starts = self._starts(tile)
        twice = any(starts[pod] < self.ends[pod] for pod in starts)
        other = any(starts[pod] != self.ends[pod] for pod in starts)
        self.again += 1
        return other and self.again <= (OVERLAPS if twice else LEAVES_OUT)

    def join(self, tile: Tile) -> Tile:
        """Take the tile as it is, or with the words why nothing in it counts.

        A pod that was counted before is known, even to a server that has lost its data.
        """
        self.again = 0
        if tile.reservation:
            return tile
        starts = self._starts(tile)
        early = {pod: self.ends[pod] - starts[pod] for pod in starts}
        pod = max(early, key=lambda pod: early[pod], default=None)
        if pod is not None and early[pod] > timedelta():
            return replace(tile, reservation=overlaps(pod, early[pod]))
        pods = tuple(replace(pod, known=pod.known or name(pod) in self.ends) for pod in tile.pods)
        ends = ((name(pod), pod.at_end or self.ends.get(name(pod))) for pod in pods)
        self.ends = {pod: end for pod, end in ends if end is not None}
        return replace(tile, pods=pods)

    def _starts(self, tile: Tile) -> Mapping[PodName, datetime]:
        """When pods that were counted before had been scraped by the start."""
        return {
            name(pod): pod.at_start
            for pod in tile.pods
            if pod.at_start is not None and name(pod) in self.ends
        }


def name(pod: Presence) -> PodName:
    """What tells this pod from all others."""
    return pod.workload, pod.pod


def overlaps(pod: PodName, early: timedelta) -> str:
    """Say that a server answered which had scraped a pod earlier than the last one that did."""
    return (
        f"another server answered than before, and had scraped pod {pod[1]} "
        f"{early.total_seconds():g} s earlier: requests would count twice (servers that take "
        "turns behind one address: give analysis.metricsServer the address of one of them)"
    )
