"""Sentences on evidence: counts, interval, bound, and what it all means."""

from __future__ import annotations

from math import exp, inf, log
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
LEVEL = 0.99
"""The confidence of the intervals that are shown."""


def percent(fraction: float) -> str:
    """Say a fraction in per cent."""
    return f"{number(100 * fraction, 3)} %"


def count(value: float) -> str:
    """Say how many; counts may be halves of a scrape."""
    return f"{round(value):,}"


def side(who: str, bad: float, of: float) -> str:
    """Say one side's counts."""
    if not of:
        return f"{who} no requests"
    return f"{who} {percent(bad / of)} ({count(bad)} of {count(of)})"


def counts(tally: Tally) -> str:
    """Say both sides' counts and how many times worse the canary is than the primary."""
    both = (
        f"{side('canary', tally.canary_bad, tally.canary)} vs "
        f"{side('primary', tally.primary_bad, tally.primary)}"
    )
    if not (tally.canary and tally.primary and tally.primary_bad):
        return both
    ratio = (tally.canary_bad / tally.canary) / (tally.primary_bad / tally.primary)
    return f"{both}: {number(ratio, 2)}x"


def interval(tally: Tally, dispersion: float) -> tuple[float, float]:
    """Between which ratios the evidence leaves the canary's rate to lie, to the primary's."""
    if not (tally.canary and tally.primary):
        return (0.0, inf)
    steps = [(tally.canary_bad, tally.canary, tally.primary_bad, tally.primary)]
    return ratio_interval(steps, LEVEL, phi=dispersion)


def excluded(ends: tuple[float, float]) -> str:
    """Say what the interval leaves open."""
    low, high = ends
    if high == inf:
        return "" if low == 0 else f" ({100 * LEVEL:g} % interval: {number(low, 2)}x and more)"
    return f" ({100 * LEVEL:g} % interval {number(low, 2)}x to {number(high, 2)}x)"


def fractions(tally: Tally, dispersion: float) -> tuple[float, float]:
    """Between which fractions the canary's own lies, whatever the primary's: Clopper-Pearson."""
    return fraction_interval(tally.canary_bad, tally.canary, LEVEL, phi=dispersion)


def own(tally: Tally, dispersion: float, *, with_interval: bool) -> str:
    """Say the canary's counts and what they leave open; the primary's after them, uncompared."""
    canary = side("canary", tally.canary_bad, tally.canary)
    if with_interval and tally.canary:
        low, high = fractions(tally, dispersion)
        canary += f" ({100 * LEVEL:g} % interval {percent(low)} to {percent(high)})"
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
    total, uneven = strand.total, scales.dispersion(strand.edge)
    return (
        f"{what(gate, strand)}: {seen(gate, total, uneven, with_interval=with_interval)}; "
        f"evidence {odds(against(state))} that {demanded(gate)}, "
        f"rollback at {odds(rollback_at(scales.rules))}{tempered(scales, uneven)}"
    )


def seen(gate: EvidenceGate, total: Tally, uneven: float, *, with_interval: bool) -> str:
    """Say what was counted, and between what the interval leaves the truth to lie."""
    match gate:
        case Compare():
            return counts(total) + (excluded(interval(total, uneven)) if with_interval else "")
        case Objective():
            return own(total, uneven, with_interval=with_interval)
        case _:
            assert_never(gate)


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
        f"most of the canary's requests failed: {counts(latest)} in the last {window}; half of "
        "them in two intervals in a row, or nine in ten in one, are enough where the primary has "
        "half as many or fewer; this check is always on and no part of analysis.alpha"
    )


def unknown_dispersion(known: Background | None) -> str:
    """Say why evidence does not roll back yet, and when it will."""
    seen = known.pod_hours if known else 0.0
    need, pods = (known.needed, max(1, known.pods)) if known else (ENOUGH, 2)
    minutes = max(1, round(60 * (need - seen) / pods))
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
    total, uneven = strand.total, scales.dispersion(strand.edge)
    found = seen(gate, total, uneven, with_interval=False)
    match gate:
        case Compare():
            _, high = interval(total, uneven)
            open_to = "nothing yet" if high == inf else f"more than {number(high, 2)}x"
        case Objective():
            open_to = ruled_out(gate, fractions(total, uneven))
        case _:
            assert_never(gate)
    return f"{what(gate, strand)}: {found}, excludes {open_to}"


def ruled_out(gate: Objective, ends: tuple[float, float]) -> str:
    """Say which fractions of the canary's are excluded, and on which side its objective lies."""
    low, high = ends
    aim = objective(gate)
    if low > gate.most:
        return f"less than {percent(low)}, and with it {aim}"
    if high == 1:
        return "nothing yet"
    if high <= gate.most:
        return f"more than {percent(high)}, and so that it misses {aim}"
    return f"more than {percent(high)}, but not yet that it misses {aim}"
