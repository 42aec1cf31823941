"""What is done to the crowd, and what is measured of it; each leaves all Canaries idle."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace

from bench.scale.figures import Result, spread
from bench.scale.processes import until
from bench.scale.rollout import Rollout, summed
from bench.scale.scene import Scene

BAD = 10
"""So many turn bad."""

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


def wait_decided(scene: Scene) -> float:
    """Wait until the daemon has decided every Canary once; returns when that was seen."""
    what = "every Canary to be decided"
    return until(lambda: scene.daemon.decided() >= scene.count, what, scene.patience, 0.2)
