"""What an inconclusive step excludes, in words: a ratio to the primary's, or an own fraction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide import say_evidence as say
from canaryd.decide.strands import new_strand
from canaryd.model.evidence import GateEvidence, Tally
from canaryd.model.gates import EvidenceGate
from tests.decide.counted import ERRORS, EVEN, SLO, SLOW
from tests.decide.scales import scales

EXCLUDED: dict[str, tuple[EvidenceGate, Tally, float, str]] = {
    "a ratio": (
        ERRORS,
        Tally(0, 900, 90, 9000),
        1.0,
        "errors: canary 0 % (0 of 900) vs primary 1 % (90 of 9,000): 0x, excludes more than 0.75x",
    ),
    "no ratio": (
        ERRORS,
        Tally(0, 9, 0, 90),
        1.0,
        "errors: canary 0 % (0 of 9) vs primary 0 % (0 of 90), excludes nothing yet",
    ),
    "the objective is within what is left": (
        SLO,
        Tally(4, 1000, 36, 9000),
        1.0,
        "slo: canary 0.4 % (4 of 1,000), primary 0.4 % (36 of 9,000), excludes more than 1.25 %, "
        "and so that it misses its objective (at most 2 % failed)",
    ),
    "the objective may be missed": (
        SLO,
        Tally(0, 90, 0, 810),
        1.0,
        "slo: canary 0 % (0 of 90), primary 0 % (0 of 810), excludes more than 5.72 %, but not yet "
        "that it misses its objective (at most 2 % failed)",
    ),
    "clumps exclude less": (
        SLO,
        Tally(4, 1000, 36, 9000),
        3.0,
        "slo: canary 0.4 % (4 of 1,000), primary 0.4 % (36 of 9,000), excludes more than 2.4 %, "
        "but not yet that it misses its objective (at most 2 % failed)",
    ),
    "the objective is outside of what is left": (
        SLOW,
        Tally(27, 300, 0, 0),
        1.0,
        "slow above 100 ms: canary 9 % (27 of 300), primary no requests, excludes less than 5.26 "
        "%, and with it its objective (at most 5 % slower than 100 ms)",
    ),
    "nobody called": (
        SLO,
        Tally(0, 0, 9, 900),
        1.0,
        "slo: canary no requests, primary 1 % (9 of 900), excludes nothing yet",
    ),
    "the only one failed": (
        SLO,
        Tally(1, 1, 0, 9),
        1.0,
        "slo: canary 100 % (1 of 1), primary 0 % (0 of 9), excludes nothing yet",
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
