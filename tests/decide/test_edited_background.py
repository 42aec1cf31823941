"""What is known of the primary's pods belongs to the gates that it was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.background import subject
from canaryd.decide.engine import decide
from canaryd.model.gates import Counted, EvidenceGate, Evidential, Objective, Reporter
from canaryd.model.snapshot import Snapshot
from canaryd.model.status import HoldReason
from canaryd.model.tile import Background
from tests.decide.build import T0, V1, V2, held, sec
from tests.decide.counted import (
    ERRORS,
    EVEN,
    LATENCY,
    NEW_POD,
    OLD_POD,
    SLO,
    SLOW,
    a_tile,
    after,
    following,
    judged_by,
    timings,
    weighed,
)

LATER = Objective("slow", Counted.LATENCY, 0.05, 250.0)


def known(*gates: EvidenceGate) -> Background:
    """What was asked for when the rollout began, with these gates."""
    return replace(EVEN, asked_at=T0 + sec(1), about=subject(Evidential(gates)))


def edited(background: Background, *gates: EvidenceGate, **rules: object) -> Snapshot:
    """In mid-rollout the gates are these; nothing was asked since."""
    evidence = Evidential(gates, **rules)  # type: ignore[arg-type]
    spec = judged_by(*gates, evidence=evidence)
    status = {"background": background}
    return weighed(spec=spec, gates=gates, status=status, counted={"background": None})


@pytest.mark.parametrize(
    "snap",
    [
        edited(known(ERRORS), ERRORS, LATENCY),
        edited(known(SLOW), LATER),
        edited(known(ERRORS), ERRORS, grpc_good=frozenset({"0"})),
        edited(known(ERRORS), ERRORS, reporter=Reporter.SOURCE),
    ],
    ids=["latency is compared now", "at another edge", "other statuses", "another reporter"],
)
def test_an_edit_that_asks_for_something_else_has_it_asked_for(snap: Snapshot) -> None:
    decision = decide(snap, after(11))
    assert decision.count is not None
    assert decision.count.background
    assert decision.status.background is None
    told = replace(EVEN, asked_at=after(11), about=decision.count.about)
    answered = replace(snap, counting=replace(snap.counting, background=told))
    again = decide(answered, after(12))
    assert again.count is not None
    assert not again.count.background
    assert again.status.background == told


def test_an_edit_of_a_number_asks_for_nothing() -> None:
    snap = edited(known(ERRORS, SLO), ERRORS, replace(SLO, most=0.03))
    decision = decide(snap, after(11))
    assert decision.count is not None
    assert not decision.count.background
    assert decision.status.background is not None


def test_what_was_known_before_it_was_written_what_it_is_about_is_still_good() -> None:
    decision = decide(edited(replace(known(), about=""), ERRORS), after(11))
    assert decision.count is not None
    assert not decision.count.background


def test_an_answer_to_the_gates_from_before_the_edit_is_not_taken_for_one_to_these() -> None:
    snap = edited(known(ERRORS), ERRORS, LATENCY)
    old = replace(known(ERRORS), asked_at=after(10))
    decision = decide(replace(snap, counting=replace(snap.counting, background=old)), after(11))
    assert decision.status.background is None


def test_no_release_is_rolled_back_on_an_edge_of_which_nothing_is_known() -> None:
    snap = edited(known(SLOW), LATER)
    holds: list[HoldReason | None] = []
    for number in range(6):
        tile = a_tile(number, canary=(1, 100))
        rows = (*timings(V2, NEW_POD, 25, 100, 250), *timings(V1, OLD_POD, 9, 900, 250))
        tile = replace(tile, rows=(*tile.rows, *rows))
        snap = replace(snap, counting=replace(snap.counting, tiles=(tile,)))
        decision, snap = following(snap, after(10 * number + 11))
        holds.append(held(decision))
    assert holds[-1] is HoldReason.DISPERSION_UNKNOWN
