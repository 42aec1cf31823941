"""One release of the whole crowd: pushed, waited for, and summed up."""

from __future__ import annotations

import time
from collections.abc import Container
from itertools import pairwise
from typing import Any

from bench.scale.crowd import Member, Way
from bench.scale.figures import Result, result, spread
from bench.scale.processes import until
from bench.scale.scene import Scene
from bench.scale.window import Window

PEAK = 100
TICKS = 6
"""So many intervals has a release: five steps, and the push. More time is no more work."""


def summed(
    scene: Scene,
    name: str,
    window: Window,
    *,
    ticks: float | None,
    more: dict[str, Any],
    releases: int = 0,
    apart: Container[str] = (),
) -> Result:
    """The result of one scenario with this scene."""
    return result(
        name,
        scene.count,
        window,
        way=scene.way,
        interval=scene.interval,
        ticks=ticks,
        more=more,
        releases=releases,
        apart=apart,
    )


class Rollout:
    """One release of the whole crowd."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.slots = scene.idle_slots()
        self.pushed: dict[Member, float] = {}
        self._told, self._there = scene.notices(), scene.events()
        self._start = time.monotonic()
        self._end, self._whole = scene.meter.begin(), True

    def well(self, name: str) -> Result:
        """Push, and wait until all are promoted and told."""
        self.begin()
        self.wait_end()
        self.scene.settle()
        return self.result(name, {})

    def begin(self) -> None:
        """Push to the idle slot of each."""
        self.pushed = self.scene.crowd.push(self.slots)

    def restarted(self) -> None:
        """Another process works now: processor time counts from here, within the releases."""
        self._end()
        self._end, self._whole = self.scene.meter.begin(), False

    def moves(self, one: Member) -> list[tuple[float, int]]:
        """The canary's weights since the push, each with its time."""
        found = self.scene.watching.moved(one, self._start)
        return [(move.at, move.of(self.slots[one])) for move in found]

    def having(self, weights: Container[int], *, most: int) -> list[Member]:
        """Some Canaries with such a weight now, from the whole crowd."""
        now = {one: moves[-1][1] for one in self.slots if (moves := self.moves(one))}
        found = [one for one, weight in now.items() if weight in weights]
        return found[:: max(1, len(found) // most)][:most]

    def wait_weight(self, weight: int, *, share: float) -> None:
        """Wait until this share of the crowd had the weight."""

        def there() -> bool:
            had = sum(
                any(seen >= weight for _, seen in self.moves(one))
                for one in self.scene.crowd.everyone
            )
            return had >= share * self.scene.count

        until(there, f"{share:.0%} to have weight {weight}", self.scene.patience, 0.5)

    def wait_end(self) -> None:
        """Wait until each rollout has ended, or patience has: the result says how many did."""
        self.scene.say("waiting for the rollouts to end")
        told = time.monotonic()

        def over() -> bool:
            nonlocal told
            ended = self.ends()
            if time.monotonic() - told > 15:
                told = time.monotonic()
                self.scene.say(f"{len(ended)} of {self.scene.count} rollouts have ended")
            return len(ended) == self.scene.count

        try:
            until(over, "all rollouts to end", self.scene.patience, 0.5)
        except AssertionError as error:
            self.scene.say(f"{error}: going on with {len(self.ends())} of {self.scene.count}")

    def ends(self) -> dict[Member, float]:
        """When the rollouts ended that have."""
        seen = self.scene.watching.canaries
        return {
            one: at
            for one in self.scene.crowd.everyone
            if (at := seen[one].ended(self._start)) is not None
        }

    def zero(self, one: Member, since: float) -> float:
        """When the canary's weight became 0; 0 when it did not."""
        return next((at for at, weight in self.moves(one) if at >= since and weight == 0), 0.0)

    def falls(self) -> int:
        """How many weights were less than the one before."""
        every = (self.moves(one) for one in self.scene.crowd.everyone)
        return sum(one > two for moves in every for (_, one), (_, two) in pairwise(moves))

    def result(self, name: str, more: dict[str, Any]) -> Result:
        """End the window, and sum up."""
        window, scene, ends = self._end(), self.scene, self.ends()
        moves = {one: self.moves(one) for one in scene.crowd.everyone}
        gaps = [
            later - sooner
            for found in moves.values()
            for (sooner, one), (later, two) in pairwise(found)
            if two > one
        ]
        lasted = [at - self.pushed[one] for one, at in ends.items()]
        promoted = {one for one, found in moves.items() if found and found[-1][1] == PEAK}
        facts = {
            **more,
            "ended": len(ends),
            "promoted": len(promoted),
            "push to first weight s": spread(
                found[0][0] - self.pushed[one] for one, found in moves.items() if found
            ),
            "gap between weights s": spread(gaps),
            "release s": spread(lasted),
            "weight writes each": sum(map(len, moves.values())) / scene.count,
            "Events told": scene.notices() - self._told,
            "Events there": scene.events() - self._there,
        }
        if scene.way is Way.THRESHOLDS:  # by evidence a step takes as long as the proof
            facts["late s"] = spread(gap - scene.interval for gap in gaps)
        # What is left of a release is none and has no sixths, nor have those that did not end.
        if not self._whole or len(ends) < scene.count:
            return summed(scene, name, window, ticks=None, more=facts)
        return summed(
            scene,
            name,
            window,
            ticks=TICKS * scene.count,
            more=facts,
            releases=scene.count,
            apart={one.path for one in moves if one not in promoted},
        )
