"""The words of evidence gates: what both sides did, the odds, and the bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.model.gates import Compare, EvidenceGate, Tolerance
from canaryd.model.tile import Background
from tests.decide.counted import (
    ERRORS,
    EVEN,
    LATENCY,
    SLO,
    SLOW,
    THIN,
    after,
    gate_of,
    many,
    weighed,
)

STRICT = Compare("errors", ERRORS.counted, Tolerance(1.0, 0.0))


UNEVEN = replace(EVEN, errors=2.5)


SENTENCES: dict[str, tuple[EvidenceGate, Background | None, int, dict[str, Any], str]] = {
    "errors are compared": (
        ERRORS,
        EVEN,
        3,
        {"canary": (3, 100)},
        "errors: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % interval 0.58x to "
        "11x); evidence 4:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1",
    ),
    "hardly anything is known": (
        STRICT,
        EVEN,
        3,
        {"canary": (0, 2), "primary": (0, 18)},
        "errors: canary 0 % (0 of 6) vs primary 0 % (0 of 54); evidence 1:1 that it is worse than"
        " tolerated (1x), rollback at 100:1",
    ),
    "only the lower end is known": (
        ERRORS,
        EVEN,
        3,
        {"canary": (4, 100), "primary": (0, 90)},
        "errors: canary 4 % (12 of 300) vs primary 0 % (0 of 270) (99 % interval: 1.2x and more); "
        "evidence 195:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1",
    ),
    "nobody called the primary": (
        ERRORS,
        EVEN,
        3,
        {"canary": (4, 100), "primary": (0, 0)},
        "errors: canary 4 % (12 of 300) vs primary no requests; evidence 1:1 that it is worse "
        "than tolerated (1.1x + 0.05 pt), rollback at 100:1",
    ),
    "the primary's pods differ": (
        ERRORS,
        UNEVEN,
        3,
        {"canary": (3, 100)},
        "errors: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % interval 0.16x to "
        "23x); evidence 1:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1, "
        "dispersion 2.5",
    ),
    "it is not known yet how they differ": (
        ERRORS,
        THIN,
        3,
        {"canary": (3, 100)},
        "errors: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % interval 0.11x to "
        "28x); evidence 1:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at 100:1, "
        "dispersion not known yet (taken as 3)",
    ),
    "slow requests are compared": (
        LATENCY,
        EVEN,
        3,
        {"slow": (3, 9)},
        "latency above 100 ms: canary 3 % (9 of 300) vs primary 1 % (27 of 2,700): 3x (99 % "
        "interval 0.58x to 11x); evidence 3:1 that it is worse than tolerated (1.1x + 0.2 pt), "
        "rollback at 100:1",
    ),
    "an objective is missed": (
        SLO,
        EVEN,
        3,
        {"canary": (5, 100)},
        "slo: canary 5 % (15 of 300) (99 % interval 2.33 % to 9.18 %), primary 1 % (27 of 2,700); "
        "evidence 23:1 that it misses its objective (at most 2 % failed), rollback at 100:1",
    ),
    "an objective is looked at where the primary's pods differ": (
        SLO,
        UNEVEN,
        3,
        {"canary": (5, 100)},
        "slo: canary 5 % (15 of 300) (99 % interval 1.3 % to 12.5 %), primary 1 % (27 of 2,700); "
        "evidence 2:1 that it misses its objective (at most 2 % failed), rollback at 100:1, "
        "dispersion 2.5",
    ),
    "nobody called the canary that has an objective": (
        SLO,
        EVEN,
        2,
        {"canary": (0, 0), "primary": (9, 900)},
        "slo: canary no requests, primary 1 % (18 of 1,800); evidence 1:1 that it misses its "
        "objective (at most 2 % failed), rollback at 100:1",
    ),
    "an objective for slow requests is missed": (
        SLOW,
        EVEN,
        3,
        {"slow": (9, 9)},
        "slow above 100 ms: canary 9 % (27 of 300) (99 % interval 5.26 % to 14.1 %), primary 1 % "
        "(27 of 2,700); evidence 11:1 that it misses its objective (at most 5 % slower than 100 "
        "ms), rollback at 100:1",
    ),
    "the odds are beyond words": (
        ERRORS,
        EVEN,
        7,
        {"canary": (49, 100), "primary": (260, 9000)},
        "errors: canary 49 % (343 of 700) vs primary 2.89 % (1,820 of 63,000): 17x (99 % interval "
        "13x to 21x); evidence more than 1,000,000:1 that it is worse than tolerated (1.1x + 0.05"
        " pt), rollback at 100:1",
    ),
    "nothing fails": (
        ERRORS,
        EVEN,
        30,
        {"canary": (0, 100), "primary": (9, 900)},
        "errors: canary 0 % (0 of 3,000) vs primary 1 % (270 of 27,000): 0x (99 % interval 0x to "
        "0.22x); evidence 0.1:1 that it is worse than tolerated (1.1x + 0.05 pt), rollback at "
        "100:1",
    ),
}


@pytest.mark.parametrize(
    ("gate", "known", "count", "counts", "words"), SENTENCES.values(), ids=SENTENCES
)
def test_what_a_gate_says(
    gate: EvidenceGate, known: Background | None, count: int, counts: dict[str, Any], words: str
) -> None:
    snap = weighed(*many(count, **counts), gates=(gate,), status={"background": known})
    snap = replace(snap, counting=replace(snap.counting, background=None))
    decision = decide(snap, after(31))
    assert gate_of(decision, gate.name).message == words
