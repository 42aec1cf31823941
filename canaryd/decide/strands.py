"""One comparison: how its bets grow with the counts of one tile, and what they are worth."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log
from typing import assert_never

from canaryd.decide.evidence import (
    BETTER,
    DUST,
    NOTHING,
    WORSE,
    EProcess,
    log_sum_exp,
    mean_log,
)
from canaryd.decide.tiles import Counts, Side
from canaryd.model.evidence import Bets, GateEvidence, Strand, Tally, Terms
from canaryd.model.gates import (
    Compare,
    Counted,
    EvidenceGate,
    Evidential,
    Objective,
    Tolerance,
)

DOUBTFUL = log(10)
"""At such odds against the canary, time alone no longer passes a step."""
WIDER = 1.5
"""The margin is at least so much wider than what is tolerated: passing must be possible."""
AT_START = 0.75
"""So much is bet when the rollout begins."""
LATE = 18
"""The counts of so many steps before this one stand each for themselves; what was before is one, so
that no status grows without end."""
ANEW = 0.03
"""So much of what is left is bet with every tile: bets against a canary that was good for long are
as good as lost, and one that turns bad then must find others."""


def tolerated(gate: EvidenceGate) -> Tolerance:
    """What the gate tolerates; an objective looks at no primary."""
    match gate:
        case Compare(tolerance=tolerance):
            return tolerance
        case Objective(most=most):
            return Tolerance(0.0, most)
        case _:
            assert_never(gate)


def margin(gate: EvidenceGate, rules: Evidential) -> Tolerance:
    """How bad a canary must be excluded for a step to pass."""
    match gate:
        case Compare(tolerance=limit):
            return Tolerance(
                max(rules.margin.ratio, WIDER * limit.ratio),
                max(rules.margin.delta, WIDER * limit.delta),
            )
        case Objective(most=most):
            wide = rules.margin.ratio * most + rules.margin.delta
            return Tolerance(0.0, min(wide, (1 + most) / 2))  # more than all cannot be excluded
        case _:
            assert_never(gate)


def terms(gate: EvidenceGate, rules: Evidential) -> Terms:
    """What the gate's bets are placed on; an edit that leaves this as it is is none to evidence."""
    good = sorted(rules.grpc_good) if gate.counted is Counted.ERRORS else ()
    return Terms(tolerated(gate), margin(gate, rules), rules.alpha, rules.reporter, " ".join(good))


def enter_strand(strand: Strand) -> Strand:
    """One comparison in a new step.

    Each step's counts stay apart: their sums would take what both sides share in one step, as in an
    outage, for a difference between them, since the sides' shares change from step to step.
    """
    before = strand.steps if strand.steps[-1] != Tally() else strand.steps[:-1]
    early, late = before[:-LATE], before[-LATE:]
    first = (sum(early, Tally()),) if early else ()
    return replace(strand, fine=all_in(BETTER), steps=(*first, *late, Tally()))


def all_in(bets: tuple[float, ...]) -> Bets:
    """All wealth on the bets."""
    begun = EProcess(bets=bets).release(1.0)
    return Bets(begun.logv, begun.reserve)


def process(state: Bets, limit: Tolerance, bets: tuple[float, ...], cap: float = inf) -> EProcess:
    """The e-process of this state against that limit."""
    return EProcess(limit.ratio, limit.delta, bets, cap, state.logs, state.reserve)


def new_strand(edge: float | None) -> Strand:
    """A comparison that begins now."""
    worse = EProcess().release(AT_START)
    return Strand(edge, Bets(worse.logv, worse.reserve), all_in(BETTER))


def tally(edge: float | None, counts: Counts) -> Tally:
    """A tile's counts as one comparison sees them: requests that failed, or that were slow."""
    sides = (counts.canary, counts.primary)
    if edge is None:
        canary, primary = ((side.errors, side.requests) for side in sides)
    else:
        canary, primary = (slower(side, edge) for side in sides)
    return Tally(*canary, *primary)


def slower(side: Side, edge: float) -> tuple[float, float]:
    """Requests slower than the edge, of those timed; none of none where the edge is not there."""
    return (side.slow[edge], side.timed) if edge in side.slow else (0.0, 0.0)


def weigh_strand(
    strand: Strand,
    rule: EvidenceGate,
    seen: Tally,
    rules: Evidential,
    *,
    uneven: float,
    for_it: bool,
) -> Strand:
    """One comparison after one tile's counts, tempered by how uneven the primary's pods are.

    `for_it` says that they count in the canary's favour as well: they are of the running step.
    """
    counts = (seen.canary_bad, seen.canary, seen.primary_bad, seen.primary)
    cap = bound(rules) / 2
    worse = process(strand.worse, tolerated(rule), WORSE, cap)
    worse = worse.release(ANEW * worse.reserve).update(*counts, uneven)
    fine = strand.fine
    if for_it:
        pro = process(fine, margin(rule, rules), BETTER).update(*counts, uneven)
        fine = Bets(pro.logv, pro.reserve)
    steps = (*strand.steps[:-1], strand.steps[-1] + seen)
    tempered = by_now(strand, seen.canary, uneven)
    return Strand(strand.edge, Bets(worse.logv, worse.reserve), fine, steps, tempered)


def by_now(strand: Strand, requests: float, uneven: float) -> float:
    """The dispersion of all that was counted, after so many more canary requests of this one."""
    before = strand.total.canary
    if strand.uneven is None or not before:
        return uneven
    return strand.uneven + (uneven - strand.uneven) * requests / (before + requests)


def bound(rules: Evidential) -> float:
    """Logarithm of the evidence at which a gate rolls back: alpha is shared by all gates."""
    return log(max(1, len(rules.gates)) / rules.alpha)


def against(gate: GateEvidence) -> float:
    """Logarithm of the evidence that the canary is worse than tolerated, over all edges."""
    return mean_log([log_e(strand.worse) for strand in gate.strands])


def in_favour(gate: GateEvidence) -> float:
    """Logarithm of the evidence that it is better than the margin, at every edge.

    Edges at which nothing could be compared in this step, as they are not there on both sides, do
    not keep it from passing by the others.
    """
    compared = [strand for strand in gate.strands if strand.steps[-1] != Tally()]
    return min((log_e(strand.fine) for strand in compared or gate.strands), default=NOTHING)


def harmless(gate: GateEvidence, rules: Evidential) -> bool:
    """Whether a canary as bad as the margin is excluded, and nothing speaks against this one."""
    return in_favour(gate) >= log(1 / rules.beta) and against(gate) < DOUBTFUL


def log_e(bets: Bets) -> float:
    """Logarithm of the evidence of one mixture of bets; what was not bet counts as it is."""
    rest = log(bets.reserve) if bets.reserve > DUST else NOTHING
    return log_sum_exp((*bets.logs, rest))


def worst(gate: GateEvidence) -> Strand | None:
    """The comparison that speaks most against the canary."""
    return max(gate.strands, key=lambda strand: log_e(strand.worse), default=None)
