"""A rollout in thought ends, waits and goes on where a real one does: both go by one ruling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide.trial import MOST_FAILED, Course, trial
from canaryd.model.gates import EvidenceGate, Evidential
from canaryd.model.spec import Step
from canaryd.model.status import Phase, Status
from canaryd.model.tile import Background, Row, Tile
from tests.decide.build import T0, sec, steps
from tests.decide.counted import (
    ERRORS,
    EVEN,
    EVERY,
    SLO,
    THIN,
    a_tile,
    begun,
    following,
    judged_by,
    weighed,
)

LAG = sec(1)
WALK = steps(10, 50, 100)
SEEN_OF_CANARY: dict[str, tuple[float, float] | None] = {
    "fine": (0.01, 0.01),
    "bad": (0.1, 0.01),
    "a little worse": (0.03, 0.01),
    "outage": (0.1, 0.1),
    "broken": (0.95, 0.01),
    "broken for all": (0.95, 0.95),
}
"""Which share of the canary's requests goes wrong, and of the primary's."""
KINDS = [*SEEN_OF_CANARY, "few", "empty", "silent", "lost", "warned"]
SCRIPTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 25)), min_size=1, max_size=5)


def a_tile_of(kind: str, number: int, step: Step) -> Tile:
    """What is counted while the canary has this step's weight."""
    share = step.weight / 100
    rate = {"few": 9.0, "silent": 0.0}.get(kind, 4000.0)
    canary, primary = round(rate * share), round(rate * (1 - share))
    wrong, usual = SEEN_OF_CANARY.get(kind) or (0.01, 0.01)
    if kind == "empty":
        canary = 0
    tile = a_tile(number, (round(canary * wrong), canary), (round(primary * usual), primary))
    if kind == "lost":
        return replace(tile, rows=(*tile.rows, Row("unknown", "", 3.0, code="503")))
    return replace(tile, reservation="a warning") if kind == "warned" else tile


def in_thought(
    script: Sequence[str], gates: tuple[EvidenceGate, ...], known: Background | None
) -> tuple[list[int], str, int]:
    """The weight of each tile, how it ended, and after how many tiles."""
    weights: list[int] = []

    def source(start: datetime, step: Step) -> Tile | None:
        number = (start - T0) // EVERY
        if number >= len(script):
            return None
        weights.append(step.weight)
        return a_tile_of(script[number], number, step)

    course = Course(Evidential(gates), WALK, "podinfo-v2", "podinfo-v1", LAG)
    found = trial(course, source, known, begin_at=T0)
    return weights, found.failed or ("promoted" if found.finished else "runs"), len(weights)


def in_earnest(
    script: Sequence[str], gates: tuple[EvidenceGate, ...], known: Background | None
) -> tuple[list[int], str, int]:
    """The same of real decisions, each as its tile arrives."""
    told: dict[str, Any] = {"background": known}
    evidence = begun(changes=(T0,))
    snap = weighed(
        spec=judged_by(*gates), status={"evidence": evidence} | told, counted=told, gates=gates
    )
    # Whether requests follow the weight is looked at in real ones only.
    snap = replace(snap, waits=replace(snap.waits, share_settles=timedelta(days=9)))
    weights: list[int] = []
    for number, kind in enumerate(script):
        step = snap.status.step
        assert step is not None
        weights.append(step.weight)
        tile = a_tile_of(kind, number, WALK[step.index])
        counting = replace(snap.counting, tiles=(tile,))
        _, snap = following(replace(snap, counting=counting), tile.end + LAG)
        if snap.status.phase is not Phase.PROGRESSING or snap.status.rollout is None:
            return weights, ended(snap.status, gates), len(weights)
    return weights, "runs", len(weights)


def ended(status: Status, gates: tuple[EvidenceGate, ...]) -> str:
    if status.rejected is None:
        return "promoted"
    if status.rejected.reason == "MostRequestsFailed":
        return MOST_FAILED
    assert status.rejected.reason in {"WorseThanPrimary", "ObjectiveMissed"}
    return next(gate.name for gate in gates if f"{gate.name}: " in status.rejected.message)


@given(
    script=SCRIPTS,
    gates=st.sampled_from([(ERRORS,), (SLO,), (ERRORS, SLO), (SLO, ERRORS)]),
    known=st.sampled_from([EVEN, EVEN, THIN, None]),
)
def test_the_same_tiles_lead_to_the_same_end_in_thought_and_in_earnest(
    script: list[tuple[str, int]],
    gates: tuple[EvidenceGate, ...],
    known: Background | None,
) -> None:
    kinds = list(chain.from_iterable(repeat(kind, times) for kind, times in script))
    assert in_thought(kinds, gates, known) == in_earnest(kinds, gates, known)


@pytest.mark.parametrize(
    ("kind", "gates", "known", "end"),
    [
        ("bad", (ERRORS,), EVEN, "errors"),
        ("bad", (SLO,), EVEN, "slo"),
        ("bad", (ERRORS,), THIN, "runs"),
        ("bad", (ERRORS,), None, "runs"),
        ("outage", (SLO,), EVEN, "runs"),
        ("fine", (ERRORS, SLO), EVEN, "promoted"),
        ("broken", (ERRORS,), EVEN, MOST_FAILED),
        ("lost", (ERRORS,), EVEN, "runs"),
        ("silent", (ERRORS,), EVEN, "runs"),
        ("warned", (ERRORS,), EVEN, "runs"),
    ],
)
def test_each_end_is_one_that_both_come_to(
    kind: str, gates: tuple[EvidenceGate, ...], known: Background | None, end: str
) -> None:
    """So that the comparison above compares something."""
    script = [kind] * 60
    thought, earnest = in_thought(script, gates, known), in_earnest(script, gates, known)
    assert thought == earnest
    assert thought[1] == end
