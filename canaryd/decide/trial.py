"""A rollout in thought: tiles through the real rules and gates, without the world around them.

For asking what would have happened (`canaryd backtest`) and what is to be expected
(`canaryd plan`, and the benchmark of verdicts).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from canaryd.decide.strands import DOUBTFUL, against, bound, harmless
from canaryd.decide.tiles import Frame
from canaryd.decide.weigh import ENOUGH_FAILING, Scales, begin, enter_step, take_in
from canaryd.model.evidence import Evidence, Tally
from canaryd.model.gates import Compare, Evidential
from canaryd.model.names import ALL_TRAFFIC
from canaryd.model.spec import Step
from canaryd.model.tile import Background, Tile
from canaryd.model.waits import Waits

WAITS = Waits()


@dataclass(frozen=True, slots=True)
class Course:
    """How a rollout walks, and how it is judged; `lag` is how late a tile is known."""

    rules: Evidential
    steps: tuple[Step, ...]
    canary: str
    primary: str
    lag: timedelta
    settles: timedelta = WAITS.weight_settles


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: `failed` names the gate that took it back, None if none did.

    `after` is from the first step on; `step` is the index of the last one. `canary_requests` are
    those that evidence rests on. `finished` tells whether the tiles sufficed to walk all steps;
    `inconclusive` counts steps that time alone passed.
    """

    failed: str | None
    after: timedelta
    step: int
    canary_requests: float
    finished: bool
    inconclusive: int = 0


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where the rollout is."""

    evidence: Evidence
    index: int
    entered: datetime
    inconclusive: int = 0
    finished: bool = False


Source: TypeAlias = Callable[[datetime, Step], Tile | None]
"""The tile that begins at an instant, while the rollout is at a step; None when there is none."""


def trial(
    course: Course, source: Source, background: Background | None, *, begin_at: datetime
) -> Outcome:
    """Walk from `begin_at` (a tile's start) until it ends, or the source does."""
    now, window = begin_at, course.rules.evaluate_every
    walk = _Walk(begin(window=window, counted_until=begin_at), -1, begin_at)
    walk = enter(course, walk, begin_at)
    while (tile := source(walk.evidence.counted_until, course.steps[walk.index])) is not None:
        now = tile.end + course.lag
        scales = weighing(course, walk, background)
        walk = replace(walk, evidence=take_in(walk.evidence, (tile,), scales))
        failed = failure(walk.evidence, course)
        if failed is not None:
            return outcome(walk, failed, now - begin_at)
        walk = go_on(course, walk, now)
        if walk.finished:
            break
    return outcome(walk, None, now - begin_at)


def weighing(course: Course, walk: _Walk, background: Background | None) -> Scales:
    """What the tiles of the running step are weighed with."""
    frame = Frame(
        canary=course.canary,
        primary=course.primary,
        changes=walk.evidence.changes,
        settles=course.settles,
        grpc_good=course.rules.grpc_good,
    )
    return Scales(
        rules=course.rules,
        frame=frame,
        background=background,
        weight=course.steps[walk.index].weight,
        live_since=walk.entered,
        share_settles=WAITS.share_settles,
        window=walk.evidence.window,
    )


def enter(course: Course, walk: _Walk, now: datetime) -> _Walk:
    """Enter the next step."""
    evidence = enter_step(walk.evidence, at=now)
    evidence = replace(evidence, changes=(*evidence.changes, now)[-3:])
    return replace(walk, evidence=evidence, index=walk.index + 1, entered=now)


def failure(evidence: Evidence, course: Course) -> str | None:
    """Which gate takes the canary back, if one does."""
    if evidence.failing >= ENOUGH_FAILING:
        return "most requests failed"
    limit = bound(course.rules)
    return next((gate.name for gate in evidence.gates if against(gate) >= limit), None)


def go_on(course: Course, walk: _Walk, now: datetime) -> _Walk:
    """The next step when this one is passed, or the end after the last one; else the same."""
    step, stayed = course.steps[walk.index], now - walk.entered
    if stayed < step.least:
        return walk
    gates = {gate.name: gate for gate in walk.evidence.gates}
    compared = [
        gates[rule.name]
        for rule in course.rules.gates
        if not (isinstance(rule, Compare) and step.weight == ALL_TRAFFIC)
    ]
    passed = all(harmless(gate, course.rules) for gate in compared)
    if not passed and (stayed < step.most or any(against(gate) >= DOUBTFUL for gate in compared)):
        return walk
    walk = replace(walk, inconclusive=walk.inconclusive + (not passed))
    last = walk.index + 1 == len(course.steps)
    return replace(walk, finished=True) if last else enter(course, walk, now)


def outcome(walk: _Walk, failed: str | None, after: timedelta) -> Outcome:
    """What became of the rollout."""
    strands = [gate.strands[0].total for gate in walk.evidence.gates if gate.strands]
    seen = max(strands, key=lambda tally: tally.canary, default=Tally())
    return Outcome(failed, after, walk.index, seen.canary, walk.finished, walk.inconclusive)
