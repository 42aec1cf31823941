"""Builders: what tiles are weighed with, and one gate's part of the evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canaryd.decide.tiles import Frame
from canaryd.decide.weigh import Scales
from canaryd.model.evidence import Evidence, GateEvidence, Tally
from canaryd.model.gates import EvidenceGate, Evidential
from tests.decide.build import T0, sec
from tests.decide.counted import (
    ERRORS,
    EVEN,
    EVERY,
)


def scales(*gates: EvidenceGate, changes: tuple[Any, ...] = (), **other: Any) -> Scales:
    base = Scales(
        rules=Evidential(gates or (ERRORS,)),
        frame=Frame("podinfo-v2", "podinfo-v1", changes),
        background=EVEN,
        weight=10,
        live_since=T0,
        share_settles=sec(30),
        window=EVERY,
    )
    return replace(base, **other)


def gate(evidence: Evidence, name: str = "errors") -> GateEvidence:
    return next(gate for gate in evidence.gates if gate.name == name)


def total(evidence: Evidence, name: str = "errors") -> Tally:
    return gate(evidence, name).strands[0].total
