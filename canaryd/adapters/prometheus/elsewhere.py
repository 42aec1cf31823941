"""Who else counts a Canary's requests: the answer to `tiles.reporting`, in words that help.

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

_WAYPOINT = "its waypoint, as in ambient mode"


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


def named(found: Mapping[Side, frozenset[str]], asked: TileQuestion) -> str | None:
    """Say who counts the requests of either side, if it is somebody else than was asked."""
    sides = ((asked.namespace, name) for name in (asked.canary, asked.primary))
    others = {name for side in sides for name in found.get(side, ())} - {asked.reporter.value}
    known = [each for each in Reporter if each.value in others]
    if not known:
        return None
    other = known[-1]  # a waypoint, where there is one, sees every request
    who = _WAYPOINT if other is Reporter.WAYPOINT else f"their {other.value}'s proxies"
    return (
        f"the requests of {asked.canary} and {asked.primary} are counted by {who} "
        f'(reporter="{other.value}"), not with reporter="{asked.reporter.value}"; '
        f"set analysis.reporter to {other.value}"
    )
