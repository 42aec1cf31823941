"""Sentences on evidence: counts, interval, bound, and what it all means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, inf, log, sqrt
from typing import assert_never

from canaryd.decide.binomial import fraction_interval
from canaryd.decide.evidence import ratio_interval
from canaryd.decide.narrate import number
from canaryd.decide.strands import against, worst
from canaryd.decide.strands import bound as rollback_at
from canaryd.decide.weigh import Scales
from canaryd.model.evidence import GateEvidence, Refused, Strand, Tally
from canaryd.model.gates import Compare, Counted, EvidenceGate, Objective, Tolerance
from canaryd.model.tile import ENOUGH, Background

SAID_MOST = 1e6
"""Odds beyond this are said as `more than`."""
SOONEST = 5
"""Minutes: so often is the background asked for again."""
LEVEL = 0.99
"""The confidence of the intervals that are shown."""
RATIOS, HALVINGS = (1e-9, 1e9), 50
"""Where the likeliest ratio is looked for, and how often the range is halved."""
SAID = 18
"""A ratio that is said with two digits is worked out to 1 in 10,000; it is done on the loop."""
NONE, ALL = 1e-5, 0.9995
"""An end of a fraction's interval below 0.001 % is said as 0 %, and one that rounds to 100 % so."""


def percent(fraction: float) -> str:
    """Say a fraction in per cent."""
    return f"{number(100 * fraction, 3)} %"


def count(value: float) -> str:
    """Say how many; counts may be halves of a scrape."""
    return f"{round(value):,}"


def side(who: str, bad: float, of: float, more: str = "") -> str:
    """Say one side's counts, and what more there is to them."""
    if not of:
        return f"{who} no requests"
    return f"{who} {percent(bad / of)} ({count(bad)} of {count(of)}{more})"


def counts(steps: Sequence[Tally], ends: tuple[float, float] = (0.0, inf)) -> str:
    """Say both sides' counts, how many times worse the canary is, and what that leaves open."""
    total = sum(steps, Tally())
    both = (
        f"{side('canary', total.canary_bad, total.canary)} vs "
        f"{side('primary', total.primary_bad, total.primary)}"
    )
    shared = comparable(steps)
    ratio, left_open = common_ratio(shared), between(ends)
    if ratio is None:
        return f"{both}: {left_open}" if left_open else both
    how = " step by step" if len(shared) > 1 else ""
    return f"{both}: {number(ratio, 2)}x{how}{f' ({left_open})' if left_open else ''}"


def comparable(steps: Iterable[Tally]) -> list[Tally]:
    """The steps in which both sides had requests."""
    return [step for step in steps if step.canary and step.primary]


def common_ratio(steps: Iterable[Tally]) -> float | None:
    """How many times the primary's rate the canary's is, within steps; None where that fails none.

    The sums over all steps would not tell: weights differ from step to step, and so may what both
    sides share, as in an outage. It is the ratio at which, of each step's failures, the canary is
    expected to have together as many as it had: the likeliest one given how many failed (Breslow
    and Day, "Statistical Methods in Cancer Research" II, 1987, chapter 3). That of Mantel and
    Haenszel is its first approximation. This one lies within `interval`, which weighs the same
    likelihoods; of one step it is the plain ratio.
    """
    rows = comparable(steps)
    if not any(row.primary_bad for row in rows):
        return None
    if not any(row.canary_bad for row in rows):
        return 0.0
    low, high = RATIOS
    for _ in range(HALVINGS):
        ratio = sqrt(low * high)
        more = 0.0
        for row in rows:
            share = ratio * row.canary / (ratio * row.canary + row.primary)
            more += row.canary_bad * (1 - share) - row.primary_bad * share
        low, high = (ratio, high) if more > 0 else (low, ratio)
    return sqrt(low * high)


def interval(steps: Iterable[Tally], dispersion: float) -> tuple[float, float]:
    """Between which ratios the evidence leaves the canary's rate to lie, to the primary's.

    Step by step, as bets are: of each step's counts its share of the requests is taken as even.
    """
    rows = [
        (step.canary_bad, step.canary, step.primary_bad, step.primary)
        for step in comparable(steps)
        if step.canary_bad or step.primary_bad  # without a failure it refutes no ratio
    ]
    return ratio_interval(rows, LEVEL, phi=dispersion, halvings=SAID)


def between(ends: tuple[float, float]) -> str:
    """Say what the interval of a ratio leaves open; nothing where that is all."""
    low, high = ends
    if high == inf:
        return f"{100 * LEVEL:g} % interval {number(low, 2)}x and more" if low else ""
    return f"{100 * LEVEL:g} % interval {number(low, 2)}x to {number(high, 2)}x"


def fractions(tally: Tally, dispersion: float) -> tuple[float, float]:
    """Between which fractions the canary's own lies, whatever the primary's: Clopper-Pearson."""
    return fraction_interval(tally.canary_bad, tally.canary, LEVEL, phi=dispersion)


def own(tally: Tally, dispersion: float, *, with_interval: bool) -> str:
    """Say the canary's counts and what they leave open; the primary's after them, uncompared."""
    left_open = ""
    if with_interval:
        low, high = fractions(tally, dispersion)
        low, high = low if low >= NONE else 0.0, high if high < ALL else 1.0
        left_open = f"; {100 * LEVEL:g} % interval {percent(low)} to {percent(high)}"
    canary = side("canary", tally.canary_bad, tally.canary, left_open)
    return f"{canary}, {side('primary', tally.primary_bad, tally.primary)}"


def odds(log_e: float) -> str:
    """Say evidence as odds."""
    if log_e > log(SAID_MOST):
        return f"more than {SAID_MOST:,.0f}:1"
    value = exp(log_e)
    return f"{number(value, 2) if value < 1 else f'{value:,.0f}'}:1"


def bound(limit: Tolerance) -> str:
    """Say what is tolerated."""
    points = f" + {number(100 * limit.delta, 3)} pt" if limit.delta else ""
    return f"{number(limit.ratio, 3)}x{points}"


def demanded(gate: EvidenceGate) -> str:
    """Say what the evidence is against."""
    match gate:
        case Compare(tolerance=limit):
            return f"it is worse than tolerated ({bound(limit)})"
        case Objective():
            return f"it misses {objective(gate)}"
        case _:
            assert_never(gate)


def objective(gate: Objective) -> str:
    """Name what the canary itself must keep to."""
    wrong = "failed"
    if gate.counted is Counted.LATENCY:
        wrong = f"slower than {number(gate.edge or 0)} ms"
    return f"its objective (at most {percent(gate.most)} {wrong})"


def what(gate: EvidenceGate, strand: Strand | None) -> str:
    """Name the gate, and what it counts where that is not its name."""
    if strand is None or strand.edge is None:
        return gate.name
    return f"{gate.name} above {number(strand.edge)} ms"


def weighed(gate: EvidenceGate, state: GateEvidence, scales: Scales, *, with_interval: bool) -> str:
    """The gate's sentence: counts of the rollout, interval, evidence, and where it rolls back."""
    strand = worst(state)
    if strand is None:
        return f"{gate.name}: not known yet which latencies tell; no bucket edge to compare at"
    uneven = tempered_by(strand, scales)
    return (
        f"{what(gate, strand)}: {seen(gate, strand.steps, uneven, with_interval=with_interval)}; "
        f"evidence {odds(against(state))} that {demanded(gate)}, "
        f"rollback at {odds(rollback_at(scales.rules))}{tempered(scales, uneven)}"
    )


def seen(gate: EvidenceGate, steps: Sequence[Tally], uneven: float, *, with_interval: bool) -> str:
    """Say what was counted, and between what the interval leaves the truth to lie."""
    match gate:
        case Compare():
            return counts(steps, interval(steps, uneven)) if with_interval else counts(steps)
        case Objective():
            return own(sum(steps, Tally()), uneven, with_interval=with_interval)
        case _:
            assert_never(gate)


def tempered_by(strand: Strand, scales: Scales) -> float:
    """The dispersion with which the counts were weighed; before the first, that of the hour."""
    return scales.dispersion(strand.edge) if strand.uneven is None else strand.uneven


def tempered(scales: Scales, uneven: float) -> str:
    """Say by how much the evidence is tempered, when it is."""
    if scales.background is None or not scales.background.sufficient:
        return f", dispersion not known yet (taken as {number(uneven, 2)})"
    return f", dispersion {number(uneven, 2)}" if uneven >= 1.5 else ""  # noqa: PLR2004 - a taste


def no_primary(gate: EvidenceGate) -> str:
    """Say why nothing is compared at full weight."""
    return f"{gate.name}: at 100 % there is no primary to compare with"


def most_failed(latest: Tally, window: str) -> str:
    """Say that most requests failed; the check is outside of alpha, and says so."""
    return (
        f"most of the canary's requests failed: {counts([latest])} in the last {window}; half of "
        "them in two intervals in a row, or nine in ten in one, are enough where the primary has "
        "half as many or fewer; this check is always on and no part of analysis.alpha"
    )


def unknown_dispersion(known: Background | None) -> str:
    """Say why evidence does not roll back yet, and when it will."""
    seen = known.pod_hours if known else 0.0
    need, pods = (known.needed, max(1, known.pods)) if known else (ENOUGH, 2)
    growing = max(1, pods - int(seen))  # who was there for the whole hour adds nothing
    minutes = max(SOONEST, round(60 * (need - seen) / growing))
    return (
        f"that is enough to roll back, but how much the primary's pods differ by themselves is "
        f"known from {number(seen, 2)} of {number(need, 2)} pod-hours only: a person decides "
        f"(abort or promote), or canaryd in about {minutes} min"
    )


def refused(last: Refused) -> str:
    """Say that counts were left out."""
    times = "one interval" if last.count == 1 else f"{last.count} intervals"
    return f"{times} counted for nothing, the last because {last.message}"


def inconclusive(gate: EvidenceGate, state: GateEvidence, scales: Scales) -> str:
    """Say what an inconclusive step excludes."""
    strand = worst(state)
    if strand is None:
        return f"{gate.name}: nothing could be compared"
    uneven = tempered_by(strand, scales)
    found = seen(gate, strand.steps, uneven, with_interval=False)
    match gate:
        case Compare():
            _, high = interval(strand.steps, uneven)
            # Where no primary request failed no ratio is too high, but a fraction may be.
            own_high = fractions(strand.total, uneven)[1]
            open_to = at_most(own_high) if high == inf else f"more than {number(high, 2)}x"
        case Objective():
            open_to = ruled_out(gate, fractions(strand.total, uneven))
        case _:
            assert_never(gate)
    return f"{what(gate, strand)}: {found}; excluded for the canary: {open_to}"


def at_most(high: float) -> str:
    """Say which fractions are excluded by the highest that is not."""
    return "nothing yet" if high >= ALL else f"more than {percent(high)}"


def ruled_out(gate: Objective, ends: tuple[float, float]) -> str:
    """Say which fractions of the canary's are excluded, and on which side its objective lies."""
    low, high = ends
    aim = objective(gate)
    if low > gate.most:
        return f"less than {percent(low)}, and with it {aim}"
    if high >= ALL:
        return at_most(high)
    if high <= gate.most:
        return f"{at_most(high)}, and so that it misses {aim}"
    return f"{at_most(high)}, but not yet that it misses {aim}"
