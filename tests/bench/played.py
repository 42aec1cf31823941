"""A scene without a world: what is pushed walks at once, and the counters are made up."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from bench.scale.census import MEMORY
from bench.scale.crowd import SLOTS, Member, Way
from bench.scale.requests import Sent
from bench.scale.scene import Scene
from bench.scale.watching import Move, Seen
from bench.scale.window import Window
from tests.bench.made import WEIGHT, window

UP, BACK = (10, 20, 30, 40, 50, 100), (10, 20, 0)


@dataclass
class Played:
    """All of a scene that scenarios and the churn ask for; each part is the scene itself."""

    everyone: list[Member]
    walks: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    """The canary's weights after each push, by the Canary's name; usually all the way up."""
    sent: Sequence[Sent] = ()
    """All requests of the window."""
    meets: dict[str, BaseException] = field(default_factory=dict[str, BaseException])
    """What each of these meets: settle, census (the last), counters, places, play (its census).

    "telling settle" is met while it is said what settle met.
    """
    way: Way = Way.THRESHOLDS
    interval: float = 10
    patience: float = 60
    pid: int = field(default_factory=os.getpid)
    said: list[str] = field(default_factory=list[str])
    canaries: dict[Member, Seen] = field(
        default_factory=lambda: defaultdict(lambda: Seen(primary=SLOTS[0]))
    )
    moves: dict[Member, list[Move]] = field(default_factory=lambda: defaultdict(list))
    settled: bool = False

    def __post_init__(self) -> None:
        self.crowd = self.watching = self.standin = self.daemon = self.meter = self

    @property
    def scene(self) -> Scene:
        return cast("Scene", self)

    @property
    def count(self) -> int:
        return len(self.everyone)

    def _meet(self, what: str) -> None:
        if (error := self.meets.get(what)) is not None:
            raise error

    def settle(self) -> None:
        self.settled = True
        self._meet("settle")

    def say(self, words: str) -> None:
        self.said.append(words)
        if words.startswith("waiting until"):
            self._meet("telling settle")

    def events(self) -> int:
        return 0

    def notices(self) -> int:
        return 0

    def idle_slots(self) -> dict[Member, str]:
        return {one: self.canaries[one].idle_slot for one in self.everyone}

    def push(self, slots: Mapping[Member, str]) -> dict[Member, float]:
        return {one: self.push_one(one, slot, 1) for one, slot in slots.items()}

    def push_one(self, member: Member, slot: str, number: int) -> float:
        assert number
        now, seen = time.monotonic(), self.canaries[member]
        walk = self.walks.get(member.name, UP)
        for weight in walk:
            weights = tuple(weight if one == slot else 100 - weight for one in SLOTS)
            self.moves[member].append(Move(now, weights))
        if walk[-1] == 100:
            seen.primary = slot
        # A release ends in one status, whatever came of it: no phase tells.
        seen.changes += [(now, phase) for phase in ("Progressing", "Idle")]
        return now

    def moved(self, member: Member, since: float) -> list[Move]:
        return [move for move in self.moves[member] if move.at >= since]

    def forget(self, member: Member) -> None:
        self.canaries.pop(member)

    def add(self, member: Member) -> None:
        assert member not in self.canaries

    def make(self, member: Member) -> None:
        assert member in self.canaries or member not in self.everyone

    unmake = make

    def places(self, places: Mapping[str, str]) -> None:
        assert places
        self._meet("places")

    def count_objects(self) -> dict[str, int]:
        self._meet("census" if self.settled else "play")
        return dict.fromkeys(MEMORY, 1)

    def begin(self) -> Callable[[], Window]:
        def end() -> Window:
            self._meet("counters")
            return window(self.sent)

        return end


def crowd(*names: str) -> list[Member]:
    """Canaries of one namespace."""
    return [Member("a", name) for name in names]


def wrote(canary: str, times: Iterable[float]) -> list[Sent]:
    """Its weights, at these times."""
    return [Sent(at, WEIGHT, canary) for at in times]
