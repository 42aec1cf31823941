"""Who else counts a Canary's requests, where there is no series of either side.

In ambient mode it is the waypoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from canaryd.adapters.prometheus import tiles
from canaryd.adapters.prometheus.looks import BySide, Look
from canaryd.model.gates import Reporter
from canaryd.model.question import TileQuestion
from canaryd.model.tile import Tile

_BEST = (Reporter.WAYPOINT, Reporter.DESTINATION, Reporter.SOURCE)
"""Whom to name first: a waypoint sees every request, clients only those that they sent."""


def _empty(tile: Tile) -> bool:
    return not tile.pods and not tile.rows


def _reporter(labels: Mapping[str, str]) -> str:
    return str(labels["reporter"])


def _told(tile: Tile, asked: TileQuestion, found: BySide[str]) -> Tile:
    """Name who counts the requests of either side, if it is somebody else than was asked."""
    sides = [(asked.namespace, name) for name in (asked.canary, asked.primary)]
    there = {name for side in sides for name in found.get(side, ())}
    if asked.reporter.value in there:
        return tile
    return replace(tile, counted_by=next((each for each in _BEST if each.value in there), None))


REPORTERS = Look(_empty, tiles.reporting, _reporter, _told)
