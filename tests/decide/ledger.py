"""The watchman's ledger of counts: each tile once, none left out, and what they must lead to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import log

from canaryd.decide.draft import Draft
from canaryd.decide.gates import take_in_tiles
from canaryd.decide.strands import DOUBTFUL, against, bound, in_favour
from canaryd.decide.weigh import RULE_OF_THREE
from canaryd.model.answered import Answered
from canaryd.model.evidence import Evidence, GateEvidence
from canaryd.model.gates import Compare, EvidenceGate
from canaryd.model.names import ALL_TRAFFIC
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import Otherwise
from canaryd.model.status import Phase, Rollout, Status, StepState
from canaryd.model.tile import Background, Row, Tile
from tests.decide.books import Books, demand
from tests.decide.build import sec
from tests.decide.meter import SCRAPE
from tests.decide.signs import same_rollout, steps_edited, superseded, unjudged, why_ended
from tests.decide.world import Quality

NEAR = SCRAPE + sec(6)
"""A change of the weight that is further away from a tile excuses nothing."""
LONG_AGO, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
BOTH = 2
EVIDENTLY = ("WorseThanPrimary", "ObjectiveMissed")


def wrong(rows: list[Row]) -> tuple[float, float]:
    """How many requests went wrong, of how many."""
    asked = [row for row in rows if row.edge is None]
    return sum(r.count for r in asked if r.code == "503"), sum(r.count for r in asked)


def worth(tile: Tile) -> float:
    """How many requests of both sides may be evidence: those of pods past their warm-up."""
    warm = {(pod.workload, pod.pod) for pod in tile.pods if pod.warm}
    return wrong([row for row in tile.rows if (row.workload, row.pod) in warm])[1]


def faulty(tile: Tile) -> bool:
    return bool(tile.reservation) or any(row.workload == "unknown" for row in tile.rows)


def excused(tile: Tile) -> bool:
    """Whether it may count for nothing: it is faulty, or a side had no pod that was scraped."""
    return faulty(tile) or len({pod.workload for pod in tile.pods if pod.at_end}) < BOTH


@dataclass
class Edited:
    """What a gate's evidence is about, and between which instants it began anew."""

    rule: EvidenceGate
    alpha: float
    first: datetime = LONG_AGO
    last: datetime = LONG_AGO
    pending: datetime | None = None
    """Since when it may have, because it is not sure that an edit was looked at."""


@dataclass
class Ledger(Books):
    """Every rule on evidence that must hold after each step of a history."""

    begun: dict[str, datetime] = field(default_factory=dict)
    moved: list[datetime] = field(default_factory=list)
    amended: dict[tuple[str, str], Edited] = field(default_factory=dict)
    noted: set[datetime] = field(default_factory=set)
    """Changes that were suspected: after a crash nobody knows when a write came through."""

    def weighed(self, snap: Snapshot) -> tuple[Evidence | None, Background | None]:
        """All that is known by now, by the true rules of weighing."""
        status, gates = snap.status, snap.spec.analysis.evidence.gates
        normal = status.phase is Phase.PROGRESSING and status.step is not None
        if not gates or not normal or unjudged(snap, status) or steps_edited(snap):
            return None, None
        known = take_in_tiles(Draft(snap=snap, now=self.cluster.now, status=status)).status
        return known.evidence, known.background

    def beyond(self, snap: Snapshot, *, compare: bool = False) -> bool:
        """Whether the evidence against the canary has reached its bound."""
        rules, (evidence, _) = snap.spec.analysis.evidence, self.weighed(snap)
        compared = {gate.name for gate in rules.gates if isinstance(gate, Compare) or not compare}
        odds = [against(g) for g in (evidence.gates if evidence else ()) if g.name in compared]
        return max(odds, default=0.0) >= bound(rules)

    def proven_bad(self, snap: Snapshot) -> bool:
        """Whether nothing but a rollback is left to do."""
        background = self.weighed(snap)[1]
        known = background is not None and background.sufficient
        return known and self.beyond(snap, compare=True)

    def follows(self, snap: Snapshot, since: datetime) -> Iterator[Tile]:
        """The tiles that follow on what was counted."""
        while tile := next((t for t in snap.counting.tiles if t.start == since), None):
            yield tile
            since = tile.end

    def evidence(self, snap: Snapshot, after: Status, *, acted: bool, ended: bool) -> None:
        """Look at what became of the evidence in one decision."""
        before = snap.status
        if acted:
            self.moved.append(self.cluster.now)
        if superseded(before, after):
            fresh = after.evidence is None or not after.evidence.tiles
            demand(fresh, "another revision inherits evidence")
        self.ends_rightly(snap, after, ended=ended)
        old, new = before.evidence, after.evidence
        if new is not None and after.rollout is not None:
            self.noted.update(new.changes)
            begun = self.begun.get(after.rollout.id, new.counted_until)
            fresh = old is None or before.rollout is None
            begun = new.counted_until if fresh else min(begun, new.counted_until)
            self.begun[after.rollout.id] = begun
            self.gate_edits(snap, after.rollout.id, old, new)
            for gate in new.gates:
                self.totals(gate, new, after.rollout, begun)
        if not same_rollout(before, after) or old is None:
            return
        if new is None:
            demand(after.phase is Phase.IDLE, "evidence was lost in mid-rollout")
            return
        demand(new.tiles >= old.tiles, "evidence was forgotten in mid-rollout")
        self.contiguous(snap, after, old, new)
        entered = before.step and after.step and before.step.index != after.step.index
        if entered:
            gates = [gate for gate in new.gates if gate.strands]
            demand(all(in_favour(g) < 1e-9 for g in gates), "a step lives on another's evidence")

    def contiguous(self, snap: Snapshot, after: Status, old: Evidence, new: Evidence) -> None:
        weighs = self.weighed(snap)[0] is not None and after.phase is Phase.PROGRESSING
        ahead = not old.tiles and old.counted_until > self.cluster.now + self.meter.skew
        if not weighs or ahead or unjudged(snap, after):
            return
        ends = [old.counted_until, *(t.end for t in self.follows(snap, old.counted_until))]
        demand(new.counted_until == ends[-1], "a tile was skipped, or is taken in too late")

    def gate_edits(self, snap: Snapshot, rollout: str, old: Evidence | None, new: Evidence) -> None:
        """Which gates mean something else than before: their evidence begins anew, now or soon."""
        rules = snap.spec.analysis.evidence
        looked = old is not None and old.gates != new.gates
        judged = looked and self.weighed(snap)[0] is not None
        for rule in rules.gates:
            known = self.amended.setdefault((rollout, rule.name), Edited(rule, rules.alpha))
            if (known.rule, known.alpha) == (rule, rules.alpha) or old is None:
                continue
            since, until = known.pending or old.counted_until, old.counted_until
            if judged:
                self.amended[rollout, rule.name] = Edited(rule, rules.alpha, since, until)
            else:
                known.pending, known.last = since, NEVER

    def totals(self, gate: GateEvidence, new: Evidence, rollout: Rollout, begun: datetime) -> None:
        """What was counted is what was there: each tile once, and none next to a change.

        A gate that was edited has counted since then only, the others all along.
        """
        if not gate.strands or gate.strands[0].edge is not None:
            return
        edit = self.amended.get((rollout.id, gate.name))
        first_of, last_of = (edit.first, edit.last) if edit else (LONG_AGO, LONG_AGO)
        least = most = 0.0
        start = begun
        while start < new.counted_until:
            told = self.meter.delivered.get((rollout.revision, start), [])
            demand(told, "a tile was taken in that never came")
            values = [worth(tile) for tile in told]
            first, last = start - self.meter.skew, told[0].end - self.meter.skew
            scraped = [pod.at_end for tile in told for pod in tile.pods if pod.at_end]
            seen_until = max(scraped, default=told[0].end) - self.meter.skew
            moved = any(first < at < seen_until for at in self.moved)
            if start >= first_of and not moved and not all(map(faulty, told)):
                most += max(values)
            changes = (*(epoch.at for epoch in self.meter.epochs), *self.noted)
            near = any(first - NEAR <= at <= last + NEAR for at in changes)
            if start >= last_of and not near and not any(map(excused, told)):
                least += min(values)
            start = told[0].end
        total = gate.strands[0].total
        seen = total.canary + total.primary
        demand(seen <= most + 1e-6, f"{seen} requests are evidence, {most} could be")
        demand(seen >= least - 1e-6, f"{seen} requests are evidence, {least} must be")

    def ends_rightly(self, snap: Snapshot, after: Status, *, ended: bool) -> None:
        """A rollback by evidence is one, and comes in the decision that sees it."""
        before = snap.status
        evidence, background = self.weighed(snap)
        over = ended or after.phase is Phase.ROLLING_BACK
        known = background is not None and background.sufficient
        known = known and self.meter.background(self.cluster.now).sufficient
        if why_ended(before, after) in EVIDENTLY:
            demand(self.beyond(snap), "rolled back on too little evidence")
            demand(known, "rolled back although nobody knows how the primary's pods differ")
            revision = before.rollout.revision if before.rollout else None
            good = self.cluster.quality.get(revision or after.idle_revision) is Quality.GOOD  # type: ignore[arg-type]
            demand(not good, "a good revision was rolled back by evidence")
        judged = evidence is not None and before.step is not None and before.evidence is not None
        if not judged or over or unjudged(snap, after) or before.evidence is None:
            return
        live = before.step is not None and before.step.live_since is not None
        demand(not (live and known and self.beyond(snap, compare=True)), "proven, and it goes on")
        tiles = list(self.follows(snap, before.evidence.counted_until))
        unseen = [self.out_of_sight(snap, tile) for tile in tiles]
        for tile, nobody in zip(tiles, unseen, strict=True):
            told = faulty(tile) or nobody or not self.broken(snap, tile)
            demand(told, "most requests fail: it goes on")
        compared = any(s.total.primary for gate in before.evidence.gates for s in gate.strands)
        last = tiles[-1] if tiles and not faulty(tiles[-1]) else None
        blind = compared and last is not None and unseen[-1] and self.called(snap, last)
        ahead = before.step and after.step and after.step.index > before.step.index
        demand(not (blind and ahead), "it goes on while nobody looks at the primary")

    def called(self, snap: Snapshot, tile: Tile) -> bool:
        """Whether the canary had requests in it."""
        idle = snap.status.idle_slot
        name = snap.workloads[idle].name if idle is not None else ""
        return wrong([row for row in tile.rows if row.workload == name])[1] > 0

    def out_of_sight(self, snap: Snapshot, tile: Tile) -> bool:
        """Whether nobody scraped a primary that has a share of the requests."""
        slot = snap.status.primary_slot
        name = snap.workloads[slot].name if slot is not None else ""
        there = {pod.workload for pod in tile.pods if pod.at_end}
        there |= {row.workload for row in tile.rows if row.count}
        return snap.status.canary_weight < ALL_TRAFFIC and name not in there

    def broken(self, snap: Snapshot, tile: Tile) -> bool:
        """Whether nine in ten of the canary's requests failed, and not of the primary's."""
        idle = snap.status.idle_slot
        name = snap.workloads[idle].name if idle is not None else ""
        bad, of = wrong([row for row in tile.rows if row.workload == name])
        usual, others = wrong([row for row in tile.rows if row.workload != name])
        return of >= 50 and bad >= 0.9 * of and bad * others >= 2 * (usual + RULE_OF_THREE) * of

    def weighed_well(self, snap: Snapshot, step: StepState, stayed: timedelta) -> None:
        """A step was passed: each gate was proven, or heard for long enough."""
        analysis = snap.spec.analysis
        if not analysis.evidence.gates:
            return
        demand(not self.beyond(snap), "went on although the canary is proven to be bad")
        silence = snap.counting.silence
        if analysis.no_data.then is Otherwise.ADVANCE and silence is None:
            return  # whether its time was over is looked at in the tables
        lost = silence is not None and silence.answered is not Answered.NO_DATA
        demand(not lost, "went on while the metrics server was silent")
        evidence, _ = self.weighed(snap)
        found = {gate.name: gate for gate in (evidence.gates if evidence else ())}
        heard = stayed >= analysis.steps[max(step.index, 0)].most
        for rule in analysis.evidence.gates:
            if isinstance(rule, Compare) and step.weight == ALL_TRAFFIC:
                continue
            demand(rule.name in found, f"went on and {rule.name} was never looked at")
            gate = found[rule.name]
            proven = in_favour(gate) >= log(1 / analysis.evidence.beta)
            demand(proven or heard, f"went on although {rule.name} was undecided")
            demand(proven or against(gate) < DOUBTFUL, f"went on although {rule.name} looks bad")

    def probed_counts(self, snap: Snapshot) -> None:
        """Before the first step the server's clock and the background were known."""
        rollout, status = snap.status.rollout, snap.status
        if not snap.spec.analysis.evidence.gates or unjudged(snap, status) or rollout is None:
            return
        told = (self.told_background, status.background)
        known = any(one is not None and one.asked_at >= rollout.started_at for one in told)
        demand(self.told_clock, "a rise before the metrics server told its clock")
        demand(known, "a rise before it is known how the primary's pods differ")

    told_clock: bool = False
    told_background: Background | None = None
