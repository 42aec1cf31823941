"""Which bucket edges there are: the answer to `tiles.present`, and what it says to one Canary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from canaryd.adapters.prometheus.answers import Trouble, nonsense, opened
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tile_answers import Side, edge_of, text
from canaryd.model.question import TileQuestion


def read(reply: Reply) -> Mapping[Side, frozenset[float]] | Trouble:
    """Take the answer apart: which edges each workload's buckets have, in milliseconds."""
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.kind != "vector" or not isinstance(answer.result, list):
        return nonsense()
    found: dict[Side, frozenset[float]] = {}
    lines: Iterable[Any] = answer.result
    try:
        for line in lines:
            labels: Mapping[str, str] = line["metric"]
            side = labels[NAMESPACE], labels[WORKLOAD]
            edge = edge_of(text(labels, "le"))
            found[side] = found.get(side, frozenset()) | ({edge} - {math.inf})
    except (KeyError, TypeError, ValueError, AttributeError):
        return nonsense()
    return found


def shared(found: Mapping[Side, frozenset[float]], asked: TileQuestion) -> tuple[float, ...]:
    """Return the edges at which a canary can be counted: those of both sides that are there."""
    workloads = ((asked.namespace, name) for name in (asked.canary, asked.primary))
    sides = [found[side] for side in workloads if side in found]
    return tuple(sorted(frozenset.intersection(*sides))) if sides else ()
