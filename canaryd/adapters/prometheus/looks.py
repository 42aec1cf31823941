"""A second look at some Canaries of a group, when the first answer leaves something open.

Each kind says whose tile it is about, what to ask for them, and what the answer adds to a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from canaryd.adapters.prometheus.answers import Trouble, nonsense, opened
from canaryd.adapters.prometheus.queries import NAMESPACE, WORKLOAD
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tile_answers import Side
from canaryd.adapters.prometheus.tiles import Group
from canaryd.model.question import TileQuestion
from canaryd.model.tile import Tile

T = TypeVar("T")
BySide: TypeAlias = Mapping[Side, frozenset[T]]
"""What was found of each workload."""


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """A query about a group, whose answer has one line for each workload and value."""

    wanted: Callable[[Tile], bool]
    """Whether this tile leaves it open."""
    query: Callable[[Group], str]
    value: Callable[[Mapping[str, str]], T]
    """A line's value, from its labels; raises KeyError, TypeError, ValueError."""
    told: Callable[[Tile, TileQuestion, BySide[T]], Tile]
    """The tile with what was found."""

    def read(self, reply: Reply) -> BySide[T] | Trouble:
        """Take the answer apart."""
        answer = opened(reply)
        if isinstance(answer, Trouble):
            return answer
        if answer.kind != "vector" or not isinstance(answer.result, list):
            return nonsense()
        found: dict[Side, frozenset[T]] = {}
        lines: Iterable[Any] = answer.result
        try:
            for line in lines:
                labels: Mapping[str, str] = line["metric"]
                side = labels[NAMESPACE], labels[WORKLOAD]
                found[side] = found.get(side, frozenset()) | {self.value(labels)}
        except (KeyError, TypeError, ValueError, AttributeError):
            return nonsense()
        return found
