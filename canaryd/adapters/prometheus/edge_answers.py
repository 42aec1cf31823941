"""Which bucket edges there are, where some that were asked for are not.

That is seldom, and lasts until a person mends it: who asks for a wrong edge is told so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from canaryd.adapters.prometheus import tiles
from canaryd.adapters.prometheus.looks import BySide, Look
from canaryd.adapters.prometheus.tile_answers import edge_of, text
from canaryd.model.question import TileQuestion
from canaryd.model.tile import Tile


def _lacks(tile: Tile) -> bool:
    return bool(tile.lacking)


def _edge(labels: Mapping[str, str]) -> float:
    return edge_of(text(labels, "le"))


def _told(tile: Tile, asked: TileQuestion, found: BySide[float]) -> Tile:
    """Name the edges at which a canary can be counted: those of both sides that are there."""
    workloads = ((asked.namespace, name) for name in (asked.canary, asked.primary))
    sides = [found[side] for side in workloads if side in found]
    shared = frozenset.intersection(*sides) if sides else frozenset[float]()
    return replace(tile, buckets=tuple(sorted(shared - {math.inf})))


EDGES = Look(_lacks, tiles.present, _edge, _told)
