"""Who else counts a Canary's requests: the answer to `tiles.reporting`.

In ambient mode it is the waypoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from canaryd.adapters.prometheus.answers import Trouble, nonsense, opened
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tile_answers import Side
from canaryd.model.gates import Reporter
from canaryd.model.question import TileQuestion

_BEST = (Reporter.WAYPOINT, Reporter.DESTINATION, Reporter.SOURCE)
"""Whom to name first: a waypoint sees every request, clients only those that they sent."""


def read(reply: Reply) -> Mapping[Side, frozenset[str]] | Trouble:
    """Take the answer apart: the values of `reporter` that each workload's series have."""
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    if answer.kind != "vector" or not isinstance(answer.result, list):
        return nonsense()
    found: dict[Side, frozenset[str]] = {}
    lines: Iterable[Any] = answer.result
    try:
        for line in lines:
            labels: Mapping[str, str] = line["metric"]
            side = labels[NAMESPACE], labels[WORKLOAD]
            found[side] = found.get(side, frozenset()) | {str(labels["reporter"])}
    except (KeyError, TypeError, ValueError, AttributeError):
        return nonsense()
    return found


def other(found: Mapping[Side, frozenset[str]], asked: TileQuestion) -> Reporter | None:
    """Return who counts the requests of either side, if it is somebody else than was asked."""
    sides = [(asked.namespace, name) for name in (asked.canary, asked.primary)]
    there = {name for side in sides for name in found.get(side, ())}
    if asked.reporter.value in there:
        return None
    return next((each for each in _BEST if each.value in there), None)
