"""What is done to the crowd, and what is measured of it; each leaves all Canaries idle."""

from __future__ import annotations

import random
import time
from collections.abc import Container, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bench.scale.crowd import Member, Way
from bench.scale.figures import Result, result, spread
from bench.scale.processes import until
from bench.scale.scene import Scene
from bench.scale.window import Window

BAD = 10
"""So many turn bad."""
PEAK = 100
TICKS = 6
"""So many intervals has a release: five steps, and the push. More time is no more work."""

ROUND = 1.0
"""Answers that come in less than this after one another belong to one round."""


def first_start(scene: Scene) -> Result:
    """A daemon that has never run meets N Canaries: each is taken over and told of."""
    scene.daemon.start()
    began = scene.daemon.started_at
    until(scene.daemon.ready, "canaryd to be ready", min(300, scene.patience))
    ready = time.monotonic()
    end = scene.meter.begin()
    done = scene.wait_phase("Idle", scene.patience)
    scene.settle()
    more = {
        "start to ready s": ready - began,
        "start to all taken over s": done - began,
        "Events told": scene.notices(),
        "Events there": scene.events(),
    }
    window = end()
    return summed(scene, "first start", window, ticks=scene.count, more=more)


def idle(scene: Scene, seconds: float = 60) -> Result:
    """Nothing happens."""
    end = scene.meter.begin()
    time.sleep(seconds)
    window = end()
    ticks = scene.count * window.seconds / scene.interval
    return summed(scene, "idle", window, ticks=ticks, more={})


def restart_idle(scene: Scene) -> Result:
    """Killed (-9) while idle: start until every Canary was decided, as /metrics says."""
    scene.daemon.kill()
    before = scene.requests.counts()
    scene.daemon.start()
    began = scene.daemon.started_at
    until(scene.daemon.ready, "canaryd to be ready", 300)
    ready, end = time.monotonic(), scene.meter.begin()
    decided = wait_decided(scene)
    window = end()
    scene.settle()
    asked = scene.requests.counts() - before
    more = {
        "start to ready s": ready - began,
        "start to all decided s": decided - began,
        "CPU s until then": window.cpu,
        "requests from the start": sum(asked.values()),
    }
    return summed(scene, "restart, idle", window, ticks=scene.count, more=more)


def release(scene: Scene, name: str = "release") -> Result:
    """All targets change at once, and all is well."""
    return Rollout(scene).well(name)


def turning_bad(scene: Scene) -> Result:
    """All are released; some turn bad, at any time of their interval, while they have 20 to 40."""
    rollout = Rollout(scene)
    rollout.begin()
    rollout.wait_weight(20, share=0.5)
    time.sleep(random.uniform(0, scene.interval))  # noqa: S311 - no secret
    bad = rollout.having(range(20, 41), most=BAD)
    workloads = {one: one.workload(rollout.slots[one]) for one in bad}
    fault = scene.standin.turn(dict.fromkeys(workloads.values(), "bad"))
    scene.say(f"{len(bad)} turned bad")
    rollout.wait_end()
    scene.settle()
    answers: dict[str, list[float]] = scene.standin.counts()["bad"]
    scene.standin.turn(dict.fromkeys(workloads.values(), "good"))
    zero = {one: at for one in bad if (at := rollout.zero(one, fault))}
    told = {one: [at for at in answers.get(workloads[one], []) if at < zero[one]] for one in zero}
    more = {
        "turned bad": len(bad),
        "fault to weight 0 s": spread(zero[one] - fault for one in zero),
        "first bad answer to weight 0 s": spread(
            zero[one] - each[0] for one, each in told.items() if each
        ),
        "deciding answer to weight 0 s": spread(
            zero[one] - round_of(each) for one, each in told.items() if each
        ),
        "not taken back": len(bad) - len(zero),
    }
    return rollout.result("10 turn bad", more)


def round_of(answers: Sequence[float]) -> float:
    """When the last round of answers began: one check asks about several metrics."""
    began = answers[-1]
    for at in reversed(answers):
        if began - at > ROUND:
            break
        began = at
    return began


def killed(scene: Scene) -> Result:
    """Killed (-9) while all are released; the next process goes on."""
    rollout = Rollout(scene)
    rollout.begin()
    rollout.wait_weight(20, share=0.5)
    scene.daemon.kill()
    died = time.monotonic()
    scene.start()
    ready, began = time.monotonic(), scene.daemon.started_at
    rollout.restarted()
    decided = wait_decided(scene)
    rollout.wait_end()
    scene.settle()
    first = [next(iter(scene.watching.moved(one, died)), None) for one in scene.crowd.everyone]
    more = {
        "start to ready s": ready - began,
        "start to all decided s": decided - began,
        "start to first weight s": spread(move.at - began for move in first if move),
        "weights that fell": rollout.falls(),
    }
    return rollout.result("kill -9", more)


def hanging(scene: Scene) -> Result:
    """All receivers hang while all are released."""
    scene.crowd.alert(f"{scene.standin.url}/hook/hang")
    scene.settle()
    found = Rollout(scene).well("receivers hang")
    hooks = scene.standin.counts()["hooks"]
    return replace(found, figures={"deliveries tried": hooks.get("tries", 0), **found.figures})


def summed(
    scene: Scene,
    name: str,
    window: Window,
    *,
    ticks: float,
    more: dict[str, Any],
    releases: int = 0,
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
    )


def wait_decided(scene: Scene) -> float:
    """Wait until the daemon has decided every Canary once; returns when that was seen."""
    what = "every Canary to be decided"
    return until(lambda: scene.daemon.decided() >= scene.count, what, scene.patience, 0.2)


class Rollout:
    """One release of the whole crowd."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.slots = scene.idle_slots()
        self.pushed: dict[Member, float] = {}
        self._told, self._there = scene.notices(), scene.events()
        self._start = time.monotonic()
        self._end = scene.meter.begin()

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
        """Another process works now: processor time counts from here."""
        self._end = self.scene.meter.begin()

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
        promoted = sum(found[-1][1] == PEAK for found in moves.values() if found)
        facts = {
            **more,
            "ended": len(ends),
            "promoted": promoted,
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
        return summed(
            scene, name, window, ticks=TICKS * scene.count, more=facts, releases=scene.count
        )
