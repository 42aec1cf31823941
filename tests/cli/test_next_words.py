"""What `why` says comes next, from spec and status."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from canaryd.cli.next_words import Case, next_words, position
from canaryd.cli.words import age, whole
from canaryd.model.names import Key, Revision, Weight
from canaryd.model.spec import Spec
from canaryd.model.status import (
    Cap,
    CapReason,
    Condition,
    Gate,
    Hold,
    HoldReason,
    Phase,
    Status,
    StepState,
    Verdict,
)
from canaryd.wire.canary import parse_spec
from tests.cli.situations import (
    APPROVAL,
    BEGAN,
    IDLE,
    REJECTED,
    SPEC,
    STALLED,
    STARTED,
    STEPPING,
)


def spec(**changes: Any) -> Spec:
    analysis = SPEC["analysis"] | changes.pop("analysis", {})
    parsed = parse_spec(orjson.dumps(SPEC | {"analysis": analysis} | changes), "demo")
    assert isinstance(parsed, Spec)
    return parsed


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def at_step(index: int, **changes: Any) -> Status:
    weight = Weight((10, 50, 100)[index] if index >= 0 else 5)
    step = StepState(index, 3, weight, BEGAN, live_since=BEGAN, running_since=BEGAN)
    return replace(STEPPING, step=replace(step, **changes), canary_weight=weight)


def gate(verdict: Verdict) -> Gate:
    return Gate("request-success-rate", verdict, "…", BEGAN)


assert STARTED.rollout is not None
UNREADY = replace(STARTED, rollout=replace(STARTED.rollout, unready_since=BEGAN))
LOST = Cap(CapReason.CANARY_LOST, "no pod is ready", BEGAN)
NO_DATA = Hold(HoldReason.NO_CANARY_DATA, "no series", BEGAN)
APPROVE = "canaryd approve podinfo -n demo --step 2"

CASES: list[tuple[str, Spec, Status, float, list[str]]] = [
    (
        "the clock runs",
        spec(),
        at_step(0),
        40,
        ["20s of 1m left at this step, then step 2 of 3 (50 %)"],
    ),
    (
        "the clock runs, and a person will be asked",
        spec(),
        at_step(1),
        40,
        [
            f"20s of 1m left at this step, then it waits for approval ({APPROVE}), "
            "then step 3 of 3 (100 %)"
        ],
    ),
    (
        "approved already",
        spec(),
        replace(at_step(1), rollout=replace(STARTED.rollout, approved_step=1)),
        40,
        ["20s of 1m left at this step, then step 3 of 3 (100 %)"],
    ),
    (
        "the last step",
        spec(),
        at_step(2),
        15.5,
        ["45s of 1m left at this step, then promotion: v2 serves, v1 is idle"],
    ),
    (
        "the clock stands still",
        spec(),
        at_step(0, running_since=None, stayed=timedelta(seconds=12)),
        99,
        ["48s of 1m left at this step (the clock stands still), then step 2 of 3 (50 %)"],
    ),
    (
        "the weight is not there yet",
        spec(),
        at_step(0, running_since=None, live_since=None),
        5,
        ["1m of 1m left at this step (the clock starts with the weight), then step 2 of 3 (50 %)"],
    ),
    (
        "taken over below the first step",
        spec(),
        at_step(-1),
        10,
        ["20s of 30s left at this step, then step 1 of 3 (10 %)"],
    ),
    (
        "time is over, a gate has not passed",
        spec(),
        replace(at_step(0), gates=(gate(Verdict.FAIL),)),
        61,
        ["waits for a passing sample of request-success-rate", "then step 2 of 3 (50 %)"],
    ),
    ("everything is there", spec(), at_step(0), 61, ["step 2 of 3 (50 %) with the next look"]),
    (
        "it waits for a person",
        spec(),
        APPROVAL,
        61,
        [f"waits for approval: {APPROVE}", "then step 3 of 3 (100 %)"],
    ),
    (
        "before the first step",
        spec(),
        STARTED,
        1,
        ["step 1 of 3 (10 %) as soon as it is ready and the metrics server has answered"],
    ),
    (
        "unready",
        spec(progressDeadlineSeconds=120),
        UNREADY,
        30,
        [
            "rolled back in 1m30s if it is not ready by then (progress deadline 2m)",
            "step 1 of 3 (10 %) as soon as it is ready and the metrics server has answered",
        ],
    ),
    (
        "analysis is skipped",
        spec(skipAnalysis=True),
        STARTED,
        1,
        ["all traffic as soon as it is ready, without the remaining steps"],
    ),
    (
        "a person asked to promote",
        spec(),
        replace(STEPPING, rollout=replace(STARTED.rollout, skip_steps=True)),
        1,
        [
            "all traffic as soon as it is ready, without the remaining steps; until then it is"
            " judged"
        ],
    ),
    (
        "no data, and it will be taken back",
        spec(analysis={"noData": {"after": "5m", "then": "RollBack"}}),
        replace(at_step(0), hold=NO_DATA),
        90,
        [
            "rolled back in 3m30s if samples stay away until then",
            "step 2 of 3 (50 %) with the next look",
        ],
    ),
    (
        "lost once",
        spec(),
        replace(STEPPING, cap=LOST, rollout=replace(STARTED.rollout, losses=1)),
        1,
        ["traffic returns after unbroken readiness; 2 more losses roll it back"],
    ),
    (
        "lost twice",
        spec(),
        replace(STEPPING, cap=LOST, rollout=replace(STARTED.rollout, losses=2)),
        1,
        ["traffic returns after unbroken readiness; the next loss rolls it back"],
    ),
    (
        "pushed in mid-rollout",
        spec(),
        replace(STEPPING, cap=Cap(CapReason.TARGET_MOVED, "was changed", BEGAN)),
        1,
        ["a new rollout starts as soon as Kubernetes has named the pushed revision"],
    ),
    (
        "idle",
        spec(),
        IDLE,
        1,
        ["a push to slot v2 (Deployment podinfo-v2) starts the next rollout"],
    ),
    (
        "rejected",
        spec(),
        REJECTED,
        1,
        [
            "a push to slot v2 (Deployment podinfo-v2) starts the next rollout",
            "to try the rejected revision again: canaryd retry podinfo -n demo",
        ],
    ),
    (
        "promoting",
        spec(),
        replace(STEPPING, phase=Phase.PROMOTING),
        1,
        ["v2 gets all traffic, then it serves and v1 is the idle slot"],
    ),
    (
        "rolling back",
        spec(),
        replace(STEPPING, phase=Phase.ROLLING_BACK),
        1,
        ["the weight goes to 0, then the revision is rejected"],
    ),
    ("stalled", spec(), STALLED, 1, ["nothing before the problem above is mended"]),
    (
        "nobody has looked at it",
        spec(),
        Status(),
        1,
        ["nothing before canaryd has seen it; is it running? kubectl get pods -n canaryd"],
    ),
    (
        "looked at, not taken over",
        spec(),
        Status(observed_generation=1, conditions=(Condition("Ready", "Unknown", "a", "b", BEGAN),)),
        1,
        ["canaryd takes over as soon as Kubernetes has named both slots' revisions"],
    ),
    (
        "the steps were cut short",
        spec(analysis={"steps": [{"weight": 100, "for": "1m"}]}),
        at_step(2),
        1,
        ["the steps were changed; it goes on at the largest step not above its weight"],
    ),
]


@pytest.mark.parametrize(
    ("wish", "status", "seconds", "words"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_what_comes_next(wish: Spec, status: Status, seconds: float, words: list[str]) -> None:
    assert next_words(Case(Key("demo", "podinfo"), wish, status, after(seconds))) == words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (IDLE, "Idle, 0 %"),
        (STEPPING, "Progressing, step 1 of 3 (10 %)"),
        (STALLED, "Idle, 0 %, stalled for RouteAmbiguous: name the route"),
        (REJECTED, "Idle, 0 %"),
    ],
)
def test_where_it_is_in_a_few_words(status: Status, words: str) -> None:
    assert position(status) == words


def test_a_rejection_is_a_problem_again_when_it_is_not_the_idle_slots() -> None:
    elsewhere = replace(REJECTED, idle_revision=Revision("another"))
    assert "stalled for CheckFailed" in position(elsewhere)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (-5, "0s"), (119, "119s"), (120, "2m"), (3 * 3600, "3h"), (3 * 86400, "3d")],
)
def test_ages_are_short(seconds: float, words: str) -> None:
    assert age(BEGAN, after(seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (-1, "0s"), (0.2, "1s"), (59.1, "1m"), (3600, "1h")]
)
def test_what_is_left_is_never_rounded_away(seconds: float, words: str) -> None:
    assert whole(timedelta(seconds=seconds)) == words
