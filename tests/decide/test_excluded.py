"""What an inconclusive step excludes, in words: a ratio to the primary's, or an own fraction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide import say_evidence as say
from canaryd.decide.strands import new_strand
from canaryd.model.evidence import GateEvidence, Tally
from canaryd.model.gates import Counted, EvidenceGate, Objective
from tests.decide.counted import ERRORS, EVEN, SLO, SLOW
from tests.decide.scales import scales

STRICT = Objective("strict", Counted.ERRORS, 1e-6)
EXCLUDED: dict[str, tuple[EvidenceGate, Tally, float, str]] = {
    "a ratio": (
        ERRORS,
        Tally(0, 900, 90, 9000),
        1.0,
        "errors: canary 0 % (0 of 900) vs primary 1 % (90 of 9,000): 0x; "
        "excluded for the canary: more than 0.75x",
    ),
    "no ratio": (
        ERRORS,
        Tally(0, 9, 0, 90),
        1.0,
        "errors: canary 0 % (0 of 9) vs primary 0 % (0 of 90); "
        "excluded for the canary: more than 44.5 %",
    ),
    "the objective is within what is left": (
        SLO,
        Tally(4, 1000, 36, 9000),
        1.0,
        "slo: canary 0.4 % (4 of 1,000), primary 0.4 % (36 of 9,000); "
        "excluded for the canary: more than 1.25 %, "
        "and so that it misses its objective (at most 2 % failed)",
    ),
    "the objective may be missed": (
        SLO,
        Tally(0, 90, 0, 810),
        1.0,
        "slo: canary 0 % (0 of 90), primary 0 % (0 of 810); "
        "excluded for the canary: more than 5.72 %, but not yet "
        "that it misses its objective (at most 2 % failed)",
    ),
    "clumps exclude less": (
        SLO,
        Tally(4, 1000, 36, 9000),
        3.0,
        "slo: canary 0.4 % (4 of 1,000), primary 0.4 % (36 of 9,000); "
        "excluded for the canary: more than 2.4 %, "
        "but not yet that it misses its objective (at most 2 % failed)",
    ),
    "the objective is outside of what is left": (
        SLOW,
        Tally(27, 300, 0, 0),
        1.0,
        "slow above 100 ms: canary 9 % (27 of 300), primary no requests; "
        "excluded for the canary: less than 5.26 %, "
        "and with it its objective (at most 5 % slower than 100 ms)",
    ),
    "nobody called": (
        SLO,
        Tally(0, 0, 9, 900),
        1.0,
        "slo: canary no requests, primary 1 % (9 of 900); excluded for the canary: nothing yet",
    ),
    "the only one failed": (
        SLO,
        Tally(1, 1, 0, 9),
        1.0,
        "slo: canary 100 % (1 of 1), primary 0 % (0 of 9); excluded for the canary: nothing yet",
    ),
    "half of a fifth of a clump failed": (
        SLO,
        Tally(3, 6, 0, 54),
        30.0,
        "slo: canary 50 % (3 of 6), primary 0 % (0 of 54); excluded for the canary: nothing yet",
    ),
    "a very strict objective is outside of what is left": (
        STRICT,
        Tally(30, 5e6, 0, 0),
        1.0,
        "strict: canary 0.0006 % (30 of 5,000,000), primary no requests; excluded for the canary: "
        "less than 0.000355 %, and with it its objective (at most 0.0001 % failed)",
    ),
}


@pytest.mark.parametrize(("gate", "seen", "uneven", "words"), EXCLUDED.values(), ids=EXCLUDED)
def test_what_an_inconclusive_step_excludes(
    gate: EvidenceGate, seen: Tally, uneven: float, words: str
) -> None:
    strand = replace(new_strand(100.0 if gate is SLOW else None), steps=(seen,))
    state = GateEvidence(gate.name, gate.counted, (strand,))
    weighing = scales(gate, background=replace(EVEN, errors=uneven))
    assert say.inconclusive(gate, state, weighing) == words


def test_a_walk_of_several_steps_excludes_what_its_steps_exclude_each_for_itself() -> None:
    walk = (Tally(1, 500, 10, 10_000), Tally(1000, 2000, 1000, 2000))
    state = GateEvidence(ERRORS.name, ERRORS.counted, (replace(new_strand(None), steps=walk),))
    assert say.inconclusive(ERRORS, state, scales(ERRORS, background=EVEN)) == (
        "errors: canary 40 % (1,001 of 2,500) vs primary 8.42 % (1,010 of 12,000): 1x step by "
        "step; excluded for the canary: more than 1.2x"
    )
