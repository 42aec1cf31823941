"""A rollout in thought: tiles through the real rules and gates, without the world around them.

For asking what would have happened (`canaryd backtest`) and what is to be expected
(`canaryd plan`). What the evidence means is ruled as in a real one; silence is waited out, whatever
`noData.then` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from canaryd.decide.ruling import (
    HELD,
    PROVEN,
    Ruling,
    heard_since,
    longest_stay,
    most_failed,
    nothing_came,
    rests_on_counts,
    rule_on,
    uncountable,
)
from canaryd.decide.tiles import Frame
from canaryd.decide.weigh import Scales, begin, enter_step, take_in
from canaryd.model.evidence import Evidence, Tally
from canaryd.model.gates import Evidential
from canaryd.model.spec import Step
from canaryd.model.status import NOT_THE_STEPS_TIME, HoldReason
from canaryd.model.tile import Background, Tile
from canaryd.model.waits import Waits

WAITS = Waits()
MOST_FAILED = "most requests failed"
"""The check that is outside of alpha."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a rollout walks, and how it is judged; `lag` is how late a tile is known."""

    rules: Evidential
    steps: tuple[Step, ...]
    canary: str
    primary: str
    lag: timedelta
    settles: timedelta = WAITS.weight_settles
    patience: timedelta = timedelta(minutes=10)
    """How long a canary without requests is waited for where few are due (`noData.after`)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: `failed` names the gate that took it back, None if none did.

    `after` is from the first step on; `step` is the index of the last one. `canary_requests` are
    those that evidence rests on. `finished` tells whether the tiles sufficed to walk all steps;
    `inconclusive` counts steps that time alone passed. `undecided` tells that at the end there was
    evidence enough, but a person had to decide: the environment may be at fault, or nobody knew how
    the primary's pods differ. `held` is why it was held at the end, if so.
    """

    failed: str | None
    after: timedelta
    step: int
    canary_requests: float
    finished: bool
    inconclusive: int = 0
    undecided: bool = False
    held: str | None = None


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where the rollout is, and how long its step's clock has run: `stayed`, and since `runs`."""

    evidence: Evidence
    index: int
    entered: datetime
    stayed: timedelta = timedelta()
    runs: datetime | None = None
    inconclusive: int = 0
    finished: bool = False
    undecided: bool = False
    held: str | None = None

    def elapsed(self, now: datetime) -> timedelta:
        """How long the step's clock has run by now."""
        return self.stayed + (now - self.runs if self.runs is not None else timedelta())

    def clocked(self, now: datetime, *, stands: bool) -> _Walk:
        """The step's clock stands still, or runs, from now on."""
        if stands:
            return replace(self, stayed=self.elapsed(now), runs=None)
        return self if self.runs is not None else replace(self, runs=now)


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
        ruled = rulings(course, walk, scales)
        failed = failure(walk.evidence, ruled)
        if failed is not None:
            return outcome(walk, failed, now - begin_at)
        found = [ruling for _, ruling in ruled]
        held = holds(course, walk, found, scales)
        due = not held and over(course, walk, found, now)
        if due and blind(course, walk):
            held = {HoldReason.METRICS_UNAVAILABLE}
        reason = min((each.value for each in held), default=None)
        walk = replace(walk, undecided=not PROVEN.isdisjoint(found), held=reason)
        if due and not held:
            walk = go_on(course, walk, found, now)
        if walk.finished:
            break
        walk = walk.clocked(now, stands=not held.isdisjoint(NOT_THE_STEPS_TIME))
    return outcome(walk, None, now - begin_at)


def longest(course: Course) -> timedelta:
    """How long a rollout takes that nothing holds, if each step is passed by time alone."""
    window = course.rules.evaluate_every
    late = 2 * window + course.lag + course.settles
    return sum((longest_stay(step.most, window) + late for step in course.steps), timedelta())


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
    step = walk.index + 1
    return replace(walk, evidence=evidence, index=step, entered=now, stayed=timedelta(), runs=now)


def rulings(course: Course, walk: _Walk, scales: Scales) -> tuple[tuple[str, Ruling], ...]:
    """What each gate's evidence comes to, by its name."""
    states = {state.name: state for state in walk.evidence.gates}
    weight = course.steps[walk.index].weight
    return tuple(
        (rule.name, rule_on(rule, states[rule.name], scales, weight=weight, live=True))
        for rule in course.rules.gates
    )


def failure(evidence: Evidence, ruled: Iterable[tuple[str, Ruling]]) -> str | None:
    """Which gate takes the canary back, if one does."""
    if most_failed(evidence):
        return MOST_FAILED
    return next((name for name, ruling in ruled if ruling is Ruling.TAKE_BACK), None)


def holds(course: Course, walk: _Walk, ruled: Iterable[Ruling], scales: Scales) -> set[HoldReason]:
    """Why the rollout waits; that requests do not follow the weight is no matter of the gates."""
    found = {HELD[ruling] for ruling in ruled if ruling in HELD}
    if nothing_came(walk.evidence, scales.background, course.patience):
        found.add(HoldReason.NO_CANARY_DATA)
    untold = uncountable(walk.evidence, rests=rests(course, walk))
    return found if untold is None else found | {untold[0]}


def over(course: Course, walk: _Walk, ruled: Sequence[Ruling], now: datetime) -> bool:
    """Whether the step's time is over, and nothing speaks against going on."""
    step, stayed = course.steps[walk.index], walk.elapsed(now)
    decided = all(ruling is Ruling.PASSED for ruling in ruled)
    most = longest_stay(step.most, walk.evidence.window)
    waits = stayed < step.least or (not decided and stayed < most)
    heard = heard_since(walk.evidence, walk.entered + course.settles)
    return not waits and heard and Ruling.DOUBTFUL not in ruled


def blind(course: Course, walk: _Walk) -> bool:
    """Whether the latest counts, on which a gate rests, could not be used."""
    return rests(course, walk) and walk.evidence.refused_last is not None


def rests(course: Course, walk: _Walk) -> bool:
    """Whether any gate looks at counts in the running step."""
    return rests_on_counts(course.rules.gates, course.steps[walk.index].weight)


def go_on(course: Course, walk: _Walk, ruled: Iterable[Ruling], now: datetime) -> _Walk:
    """The next step, or the end after the last one."""
    inconclusive = any(ruling is not Ruling.PASSED for ruling in ruled)
    walk = replace(walk, inconclusive=walk.inconclusive + inconclusive)
    last = walk.index + 1 == len(course.steps)
    return replace(walk, finished=True) if last else enter(course, walk, now)


def outcome(walk: _Walk, failed: str | None, after: timedelta) -> Outcome:
    """What became of the rollout."""
    strands = [gate.strands[0].total for gate in walk.evidence.gates if gate.strands]
    seen = max(strands, key=lambda tally: tally.canary, default=Tally())
    return Outcome(
        failed=failed,
        after=after,
        step=walk.index,
        canary_requests=seen.canary,
        finished=walk.finished,
        inconclusive=walk.inconclusive,
        undecided=failed is None and walk.undecided,
        held=None if failed is not None or walk.finished else walk.held,
    )
