"""Builders: what a metrics server counts of two slots, tile by tile, and Canaries judged by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from canaryd.decide.engine import decide
from canaryd.decide.weigh import begin, enter_step
from canaryd.model.answered import Answered
from canaryd.model.decision import Decision
from canaryd.model.evidence import Evidence
from canaryd.model.gates import (
    TOLERATED,
    Compare,
    Counted,
    EvidenceGate,
    Evidential,
    Objective,
    Preset,
)
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Routing, Snapshot
from canaryd.model.spec import Spec, Step
from canaryd.model.status import Gate, HoldReason, Status
from canaryd.model.tile import ALL, Background, Counting, Edge, Presence, Row, Silence, Tile
from tests.decide.build import T0, V1, V2, a_spec, an_analysis, at_step, sec, steps

OLD_POD, NEW_POD = "podinfo-v1-old-a", "podinfo-v2-new-a"
NAMES = {V1: "podinfo-v1", V2: "podinfo-v2"}
ERRORS = Compare("errors", Counted.ERRORS, TOLERATED[Preset.DEFAULT, Counted.ERRORS])
LATENCY = Compare("latency", Counted.LATENCY, TOLERATED[Preset.DEFAULT, Counted.LATENCY])
SLO = Objective("slo", Counted.ERRORS, 0.02)
SLOW = Objective("slow", Counted.LATENCY, 0.05, 100.0)
EVEN = Background(T0, 3, 3.0, 1.0, (Edge(100.0, 1.0, 0.01),), 100.0)
"""Three pods of the primary that fail as evenly as chance allows."""
THIN = replace(EVEN, pod_hours=0.5)
EVERY = sec(10)
BAD: dict[str, Any] = {"canary": (10, 100)}
FEW: dict[str, Any] = {"canary": (0, 3), "primary": (0, 27)}
"""Counts of a tile: of a canary that fails, and of a service that is seldom called."""
SILENT = [
    (Answered.UNAVAILABLE, HoldReason.METRICS_UNAVAILABLE),
    (Answered.REFUSED, HoldReason.QUERY_REFUSED),
    (Answered.NO_DATA, HoldReason.METRICS_UNAVAILABLE),
]


def after(seconds: float) -> datetime:
    return T0 + sec(seconds)


def outcomes(slot: SlotName, pod: str, bad: float, of: float) -> tuple[Row, ...]:
    return (
        Row(NAMES[slot], pod, of - bad, code="200"),
        Row(NAMES[slot], pod, bad, code="503"),
    )


def timings(slot: SlotName, pod: str, slow: float, of: float, edge: float = 100) -> tuple[Row, ...]:
    name = NAMES[slot]
    return (Row(name, pod, of - slow, edge=edge), Row(name, pod, of, edge=ALL))


def a_pod(slot: SlotName, pod: str, start: datetime, **changes: Any) -> Presence:
    """A pod that was there all the time, scraped a second before both ends."""
    base = Presence(NAMES[slot], pod, start + sec(9), start - sec(1), warm=True, known=True)
    return replace(base, **changes)


def a_tile(
    number: int = 0,
    canary: tuple[float, float] = (1, 100),
    primary: tuple[float, float] = (9, 900),
    slow: tuple[float, float] | None = None,
    **changes: Any,
) -> Tile:
    """The tile with this number from T0 on: bad ones of requests on both sides, and slow ones."""
    start = T0 + number * EVERY
    rows = (*outcomes(V2, NEW_POD, *canary), *outcomes(V1, OLD_POD, *primary))
    if slow is not None:
        rows = (
            *rows,
            *timings(V2, NEW_POD, slow[0], canary[1]),
            *timings(V1, OLD_POD, slow[1], primary[1]),
        )
    pods = (a_pod(V2, NEW_POD, start), a_pod(V1, OLD_POD, start))
    return replace(Tile(start, start + EVERY, EVERY, rows, pods), **changes)


def tiles(*numbers: int, **counts: Any) -> tuple[Tile, ...]:
    return tuple(a_tile(number, **counts) for number in numbers)


def many(count: int, **counts: Any) -> tuple[Tile, ...]:
    return tiles(*range(count), **counts)


def judged_by(*gates: EvidenceGate, walk: tuple[Step, ...] | None = None, **changes: Any) -> Spec:
    """A Canary of these evidence gates, without threshold metrics."""
    evidential = {"evidence": Evidential(gates), "metrics": ()}
    return a_spec(an_analysis(steps=walk or steps(10, 50, 100), **{**evidential, **changes}))


def begun(*, entered: int = 1, **changes: Any) -> Evidence:
    evidence = begin(window=EVERY, counted_until=T0)
    for _ in range(entered):
        evidence = enter_step(evidence, at=T0)
    return replace(evidence, **changes)


def counting(*given: Tile, **changes: Any) -> Counting:
    """The server's clock is ours, and the background is known."""
    base = Counting(given, background=EVEN, skew=timedelta(), scrape=EVERY)
    return replace(base, **changes)


def weighed(
    *given: Tile,
    gates: tuple[EvidenceGate, ...] = (ERRORS,),
    index: int = 0,
    spec: Spec | None = None,
    status: dict[str, Any] | None = None,
    counted: dict[str, Any] | None = None,
    **changes: Any,
) -> Snapshot:
    """In a live step since T0, judged by evidence gates; these tiles have come since."""
    known = {"evidence": begun(entered=index + 1), "background": EVEN, **(status or {})}
    return at_step(
        index,
        spec=spec or judged_by(*gates),
        status=known,
        counting=counting(*given, **(counted or {})),
        **changes,
    )


def silence(answered: Answered = Answered.UNAVAILABLE, at: float = 0) -> dict[str, Any]:
    return {"silence": Silence(answered, "the metrics server does not answer", after(at))}


def evidence_of(decision: Decision) -> Evidence:
    assert decision.status.evidence is not None
    return decision.status.evidence


def gate_of(decision: Decision, name: str = "errors") -> Gate:
    return next(gate for gate in decision.status.gates if gate.name == name)


def following(snap: Snapshot, now: datetime) -> tuple[Decision, Snapshot]:
    """Decide, and show what the next decision sees when all of it was carried out and written."""
    decision = decide(snap, now)
    routing = snap.routing
    for action in decision.actions:
        routing = Routing({V1: 100 - action.weight, V2: action.weight}, 100, "1", "canaryd")
    return decision, replace(snap, status=decision.status, routing=routing)


def walked(
    snap: Snapshot, given: tuple[Tile, ...], *, lag: float = 1
) -> tuple[Decision, Status, datetime]:
    """Decide at each tile's arrival until there is news; the decision, what was before, when."""
    for tile in given:
        now = tile.end + sec(lag)
        snap = replace(snap, counting=replace(snap.counting, tiles=(tile,)))
        before = snap.status
        decision, snap = following(snap, now)
        if decision.tidings:
            return decision, before, now
    raise AssertionError(f"no news: {snap.status.hold}, {snap.status.gates}")
