"""What the evidence means for the running step: `judge` and `trial` both go by it.

A rollout may be held for more reasons, which are about the world around it; those are the judge's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import assert_never

from canaryd.decide.strands import DOUBTFUL, against, bound, harmless
from canaryd.decide.tiles import Uncounted
from canaryd.decide.weigh import ENOUGH_FAILING, Scales
from canaryd.model.evidence import Evidence, GateEvidence, Refused
from canaryd.model.gates import Compare, EvidenceGate, Objective
from canaryd.model.names import ALL_TRAFFIC, Weight
from canaryd.model.spec import Step
from canaryd.model.status import HoldReason, StepState
from canaryd.model.tile import Background

EMPTY_TILES = 3
"""So many tiles without a canary request, where some were due, are no chance."""
EXPECTED_REQUESTS = 5.0
"""None of so many expected requests came: less than 1 in 100 by chance."""


UNREAD_TILES = 3
"""So many tiles in a row that count for nothing are no chance either."""
HEARD_TILES = 3
"""For so many tiles each step is heard before time alone passes it."""


class Ruling(Enum):
    """What one gate's evidence comes to."""

    TAKE_BACK = "the evidence is enough to take the canary back"
    ENVIRONMENT = "it would be, but the primary misses the objective as well"
    DISPERSION_UNKNOWN = "it would be, but nobody knows yet how the primary's pods vary"
    UNJUDGED = "the gate cannot look at what it is about"
    DOUBTFUL = "too much speaks against the canary for time alone to pass the step"
    UNDECIDED = "neither is proven"
    PASSED = "a canary as bad as the margin is excluded, or there is nothing to compare with"


PROVEN = frozenset({Ruling.TAKE_BACK, Ruling.ENVIRONMENT, Ruling.DISPERSION_UNKNOWN})
"""The evidence against the canary reached its bound."""
HELD = {
    Ruling.ENVIRONMENT: HoldReason.ENVIRONMENT,
    Ruling.DISPERSION_UNKNOWN: HoldReason.DISPERSION_UNKNOWN,
    Ruling.UNJUDGED: HoldReason.QUERY_REFUSED,
}
"""Rulings that hold a rollout for as long as they last."""
UNCOUNTED = {
    Uncounted.NOT_PER_POD.value: HoldReason.METRICS_NOT_PER_POD,
    Uncounted.UNATTRIBUTED.value: HoldReason.UNATTRIBUTED_ERRORS,
    Uncounted.UNWATCHED.value: HoldReason.METRICS_UNAVAILABLE,
}
"""What keeps counts from being evidence for as long as it lasts."""


def rule_on(
    rule: EvidenceGate, state: GateEvidence, scales: Scales, *, weight: Weight, live: bool
) -> Ruling:
    """What the evidence says in a step of this weight; it passes none that is not `live`."""
    odds = against(state)
    if odds >= bound(scales.rules):
        return ruling_of_proof(rule, state, scales.background)
    if peerless(rule, weight):
        return Ruling.PASSED
    if state.unjudged is not None:
        return Ruling.UNJUDGED
    if live and harmless(state, scales.rules):
        return Ruling.PASSED
    return Ruling.DOUBTFUL if odds >= DOUBTFUL else Ruling.UNDECIDED


def ruling_of_proof(
    rule: EvidenceGate, state: GateEvidence, background: Background | None
) -> Ruling:
    """Whether proof against a canary takes it back, or leaves that to a person for now."""
    if missed_by_both(rule, state):
        return Ruling.ENVIRONMENT
    if background is None or not background.sufficient:
        return Ruling.DISPERSION_UNKNOWN
    return Ruling.TAKE_BACK


def missed_by_both(rule: EvidenceGate, state: GateEvidence) -> bool:
    """Whether the primary misses the objective as well: then it is not the canary's fault."""
    match rule:
        case Compare():
            return False
        case Objective(most=most):
            totals = [strand.total for strand in state.strands]
            return any(
                tally.primary and tally.primary_bad / tally.primary > most for tally in totals
            )
        case _:
            assert_never(rule)


def peerless(rule: EvidenceGate, weight: Weight) -> bool:
    """Whether there is no primary left to compare with."""
    return isinstance(rule, Compare) and weight == ALL_TRAFFIC


def most_failed(evidence: Evidence) -> bool:
    """Whether most of what the canary got went wrong: no statistics are needed."""
    return evidence.failing >= ENOUGH_FAILING


def nothing_came(evidence: Evidence, background: Background | None, patience: timedelta) -> bool:
    """Whether the canary got nothing although it should have: for some time, or for too long.

    Where the primary got nothing either, the last hour says what is usual: seldom is not never.
    """
    if evidence.empty < EMPTY_TILES or unread(evidence):
        return False
    silent = evidence.empty * evidence.window
    expected = evidence.expected
    if not expected and background is not None:
        expected = background.rate * silent.total_seconds()
    return expected == 0 or expected >= EXPECTED_REQUESTS or silent >= patience


def rests_on_counts(rules: Iterable[EvidenceGate], weight: Weight) -> bool:
    """Whether any gate looks at counts: at 100 % there is nothing to compare with."""
    return not all(peerless(rule, weight) for rule in rules)


def uncountable(evidence: Evidence, *, rests: bool) -> tuple[HoldReason, Refused] | None:
    """Why the latest counts belong to nobody, or so many in a row could not be used, if so.

    One refused tile, or two, are just left out; where nothing `rests` on counts, so are more.
    """
    last = evidence.refused_last
    if last is None:
        return None
    reason = UNCOUNTED.get(last.reason)
    if reason is None and rests and unread(evidence):
        reason = HoldReason.METRICS_UNAVAILABLE
    return None if reason is None else (reason, last)


def unread(evidence: Evidence) -> bool:
    """Whether so many tiles in a row could not be used that nobody knows how the canary does."""
    last = evidence.refused_last
    return last is not None and last.lasted >= UNREAD_TILES * evidence.window


def longest_stay(most: timedelta, window: timedelta) -> timedelta:
    """How long undecided evidence keeps a step at most: it is heard a few times in any case."""
    return max(most, HEARD_TILES * window)


def most_stay(steps: Sequence[Step], step: StepState, evidence: Evidence | None) -> timedelta:
    """How long undecided evidence keeps this step; a take-over has the first step's time."""
    most = steps[max(step.index, 0)].most
    return most if evidence is None else longest_stay(most, evidence.window)


def heard_since(evidence: Evidence, entered: datetime) -> bool:
    """Whether a whole tile of the step was looked at that began `entered` (the server's clock)."""
    return evidence.counted_until - evidence.window >= entered
