"""Watches a simulated world and shouts when users, or people who read statuses, would notice.

It keeps books of its own, from what the world did and what was committed, never from how the
engine came to its decision.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from canaryd.model.answered import Answered
from canaryd.model.decision import Decision, SetWeight
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Routing, Sample, Snapshot, Verb, Workload
from canaryd.model.spec import Metric, Otherwise
from canaryd.model.status import Phase, Status
from tests.decide.books import demand
from tests.decide.ledger import Ledger
from tests.decide.signs import (
    ends,
    judged_revision,
    passed,
    paused,
    probed,
    same_rollout,
    skipping,
    steps_edited,
    superseded,
)


class Watchman(Ledger):
    """Every rule that must hold after each step of a history."""

    # --- one write of the route ---

    def acts(self, snap: Snapshot, decision: Decision, action: SetWeight) -> None:
        """Look at a write before it is done."""
        before, after = self.cluster.share(action.slot), self.raw(action)
        rising = action.slot if after > before else snap.spec.other(action.slot).name
        self.touched = True
        if after == before:
            return
        work = snap.workloads[rising]
        demand(work.serves, f"{work.name} gets more traffic with no ready pod")
        if rising == action.slot:
            demand(action.rises, "a rise does not say that it is one")
            self.may_rise(snap, decision, work)

    def raw(self, action: SetWeight) -> int:
        return Routing(self.cluster.weights, self.cluster.total, "").raw(action.weight)

    def may_rise(self, snap: Snapshot, decision: Decision, work: Workload) -> None:
        """The canary gets more: everything must speak for it."""
        needed = max(1, ceil(work.replicas * snap.spec.analysis.ready_threshold / 100))
        demand(work.ready >= needed, f"a rise with {work.ready} of {needed} ready pods")
        demand(judged_revision(snap, decision) == work.revision, "a rise of another revision")
        self.nothing_forbids(snap, decision, "a rise")
        demand(not self.proven_bad(snap), "a rise of a canary that is proven to be bad")
        lost, rollout = self.lost, snap.status.rollout
        if lost is None or not lost.away or superseded(snap.status, decision.status):
            return
        if rollout is None or rollout.id != lost.rollout:
            return
        wait = snap.waits.readiness_return * 2 ** (lost.times - 1)
        since = lost.ready_since or self.cluster.now
        demand(self.cluster.now - since >= wait, "users come back before the canary is steady")

    def nothing_forbids(self, snap: Snapshot, decision: Decision, what: str) -> None:
        now, window = self.cluster.now, snap.waits.contest_window
        demand(snap.stale is None, f"{what} on a stale watch")
        demand(not snap.spec.suspend, f"{what} while suspended")
        demand(not paused(snap, decision.status), f"{what} while paused")
        edits = [*self.edits, now] if self.edited else self.edits
        in_contest = len(edits) > 1 and edits[-1] - edits[-2] < window and now < edits[-1] + window
        demand(not in_contest, f"{what} while somebody else writes the weights")

    # --- one commit ---

    def commits(self, snap: Snapshot, decision: Decision, after: Status) -> None:
        """Look at what is true after a decision was carried out and before it is forgotten."""
        before = snap.status
        self.tick()
        self.parked = None
        if snap.problems or snap.routing is None:
            demand(not decision.actions, "something was written although the Canary is unusable")
            self.live = None
            return
        if after.primary_slot is None or after.idle_slot is None:
            return
        if self.edited:
            self.edits.append(self.cluster.now)
            self.edited = False
        demand(
            self.cluster.shows(after.idle_slot, after.canary_weight),
            f"the status says {after.canary_weight} %, the route {self.cluster.weights}",
        )
        self.exposure(snap, after, after.idle_slot)
        self.losses(snap, after, after.idle_slot)
        self.starts(snap, after)
        ended = ends(before, after)
        self.readiness(snap, after, ended=ended)
        self.counts(snap, after, ended=ended)
        self.progress(snap, decision, after)
        self.evidence(snap, after, acted=bool(decision.actions), ended=ended)
        self.keep_live(snap, after, after.idle_slot)

    def exposure(self, snap: Snapshot, after: Status, idle: SlotName) -> None:
        """Users may be on the canary only while it is judged and can serve them."""
        other = snap.spec.other(idle).name
        if self.cluster.share(idle) == 0 or not snap.workloads[other].serves:
            return
        work, rollout = snap.workloads[idle], after.rollout
        demand(after.phase is Phase.PROGRESSING, f"users on the canary in {after.phase}")
        demand(after.step is not None, "users on a canary that has not entered a step")
        demand(work.ready > 0, "users on a canary without ready pods")
        demand(not work.moved, "users on a canary whose template was changed")
        same = rollout is not None and work.revision in (None, rollout.revision)
        demand(same, "users on a revision that is not judged")

    def starts(self, snap: Snapshot, after: Status) -> None:
        """A push is never lost, a rejected revision never tried again unasked."""
        before, idle = snap.status, after.idle_slot
        if idle is None or idle != before.idle_slot:
            return
        revision, rejected = snap.workloads[idle].revision, before.rejected
        known = {None, before.idle_revision}
        if rejected is not None:
            known |= {rejected.revision, rejected.previous}
        if before.phase is Phase.IDLE and revision not in known:
            begun = after.rollout is not None and after.rollout.revision == revision
            demand(begun, f"the push of {revision} was lost")
        if after.rollout is None or same_rollout(before, after):
            return
        asked = any(r.verb is Verb.RETRY for r in snap.requests)
        back = self.baseline is not None and after.rollout.revision == self.baseline
        demand(asked or not back, "putting the idle slot back was taken for a push")
        if before.phase is Phase.IDLE and not (
            rejected and rejected.revision == before.idle_revision
        ):
            self.baseline = before.idle_revision
        if rejected is not None and after.rollout.revision == rejected.revision:
            demand(asked, "a rejected revision was tried again")

    def progress(self, snap: Snapshot, decision: Decision, after: Status) -> None:
        """Steps follow each other, each judged; so does a promotion."""
        before = snap.status
        promoted = before.primary_slot not in (None, after.primary_slot)
        if promoted and before.primary_slot in snap.workloads:
            self.nothing_forbids(snap, decision, "a promotion")
            self.edits, self.baseline = [], None
            begun = before.rollout is not None or snap.spec.skip_analysis
            demand(begun, "promoted without a rollout")
            demand(after.idle_slot and self.cluster.share(after.idle_slot) == 0, "half promoted")
            if not skipping(snap, before):
                self.judged(snap, last=True)
            return
        if not same_rollout(before, after) or after.step is None:
            return
        old, new = before.step, after.step
        if old is not None and (old.index, old.weight) == (new.index, new.weight):
            demand(old.entered_at == new.entered_at, "entered_at moved without a transition")
        elif steps_edited(snap) and old is not None:
            demand(new.weight <= max(old.weight, 0), "an edited spec raised the weight")
        elif old is None:
            demand(new.index == 0, "the first step was skipped")
            self.nothing_forbids(snap, decision, "a step")
            demand(all(probed(snap, m) for m in snap.spec.analysis.metrics), "not probed")
            self.probed_counts(snap)
        else:
            demand(new.index == old.index + 1, "a step was skipped")
            self.nothing_forbids(snap, decision, "a step")
            self.judged(snap, last=False)

    def judged(self, snap: Snapshot, *, last: bool) -> None:
        """The running step must have been proven."""
        step, rollout, analysis = snap.status.step, snap.status.rollout, snap.spec.analysis
        demand(step and rollout and self.live, "went on from a step that was not live")
        if step is None or rollout is None or self.live is None:
            return
        key = (self.live.rollout, self.live.entered_at)
        demand(key == (rollout.id, step.entered_at), "went on from another step than the live one")
        demand(not last or step.index + 1 == len(analysis.steps), "promoted before the last step")
        current = analysis.steps[step.index] if step.index >= 0 else None
        least = current.least if current else analysis.interval
        demand(self.stayed.get(key, timedelta()) >= least, "went on before the least stay")
        self.weighed_well(snap, step, self.stayed.get(key, timedelta()))
        for metric in analysis.metrics:
            proven = passed(self.heard.get(metric.name, []), metric, self.live.since)
            proven = proven or self.excused(snap, metric)
            demand(proven, f"went on although {metric.name} was not proven in this step")
        if current is not None and current.approval:
            given = any(
                r.verb is Verb.APPROVE
                and (r.revision, r.step) == (rollout.revision, step.index + 1)
                for r in self.asked
            )
            demand(given, "went on without approval")

    def excused(self, snap: Snapshot, metric: Metric) -> bool:
        """Whether the user's policy says that silence for so long is enough."""
        policy, live = snap.spec.analysis.no_data, self.live
        if policy.then is not Otherwise.ADVANCE or live is None:
            return False
        mine = [s for s in self.heard.get(metric.name, []) if s.asked_at >= live.since]
        silent: list[Sample] = []
        for sample in reversed(mine):
            if sample.answered is not Answered.NO_DATA:
                break
            silent.append(sample)
        return bool(silent) and self.cluster.now - silent[-1].asked_at >= policy.after
