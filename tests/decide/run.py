"""Runs a history: reconciles as the runtime does, jumps from event to event, crashes on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

import orjson

from canaryd.decide.engine import decide
from canaryd.decide.foreseen import decided, stands
from canaryd.decide.lifecycle import missing_workloads
from canaryd.decide.outcome import next_status, worth_writing
from canaryd.model.decision import Decision, RequestState
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Problem, Snapshot, Verb
from canaryd.model.spec import Spec
from canaryd.model.status import HoldReason, Phase, Status
from canaryd.wire.status import LARGEST_STATUS, parse_status, render_status
from tests.decide.books import demand
from tests.decide.build import sec
from tests.decide.meter import Counter, Meter
from tests.decide.watchman import Watchman
from tests.decide.world import Cluster, Collector

Engine = Callable[[Snapshot, datetime], Decision]
JUST_BEFORE = timedelta(milliseconds=1)
LONG = timedelta(days=7)


class Crash(Enum):
    """Where in a reconcile the daemon dies."""

    BEFORE_ACT = "before it acts"
    BEFORE_COMMIT = "between act and commit"
    BEFORE_ANSWERS = "between commit and the answers to people"


@dataclass
class Run:
    """One Canary's life."""

    spec: Spec
    engine: Engine = decide
    cluster: Cluster = field(default_factory=Cluster)
    crashes: Iterator[tuple[Crash, float] | None] = field(default_factory=lambda: iter(()))
    status: Status = field(default_factory=Status)
    collector: Collector = field(default_factory=Collector)
    counter: Counter = field(default_factory=Counter)
    meter: Meter = field(init=False)
    generation: int = 1
    wake: datetime | None = None
    last: tuple[Snapshot, Decision] | None = None
    """The last reconcile, if nothing came in between."""
    watchman: Watchman = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.cluster)
        self.watchman = Watchman(self.cluster, self.meter)

    # --- one reconcile ---

    def snapshot(self) -> Snapshot:
        routing = self.cluster.routing()
        problems = () if routing else (Problem("RouteMissing", "VirtualService podinfo is gone"),)
        snap = Snapshot(
            key=Key("demo", "podinfo"),
            uid="u",
            generation=self.generation,
            spec=self.spec,
            status=self.status,
            workloads=self.cluster.workloads(),
            routing=routing,
            problems=problems,
            samples=dict(self.collector.samples),
            counting=self.counter.counting(self.meter),
            requests=tuple(self.cluster.requests),
            stale=self.cluster.stale(),
        )
        return replace(snap, problems=(*snap.problems, *missing_workloads(snap)))

    def outcome(self, snap: Snapshot, decision: Decision) -> tuple[Status, bool]:
        """The next status, and whether it would be written."""
        now, told = self.cluster.now, snap.status.delivered.get("events", 0)
        last = snap.status.notices[-1].seq if snap.status.notices else 0
        late = int(now.timestamp()) // 60 % 5  # some minutes a receiver is slower than in others
        delivered = {"events": max(told, last - late)}
        after = next_status(snap, decision, now, problems=snap.problems, delivered=delivered)
        every = snap.waits.evidence_write.total_seconds()
        return after, worth_writing(snap.status, after, now, evidence_every=every)

    def reconcile(self) -> bool:
        """Decide, act, commit, answer, unless a crash comes between; whether anything changed."""
        crash = next(self.crashes, None)
        self.meter.note()
        snap = self.snapshot()
        self.watchman.sees(snap)
        self.watchman.told_clock = self.counter.learnt
        self.watchman.told_background = self.counter.background
        decision = self.engine(snap, self.cluster.now)
        self.last = None
        self.falls_at_last(snap, decision)
        if crash and crash[0] is Crash.BEFORE_ACT:
            return self.die(crash[1])
        for action in decision.actions:
            self.watchman.acts(snap, decision, action)
            self.cluster.apply(action)
        self.meter.note()
        if crash and crash[0] is Crash.BEFORE_COMMIT:
            self.watchman.interrupted(snap)
            return self.die(crash[1])
        after, write = self.outcome(snap, decision)
        self.watchman.commits(snap, decision, after)
        if write:
            self.write(after)
        demand(write or not decision.tidings, "news were told and not written down")
        if crash and crash[0] is Crash.BEFORE_ANSWERS:
            return self.die(crash[1])
        done = {a.request for a in decision.answers if a.state is not RequestState.PENDING}
        self.cluster.requests = [r for r in self.cluster.requests if r.name not in done]
        self.collector.want(decision.observe, self.cluster.now)
        self.counter.want(decision.count, self.cluster.now)
        self.wake = decision.wake_at
        self.last = (snap, decision)
        return bool(write or decision.actions or done)

    def write(self, after: Status) -> None:
        """The status goes through the wire, and only that survives."""
        wire = orjson.dumps(render_status(after))
        demand(len(wire) <= LARGEST_STATUS, "the status is larger than 32 KiB")
        self.status = parse_status(wire)
        self.watchman.written(self.status)

    def falls_at_last(self, snap: Snapshot, decision: Decision) -> None:
        """A verdict stands while its fall cannot be written, and all is told once in the end."""
        short = decision.instead
        if short is None:
            return
        demand(short.status.phase is Phase.ROLLING_BACK, "what has no verdict is decided anew")
        again = self.engine(replace(snap, status=self.outcome(snap, short)[0]), self.cluster.now)
        demand(again.actions == decision.actions, "a fall that failed is not tried again")
        same = decided(again.status) == decided(decision.status)
        demand(same, "a fall that failed changes the rest")
        told = (*short.tidings, *(news for news in again.tidings if news.reason != "HoldEnded"))
        meant = tuple(news for news in decision.tidings if news.reason != "HoldEnded")
        demand(told == meant, "it is told otherwise")

    def die(self, down: float) -> bool:
        """The daemon is gone with its memory, and back after a while."""
        self.collector, self.counter, self.wake = Collector(), Counter(), None
        self.cluster.now += sec(down)
        self.cluster.happen()
        return True

    def settle(self) -> None:
        """Reconcile until nothing is left to do."""
        for _ in range(16):
            if not self.reconcile():
                return
            if self.last is not None and stands(*self.last, self.snapshot()):
                self.nothing_left(self.last[1])
                return
        raise AssertionError("it never comes to rest: every write leads to another")

    def nothing_left(self, done: Decision) -> None:
        """What stands is not decided again: that would have to say the same."""
        snap = self.snapshot()
        again = self.engine(snap, self.cluster.now)
        demand(not again.actions, f"not all was written: {again.actions}")
        demand(not again.tidings and not again.answers, "not all was told")
        demand(not self.outcome(snap, again)[1], "not all was written down")
        demand(again.observe == done.observe, "something else is to be asked for")
        since = again.count.since if again.count is not None else None
        counted = replace(done.count, since=since) if done.count is not None else None
        demand(again.count == counted, "something else is to be counted")
        late = again.wake_at is not None and (done.wake_at is None or done.wake_at > again.wake_at)
        demand(not late, f"a timer is missing: {again.wake_at}, not {done.wake_at}")

    # --- time ---

    def next_event(self) -> datetime | None:
        planned = self.cluster.planned[0][0] if self.cluster.planned else None
        silent = self.cluster.watches_silent_since
        stale = silent + sec(120.001) if silent and not self.cluster.stale() else None
        times = (self.wake, self.collector.due(), self.counter.due(self.meter), planned, stale)
        return min((at for at in times if at is not None), default=None)

    def until(self, end: datetime) -> None:
        """Let the time pass, from one event to the next."""
        while (at := self.next_event()) is not None and at <= end:
            self.go_to(max(at, self.cluster.now))
        if end > self.cluster.now:
            self.cluster.now = end

    def go_to(self, at: datetime) -> None:
        self.nothing_missed(at - JUST_BEFORE)
        self.cluster.now = at
        self.cluster.happen()
        bounds = {m.name: m.bounds.minimum or 0.0 for m in self.spec.analysis.metrics}
        for sample in self.collector.ask(self.cluster, bounds):
            self.watchman.heard.setdefault(sample.metric, []).append(sample)
        self.counter.ask(self.meter)
        self.settle()

    def nothing_missed(self, at: datetime) -> None:
        """Just before a timer there is nothing to do: otherwise one was missing."""
        if at <= self.cluster.now:
            return
        now, self.cluster.now = self.cluster.now, at
        snap = self.snapshot()
        decision = self.engine(snap, at)
        after, write = self.outcome(snap, decision)
        self.cluster.now = now
        demand(not decision.actions, f"a timer was missing: {decision.actions} is late")
        same = (after.phase, after.step, after.hold and after.hold.reason, after.cap) == (
            snap.status.phase,
            snap.status.step,
            snap.status.hold and snap.status.hold.reason,
            snap.status.cap,
        )
        demand(same, "a timer was missing: a transition is late")
        ticks = not write or after.gates != snap.status.gates
        demand(ticks and not decision.tidings, "something is written that only ticks")

    # --- the end ---

    def rest(self) -> None:
        """Let the time pass until nothing happens any more; people do what they are asked to."""
        limit = self.cluster.now + LONG
        for _ in range(3000):
            self.oblige()
            at = self.next_event()
            if at is None or at > limit:
                return
            self.go_to(max(at, self.cluster.now))
        raise AssertionError(f"it never ends: {self.status.phase}, {self.status.hold}")

    def oblige(self) -> None:
        """Approve what waits for approval, resume what is paused, abort what cannot be judged."""
        hold, rollout, step = self.status.hold, self.status.rollout, self.status.step
        if hold is None or rollout is None or self.status.phase is not Phase.PROGRESSING:
            return
        if hold.reason is HoldReason.PAUSED:
            self.ask(Verb.RESUME, None)
        elif hold.reason is HoldReason.APPROVAL_NEEDED and step is not None:
            self.ask(Verb.APPROVE, step.index + 1)
        elif hold.reason is HoldReason.ENVIRONMENT:  # both sides are bad, and stay so
            self.ask(Verb.ABORT, None)
        else:
            return
        self.settle()

    def ask(self, verb: Verb, step: int | None) -> None:
        """A person asks something about what the idle slot holds."""
        revision = self.cluster.slots[self.slot(idle=True)].template
        self.cluster.ask(verb, revision, step)
        self.watchman.asked.append(self.cluster.requests[-1])

    def slot(self, *, idle: bool) -> SlotName:
        """The slot that is idle, or that serves; v2 or v1 while nobody has decided that."""
        first, second = (slot.name for slot in self.spec.slots)
        if idle:
            return self.status.idle_slot or second
        return self.status.primary_slot or first
