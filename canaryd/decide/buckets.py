"""Bucket edges of histograms: what is slower can be counted at an edge, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canaryd.decide.narrate import number
from canaryd.model.evidence import GateEvidence
from canaryd.model.gates import Compare, Counted, EvidenceGate, Objective
from canaryd.model.tile import Tile


def absent(rules: Iterable[EvidenceGate], there: Iterable[float]) -> tuple[str, float] | None:
    """The first gate whose edge (ms) is none of those that there are, and that edge.

    Compare gates choose their edges from those. Where none is known nothing is said.
    """
    known = frozenset(there)
    for rule in rules:
        if isinstance(rule, Compare) or rule.edge is None or not known or rule.edge in known:
            continue
        return rule.name, rule.edge
    return None


def no_such_edge(edge: float, there: Iterable[float]) -> str:
    """Say that nothing can be counted at an edge (ms), and at which ones something can."""
    return (
        f"no bucket of the histograms ends at {number(edge)} ms, so nothing can be counted there"
        f"{nearest(edge, there)}"
    )


def nearest(edge: float, there: Iterable[float]) -> str:
    """Say which edges are next to this one; nothing where none is known."""
    known = sorted(there)
    below = [f"{number(each)} ms" for each in known if each < edge][-1:]
    above = [f"{number(each)} ms" for each in known if each > edge][:1]
    named = " and ".join((*below, *above))
    if not named:
        return ""
    return f"; the nearest {'edges are' if below and above else 'edge is'} {named}"


def named_edges(gates: Iterable[EvidenceGate]) -> tuple[float, ...]:
    """The latency edges that objectives name."""
    named = {gate.edge for gate in gates if isinstance(gate, Objective)}
    return tuple(sorted(edge for edge in named if edge is not None))


def judgeable(gate: GateEvidence, rule: EvidenceGate, tile: Tile, canary: str) -> GateEvidence:
    """The gate, and why it can look at nothing, if so; one of several edges may be missing.

    An objective is about the canary, whether or not the primary's requests are timed.
    """
    if gate.counted is not Counted.LATENCY:
        return gate
    elsewhere = bool(tile.untimed_of) and canary not in tile.untimed_of
    if tile.untimed and not (isinstance(rule, Objective) and elsewhere):
        return replace(gate, unjudged=tile.untimed)
    if not gate.strands or any(strand.edge not in tile.lacking for strand in gate.strands):
        return replace(gate, unjudged=None)
    edge = gate.strands[-1].edge or 0.0
    return replace(gate, unjudged=no_such_edge(edge, tile.buckets))
