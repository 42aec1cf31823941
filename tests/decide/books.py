"""The books of a watchman: what the world did and what was committed, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from canaryd.model.names import FIELD_MANAGER, Revision, SlotName
from canaryd.model.notice import ENDS, KEPT_NOTICES, Notice
from canaryd.model.snapshot import Request, Sample, Snapshot, Verb
from canaryd.model.status import CapReason, HoldReason, Phase, Status
from tests.decide.meter import Meter
from tests.decide.signs import (
    failing,
    same_rollout,
    skipping,
    steps_edited,
    superseded,
    threshold_of,
    why_ended,
)
from tests.decide.world import Cluster, UnsafeError

NOT_THE_STEPS_TIME = tuple(HoldReason)[:10]
"""Holds that are nobody's fault: a step's clock stands still."""


def demand(holds: object, message: str) -> None:
    if not holds:
        raise UnsafeError(message)


@dataclass(frozen=True)
class Live:
    """Since when a step's whole weight has been at the router, unbroken."""

    rollout: str
    entered_at: datetime
    since: datetime


@dataclass(frozen=True)
class Lost:
    """How often a rollout lost all its pods, and how its way back goes."""

    rollout: str
    times: int = 0
    away: bool = False
    ready_since: datetime | None = None


@dataclass
class Books:
    """What has happened so far, as a bystander would write it down."""

    cluster: Cluster
    meter: Meter
    told: dict[int, Notice] = field(default_factory=dict)
    heard: dict[str, list[Sample]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    edits: list[datetime] = field(default_factory=list)
    live: Live | None = None
    stayed: dict[tuple[str, datetime], timedelta] = field(default_factory=dict)
    runs: tuple[tuple[str, datetime], datetime] | None = None
    parked: Live | None = None
    touched: bool = False
    edited: bool = False
    failed: dict[str, tuple[int, datetime | None]] = field(default_factory=dict)
    unready: tuple[str, datetime] | None = None
    baseline: Revision | None = None
    lost: Lost | None = None

    def sees(self, snap: Snapshot) -> None:
        """Before a decision: has somebody else written the weights since the last one?"""
        status, routing = snap.status, snap.routing
        self.edited = False
        if status.idle_slot in snap.workloads and status.idle_slot and routing is not None:
            ours = routing.writer == FIELD_MANAGER
            self.edited = not ours and not routing.shows(status.idle_slot, status.canary_weight)

    def readiness(self, snap: Snapshot, after: Status, *, ended: bool) -> None:
        """The deadline runs for one unbroken spell without enough ready pods."""
        rollout = after.rollout or snap.status.rollout
        if rollout is None:
            self.unready = None
            return
        work = snap.workloads[after.idle_slot] if after.idle_slot else None
        needed = max(1, ceil((work.replicas if work else 0) * threshold_of(snap)))
        if work is None or work.ready >= needed:
            self.unready = None
            return
        if self.unready is None or self.unready[0] != rollout.id:
            self.unready = (rollout.id, self.cluster.now)
        late = self.cluster.now >= self.unready[1] + snap.spec.progress_deadline
        gone = ended or after.phase is Phase.ROLLING_BACK
        demand(not late or gone or snap.stale, "unready beyond the deadline, and not rolled back")
        failure = why_ended(snap.status, after)
        demand(late or failure != "ProgressDeadlineExceeded", "rolled back before the deadline")

    def losses(self, snap: Snapshot, after: Status, idle: SlotName) -> None:
        """A canary that lost all its pods comes back after a steady while; twice, not thrice."""
        rollout, work = after.rollout, snap.workloads[idle]
        if rollout is None or after.phase is not Phase.PROGRESSING or after.step is None:
            self.lost = None if rollout is None else self.lost
            return
        lost = self.lost or Lost(rollout.id)
        if lost.rollout != rollout.id:
            lost = Lost(rollout.id)
        cap = after.cap.reason if after.cap is not None else None
        if not lost.away and work.ready == 0 and cap is CapReason.CANARY_LOST:
            lost = replace(lost, times=lost.times + 1, away=True)
        steady = work.ready >= max(1, ceil(work.replicas * threshold_of(snap)))
        steady = steady and work.revision == rollout.revision
        since = (lost.ready_since or self.cluster.now) if steady else None
        self.lost = replace(lost, ready_since=since, away=lost.away and after.cap is not None)
        demand(lost.times < 3, "the canary was lost for the third time")

    def counts(self, snap: Snapshot, after: Status, *, ended: bool) -> None:
        """At most one failed check per interval; the one with number `threshold` is the end."""
        before, live, analysis = snap.status, self.live, snap.spec.analysis
        rollout = before.rollout
        if rollout is None or before.phase is not Phase.PROGRESSING:
            return
        count, last = self.failed.get(rollout.id, (0, None))
        judged = live is not None and before.step is not None
        judged = judged and not skipping(snap, after) and not steps_edited(snap)
        bad = list(failing(snap, live.since)) if judged and live is not None else []
        bad = [at for at in bad if last is None or at >= last + analysis.interval]
        failure = why_ended(before, after)
        if bad and (failure in (None, "CheckFailed")) and not superseded(before, after):
            count, last = count + 1, max(bad)
            over = ended or after.phase is Phase.ROLLING_BACK
            demand(over or count < analysis.threshold, f"failed check {count}, no rollback")
        self.failed[rollout.id] = (count, last)
        if failure == "CheckFailed":
            demand(bad and count >= analysis.threshold, "rolled back without failed checks")
        if failure == "Aborted":
            asked = any(r.verb is Verb.ABORT for r in snap.requests)
            demand(asked, "aborted and nobody asked")
        if same_rollout(before, after) and after.rollout is not None and failure is None:
            seen = after.rollout.failed_checks
            demand(seen == count, f"{seen} failed checks in the status, {count} in truth")

    def tick(self) -> None:
        """The running step's clock has run until now."""
        if self.runs is not None:
            key, since = self.runs
            self.stayed[key] = self.stayed.get(key, timedelta()) + self.cluster.now - since
        self.runs = None

    def interrupted(self, snap: Snapshot) -> None:
        """A crash came after the writes; what was restored by then cannot be seen afterwards."""
        idle, weight = snap.status.idle_slot, snap.status.canary_weight
        self.touched, self.parked = False, self.live or self.parked
        restored = idle is None or self.cluster.shows(idle, weight)
        self.live = self.parked if restored else None

    def keep_live(self, snap: Snapshot, after: Status, idle: SlotName) -> None:
        step, rollout = after.step, after.rollout
        shown = step is not None and self.cluster.shows(idle, step.weight)
        live = shown and after.cap is None and after.phase is Phase.PROGRESSING
        if not live or step is None or rollout is None:
            self.live, self.touched = None, False
            return
        known = None if self.touched else self.live
        self.touched = False
        if known is None or (known.rollout, known.entered_at) != (rollout.id, step.entered_at):
            self.live = Live(rollout.id, step.entered_at, self.cluster.now)
        if after.hold is None or after.hold.reason not in NOT_THE_STEPS_TIME:
            self.runs = ((rollout.id, step.entered_at), self.cluster.now)

    def written(self, after: Status) -> None:
        """Every notice keeps its number and its words for ever."""
        for notice in after.notices:
            known = self.told.setdefault(notice.seq, notice)
            demand(known == notice, f"notice {notice.seq} says something else now")
        numbers = [notice.seq for notice in after.notices]
        demand(numbers == sorted(set(numbers)), "notices out of order")
        demand(numbers[-1:] == sorted(self.told)[-1:], "the last notice was lost")
        rollouts = [n.rollout for n in self.told.values() if n.rollout is not None]
        heard = min(after.delivered.values(), default=0)
        full = len(numbers) == KEPT_NOTICES
        for seq in set(range(1, max(self.told, default=0) + 1)) - set(numbers):
            demand(seq in self.told, f"notice {seq} was never seen")
            due = seq > heard or self.told[seq].rollout in rollouts[-1:]
            demand(not due or (full and seq < numbers[0]), f"notice {seq} was lost")
        ends = [seq for seq, n in self.told.items() if n.reason in ENDS][-1:]
        demand(full or set(ends) <= set(numbers), "how the last rollout ended was lost")
