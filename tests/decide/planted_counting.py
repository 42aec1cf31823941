"""Planted bugs of counting and weighing; the watchman's ledger must catch every one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from canaryd.decide.draft import Draft
from canaryd.decide.engine import by_phase, decide
from canaryd.decide.strands import terms
from canaryd.model.decision import Decision
from canaryd.model.evidence import Evidence, GateEvidence
from canaryd.model.gates import Evidential, Tolerance
from canaryd.model.snapshot import Snapshot
from canaryd.model.status import Status
from canaryd.model.tile import Background, Counting, Tile
from tests.decide.build import sec
from tests.decide.planted import then, with_phase
from tests.decide.run import Engine


def counting(change: Callable[[Counting], Counting]) -> Engine:
    """What was counted is read wrongly."""
    return lambda snap, now: decide(replace(snap, counting=change(snap.counting)), now)


def ruled(change: Callable[[Evidential], Evidential]) -> Engine:
    """The rules of weighing are not the user's."""

    def engine(snap: Snapshot, now: datetime) -> Decision:
        rules = change(snap.spec.analysis.evidence)
        analysis = replace(snap.spec.analysis, evidence=rules)
        return decide(replace(snap, spec=replace(snap.spec, analysis=analysis)), now)

    return engine


def kept(change: Callable[[Status, Status, Evidence], Evidence | None]) -> Engine:
    """Evidence is written down wrongly; what the change is told: before, after, the evidence."""

    def changed(snap: Snapshot, now: datetime, decision: Decision) -> Decision:
        status = decision.status
        known = status.evidence or snap.status.evidence
        if known is None or status.rollout is None:
            return decision
        return replace(
            decision, status=replace(status, evidence=change(snap.status, status, known))
        )

    return then(changed)


def twice(tile: Tile) -> Tile:
    rows = tuple(replace(row, count=2 * row.count) for row in tile.rows)
    return replace(tile, rows=rows)


def skip_first(snap: Snapshot, now: datetime) -> Decision:
    """After each decision the next tile is taken for one that was counted."""
    evidence, tiles = snap.status.evidence, snap.counting.tiles
    if evidence is None or len(tiles) < 2:
        return decide(snap, now)
    after = replace(evidence, counted_until=max(evidence.counted_until, tiles[0].end))
    return decide(replace(snap, status=replace(snap.status, evidence=after)), now)


def fine_for_ever(before: Status, after: Status, evidence: Evidence) -> Evidence:
    """What speaks for a canary in one step speaks for it in the next."""
    if before.evidence is None or before.evidence.entered == evidence.entered:
        return evidence
    had = {gate.name: gate for gate in before.evidence.gates}

    def carried(gate: GateEvidence) -> GateEvidence:
        if gate.name not in had or len(had[gate.name].strands) != len(gate.strands):
            return gate
        pairs = zip(gate.strands, had[gate.name].strands, strict=True)
        return replace(gate, strands=tuple(replace(s, fine=old.fine) for s, old in pairs))

    return replace(evidence, gates=tuple(map(carried, evidence.gates)))


def forgotten_in_holds(before: Status, after: Status, evidence: Evidence) -> Evidence:
    """A hold begins the evidence anew."""
    if after.hold is None or before.hold is not None:
        return evidence
    return Evidence(evidence.window, evidence.counted_until, entered=evidence.entered)


def inherited(before: Status, after: Status, evidence: Evidence) -> Evidence | None:
    """A push in mid-rollout goes on with the evidence that there is."""
    other = before.rollout is not None and after.rollout != before.rollout
    return evidence if other or after.evidence is not None else None


def sure_of_itself(background: Background | None) -> Background | None:
    return replace(background, pod_hours=9.0) if background is not None else None


def always_known(snap: Snapshot, now: datetime) -> Decision:
    """How the primary's pods differ is taken for known."""
    status = replace(snap.status, background=sure_of_itself(snap.status.background))
    known = replace(snap.counting, background=sure_of_itself(snap.counting.background))
    return decide(replace(snap, status=status, counting=known), now)


def unprobed(snap: Snapshot, now: datetime) -> Decision:
    """Nothing needs to be known before traffic moves."""
    fake = Background(now, 3, 3.0)
    known = replace(
        snap.counting,
        skew=snap.counting.skew or timedelta(),
        background=snap.counting.background or fake,
        silence=None,
    )
    return decide(replace(snap, counting=known), now)


def impatient(snap: Snapshot, now: datetime) -> Decision:
    """Who is undecided after the least stay goes on."""
    analysis = snap.spec.analysis
    walk = tuple(replace(step, most=step.least) for step in analysis.steps)
    return decide(
        replace(snap, spec=replace(snap.spec, analysis=replace(analysis, steps=walk))), now
    )


def unmoved(snap: Snapshot, now: datetime) -> Decision:
    """What was bet on a gate's old terms is taken for bets on its new ones."""
    evidence = snap.status.evidence
    if evidence is None:
        return decide(snap, now)
    gates = tuple(replace(gate, terms=None) for gate in evidence.gates)
    return decide(
        replace(snap, status=replace(snap.status, evidence=replace(evidence, gates=gates))), now
    )


def all_anew(snap: Snapshot, now: datetime) -> Decision:
    """One gate is edited, and all of them begin anew."""
    evidence, rules = snap.status.evidence, snap.spec.analysis.evidence
    if evidence is None:
        return decide(snap, now)
    today = {rule.name: terms(rule, rules) for rule in rules.gates}
    same = all(gate.terms in (None, today.get(gate.name)) for gate in evidence.gates)
    kept = evidence.gates if same else ()
    return decide(
        replace(snap, status=replace(snap.status, evidence=replace(evidence, gates=kept))), now
    )


def patient(draft: Draft) -> Draft:
    """Most requests fail, and more of them are waited for."""
    judged = by_phase(draft)
    failure = judged.status.rollout.failure if judged.status.rollout else None
    return draft if failure is not None and failure.reason == "MostRequestsFailed" else judged


def blind(draft: Draft) -> Draft:
    """Evidence that suffices leads to nothing."""
    judged = by_phase(draft)
    failure = judged.status.rollout.failure if judged.status.rollout else None
    return draft if failure is not None and failure.reason == "WorseThanPrimary" else judged


def late_change(snap: Snapshot, now: datetime) -> Decision:
    """A tile in which the weight changed counts like any other."""
    return decide(replace(snap, waits=replace(snap.waits, weight_settles=sec(-3600))), now)


def latest_only(known: Counting) -> Counting:
    """Only the newest tile is looked at."""
    return replace(known, tiles=known.tiles[-1:])


PLANTED_COUNTING: Mapping[str, Engine] = {
    "counts each request twice": counting(lambda c: replace(c, tiles=tuple(map(twice, c.tiles)))),
    "leaves a tile out": skip_first,
    "takes in the newest tile only": counting(latest_only),
    "never takes a tile in": counting(lambda c: replace(c, tiles=())),
    "counts while the weight changes": late_change,
    "carries the proof of one step into the next": kept(fine_for_ever),
    "begins evidence anew with a hold": kept(forgotten_in_holds),
    "judges a push by the evidence of another revision": kept(inherited),
    "rolls back on half of the evidence": ruled(lambda r: replace(r, alpha=0.5)),
    "rolls back although nobody knows how pods differ": always_known,
    "goes on with what is proven to be bad": with_phase(blind),
    "goes on while most requests fail": with_phase(patient),
    "goes on undecided": impatient,
    "keeps the evidence of a gate that was edited": unmoved,
    "begins all gates anew when one is edited": all_anew,
    "is content with a step that could be much worse": ruled(
        lambda r: replace(r, margin=Tolerance(40.0, 0.3))
    ),
    "takes silence for consent": counting(lambda c: replace(c, silence=None)),
    "rises before anything is known of the primary": unprobed,
}
