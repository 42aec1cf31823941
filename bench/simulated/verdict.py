"""A rollout through the product's own tile rules and gates, step by step, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

import numpy as np

from bench.simulated.counters import Track
from bench.simulated.prometheus import BEGIN, columns, instant, tile
from bench.simulated.scenario import Case
from bench.simulated.weather import CANARY, PAST, PRIMARY
from canaryd.decide.background import background
from canaryd.decide.strands import against, bound, worst
from canaryd.decide.tiles import Frame
from canaryd.decide.weigh import ENOUGH_FAILING, Scales, begin, enter_step, take_in
from canaryd.model.evidence import Evidence
from canaryd.model.gates import (
    GRPC_GOOD,
    TOLERATED,
    Compare,
    Counted,
    EvidenceGate,
    Evidential,
    Preset,
)
from canaryd.model.past import by_series
from canaryd.model.tile import Background
from canaryd.model.waits import Waits

GATES: tuple[EvidenceGate, ...] = tuple(
    Compare(counted.value, counted, TOLERATED[Preset.DEFAULT, counted]) for counted in Counted
)
WAITS = Waits()
MOST_FAILED = "most failed"
"""The check that is outside of alpha."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a rollout: when and why it was taken back, if it was.

    `why` names the gate, `requests` the canary's requests that evidence rests on, from the onset
    of a regression on. `refused` counts tiles that were left out for another reason than a change
    of weight.
    """

    at: float | None
    why: str
    requests: float
    tiles: int
    refused: int
    dispersion: float
    sufficient: bool


def known(case: Case, past: Sequence[Track]) -> Background:
    """What the hour before the rollout tells."""
    window = timedelta(seconds=case.window)
    return background(
        by_series(columns(past, end=0.0, window=case.window)),
        primary=PRIMARY,
        canary=CANARY,
        served_since=instant(-100 * PAST),
        window=window,
        grpc_good=GRPC_GOOD,
        asked_at=BEGIN,
        warm_up=WAITS.warm_up,
    )


def events(case: Case, offset: float) -> Iterator[tuple[float, int | None]]:
    """Instants in order: a step (its index) or a tile that can be asked for (None)."""
    ends = np.arange(case.window - offset, case.length, case.window)
    tiles = [(float(end) + case.scrape, None) for end in ends]
    steps = [(index * case.stay, index) for index in range(ceil(case.length / case.stay))]
    yield from sorted([*tiles, *steps], key=lambda event: event[0])


def judge(case: Case, tracks: Sequence[Track], seen: Background, offset: float) -> Outcome:
    """Play the rollout; `offset` is by how much the first tile begins before the first weight."""
    rules = Evidential(gates=GATES, evaluate_every=timedelta(seconds=case.window))
    window = timedelta(seconds=case.window)
    evidence = begin(window=window, counted_until=instant(-offset))
    edges = tuple(each.edge for each in seen.edges)
    start, step, healthy = -offset, 0, 0.0
    for now, entered in events(case, offset):
        if entered is not None:
            step = entered
            evidence = enter_step(evidence, at=instant(now))
            evidence = replace(evidence, changes=(*evidence.changes[-9:], instant(now)))
            continue
        scales = scales_of(case, rules, evidence, seen, step)
        answer = tile(tracks, start, start + case.window, edges)
        counted, evidence = rests_on(evidence), take_in(evidence, (answer,), scales)
        before = min(max((case.onset - start) / case.window, 0.0), 1.0)
        healthy += before * (rests_on(evidence) - counted)
        start += case.window
        why = failed(evidence, scales)
        if why:
            return outcome(evidence, seen, now, why, healthy)
    return outcome(evidence, seen, None, "", healthy)


def rests_on(evidence: Evidence) -> float:
    """How many of the canary's requests counted so far."""
    strands = [strand for gate in evidence.gates for strand in gate.strands]
    return strands[0].total.canary if strands else 0.0


def scales_of(
    case: Case, rules: Evidential, evidence: Evidence, seen: Background, step: int
) -> Scales:
    """What the product weighs with in this step."""
    return Scales(
        rules=rules,
        frame=Frame(
            canary=CANARY,
            primary=PRIMARY,
            changes=evidence.changes,
            settles=WAITS.weight_settles,
        ),
        background=seen,
        weight=case.weights[step],
        live_since=instant(step * case.stay),
        share_settles=WAITS.share_settles,
        window=evidence.window,
    )


def failed(evidence: Evidence, scales: Scales) -> str:
    """Which check takes the canary back, if one does."""
    if evidence.failing >= ENOUGH_FAILING:
        return MOST_FAILED
    for state in evidence.gates:
        if against(state) >= bound(scales.rules):
            strand = worst(state)
            edge = strand.edge if strand else None
            return state.name if edge is None else f"{state.name} {edge:g} ms"
    return ""


def outcome(
    evidence: Evidence, seen: Background, at: float | None, why: str, healthy: float
) -> Outcome:
    """Sum up; `healthy` requests were from before the onset."""
    return Outcome(
        at=at,
        why=why,
        requests=rests_on(evidence) - healthy,
        tiles=evidence.tiles,
        refused=evidence.refused.count if evidence.refused else 0,
        dispersion=seen.errors,
        sufficient=seen.sufficient,
    )
