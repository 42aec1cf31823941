"""The words of evidence gates: what both sides did, the odds, and the bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide import say_evidence as say
from canaryd.decide.engine import decide
from canaryd.decide.strands import new_strand, terms
from canaryd.model.evidence import GateEvidence, Tally
from canaryd.model.gates import Compare, EvidenceGate, Evidential, Tolerance
from canaryd.model.tile import Background
from tests.decide.counted import (
    ERRORS,
    EVEN,
    LATENCY,
    SLO,
    SLOW,
    THIN,
    after,
    begun,
    gate_of,
    many,
    weighed,
)
from tests.decide.scales import scales

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
        "errors: canary 4 % (12 of 300) vs primary 0 % (0 of 270): 99 % interval 1.2x and more; "
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
        "slo: canary 5 % (15 of 300; 99 % interval 2.33 % to 9.18 %), primary 1 % (27 of 2,700); "
        "evidence 23:1 that it misses its objective (at most 2 % failed), rollback at 100:1",
    ),
    "an objective is looked at where the primary's pods differ": (
        SLO,
        UNEVEN,
        3,
        {"canary": (5, 100)},
        "slo: canary 5 % (15 of 300; 99 % interval 1.3 % to 12.5 %), primary 1 % (27 of 2,700); "
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
        "slow above 100 ms: canary 9 % (27 of 300; 99 % interval 5.26 % to 14.1 %), primary 1 % "
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
    "one of very few clumps failed, on a pod that gets more than a primary's": (
        SLO,
        replace(EVEN, errors=10.0),
        1,
        {"canary": (1, 1000)},
        "slo: canary 0.1 % (1 of 1,000; 99 % interval 0 % to 5.89 %), primary 1 % (9 of 900); "
        "evidence 0.33:1 that it misses its objective (at most 2 % failed), rollback at 100:1, "
        "dispersion 11",
    ),
    "all of very many failed": (
        SLO,
        EVEN,
        1,
        {"canary": (11_999, 12_000), "primary": (0, 900)},
        "slo: canary 100 % (11,999 of 12,000; 99 % interval 99.9 % to 100 %), primary 0 % (0 of "
        "900); evidence 8:1 that it misses its objective (at most 2 % failed), rollback at 100:1",
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


CALM, OUTAGE = Tally(1, 500, 10, 10_000), Tally(1000, 2000, 1000, 2000)
"""Equal versions, at first at a small weight and then, through a shared outage, at half."""


def turned(tally: Tally) -> Tally:
    """The same with the sides exchanged."""
    return Tally(tally.primary_bad, tally.primary, tally.canary_bad, tally.canary)


WALKS: dict[str, tuple[tuple[Tally, ...], str]] = {
    "little at first": (
        (CALM, OUTAGE),
        "canary 40 % (1,001 of 2,500) vs primary 8.42 % (1,010 of 12,000): 1x step by step (99 % "
        "interval 0.79x to 1.2x)",
    ),
    "much at first": (
        (turned(CALM), turned(OUTAGE)),
        "canary 8.42 % (1,010 of 12,000) vs primary 40 % (1,001 of 2,500): 1x step by step (99 % "
        "interval 0.79x to 1.2x)",
    ),
    "a step in which one side had no requests": (
        (Tally(0, 0, 900, 1000), Tally(), Tally(9, 300, 27, 2700)),
        "canary 3 % (9 of 300) vs primary 25.1 % (927 of 3,700): 3x (99 % interval 0.58x to 11x)",
    ),
    "the primary failed only where there was no canary": (
        (Tally(0, 0, 9, 900), Tally(12, 300, 0, 270)),
        "canary 4 % (12 of 300) vs primary 0.769 % (9 of 1,170): 99 % interval 1.2x and more",
    ),
    "a ratio with an open end": (
        (Tally(12, 300, 1, 270),),
        "canary 4 % (12 of 300) vs primary 0.37 % (1 of 270): 11x (99 % interval 0.8x and more)",
    ),
}


@pytest.mark.parametrize(("steps", "words"), WALKS.values(), ids=WALKS)
def test_steps_are_compared_one_by_one_since_weights_and_outages_mix_in_their_sum(
    steps: tuple[Tally, ...], words: str
) -> None:
    strand = replace(new_strand(None), steps=(*steps[:-1], Tally()))
    state = GateEvidence(
        ERRORS.name, ERRORS.counted, (strand,), terms(ERRORS, Evidential((ERRORS,)))
    )
    last = steps[-1]
    snap = weighed(
        *many(
            1,
            canary=(last.canary_bad, last.canary),
            primary=(last.primary_bad, last.primary),
        ),
        status={"evidence": begun(gates=(state,))},
    )
    message = gate_of(decide(snap, after(11))).message
    assert message.startswith(f"errors: {words}; evidence ")


SIDE = st.tuples(st.floats(0, 1), st.floats(1, 1e5)).map(lambda side: (side[0] * side[1], side[1]))
STEP = st.tuples(SIDE, SIDE).map(lambda both: Tally(*both[0], *both[1]))


@given(steps=st.lists(STEP, min_size=1, max_size=4), uneven=st.floats(1, 10))
def test_the_ratio_that_is_said_lies_within_its_interval(steps: list[Tally], uneven: float) -> None:
    ratio = say.common_ratio(steps)
    low, high = say.interval(steps, uneven)
    assert ratio is None or low * 0.999 <= ratio <= high * 1.001


def test_of_one_step_the_ratio_is_that_of_the_rates_and_of_alike_ones_theirs() -> None:
    one = Tally(9, 300, 27, 2700)
    for steps in ([one], [one, one], [one, Tally(18, 600, 9, 900)]):
        assert say.common_ratio(steps) == pytest.approx(3.0)


@pytest.mark.parametrize("size", [1e9, 1.6e17, 1e40, 1e300])
@pytest.mark.parametrize("share", [0.0, 1e-12, 0.01, 1.0])
@pytest.mark.parametrize("gate", [ERRORS, SLO], ids=["compare", "objective"])
def test_absurd_counts_are_put_into_words_too(
    gate: EvidenceGate, share: float, size: float
) -> None:
    one = Tally(share * size, size, share * size / 2, size / 2)
    for steps in ((one,), (one, turned(one)), (Tally(0, 5, 5, 5), one)):
        state = GateEvidence(gate.name, gate.counted, (replace(new_strand(None), steps=steps),))
        weighing = scales(gate, background=EVEN)
        assert say.weighed(gate, state, weighing, with_interval=True)
        assert say.inconclusive(gate, state, weighing)
