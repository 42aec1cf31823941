"""Sentences on evidence: counts, interval, bound, and what it all means."""

from __future__ import annotations

from math import exp, inf, log
from typing import assert_never

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
    """Say both sides' counts and how many times worse the canary is."""
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
        case Objective(most=most, counted=Counted.ERRORS):
            return f"it misses its objective (at most {percent(most)} failed)"
        case Objective(most=most, edge=edge):
            slow = f"slower than {number(edge or 0)} ms"
            return f"it misses its objective (at most {percent(most)} {slow})"
        case _:
            assert_never(gate)


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
    between = ""
    if with_interval and isinstance(gate, Compare):
        between = excluded(interval(total, uneven))
    return (
        f"{what(gate, strand)}: {counts(total)}{between}; evidence {odds(against(state))} that "
        f"{demanded(gate)}, rollback at {odds(rollback_at(scales.rules))}"
        f"{tempered(scales, uneven)}"
    )


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
    total = strand.total
    if isinstance(gate, Objective):
        return f"{what(gate, strand)}: {side('canary', total.canary_bad, total.canary)}"
    _, high = interval(total, scales.dispersion(strand.edge))
    open_to = "excludes nothing yet" if high == inf else f"excludes more than {number(high, 2)}x"
    return f"{what(gate, strand)}: {counts(total)}, {open_to}"
