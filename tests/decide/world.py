"""A simulated cluster: two slots, a route, a metrics server, people who ask.

It knows nothing of decisions; what is unsafe about a state is said by `tests.decide.watchman`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.answered import Answered
from canaryd.model.decision import Observe, SetWeight
from canaryd.model.names import FIELD_MANAGER, Revision, SlotName, Weight
from canaryd.model.snapshot import Request, Routing, Sample, Verb, Workload
from tests.decide.build import OLD, SEEN, T0, V1, V2, sec


class UnsafeError(AssertionError):
    """The world went through a state that users would notice."""


class Quality(Enum):
    """What the metrics of a revision say."""

    GOOD = "good"
    BAD = "bad"
    FLAPPING = "flapping"
    BROKEN = "broken"
    NO_DATA = "no data"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"


WITHOUT_VALUE = {
    Quality.NO_DATA: Answered.NO_DATA,
    Quality.UNAVAILABLE: Answered.UNAVAILABLE,
    Quality.REFUSED: Answered.REFUSED,
}


@dataclass
class Deployment:
    """One slot's workload; its pods are those of the template's revision."""

    name: str
    history: list[Revision]
    replicas: int = 3
    ready: int = 3
    old: int = 0
    """Ready pods of the revision before, while a rolling update goes on."""
    named: bool = True
    exists: bool = True
    paused: bool = False
    generation: int = 1
    stuck: set[Revision] = field(default_factory=set)

    @property
    def template(self) -> Revision:
        return self.history[-1]

    def seen(self) -> Workload:
        """What the watches say of it."""
        if not self.exists:
            return Workload(name=self.name, exists=False)
        last = self.template if self.named or len(self.history) == 1 else self.history[-2]
        known = self.named and not self.paused
        return Workload(
            name=self.name,
            revision=self.template if known else None,
            last_revision=last,
            moved=not self.named and not self.paused,
            paused=self.paused,
            images={"podinfo": f"ghcr.io/podinfo:{self.template}"},
            replicas=self.replicas,
            ready=self.ready,
            serving=self.ready + self.old,
            generation=self.generation,
        )


@dataclass
class Cluster:
    """Everything outside of canaryd, at one instant."""

    now: datetime = T0
    slots: dict[SlotName, Deployment] = field(
        default_factory=lambda: {
            V1: Deployment("podinfo-v1", [OLD]),
            V2: Deployment("podinfo-v2", [SEEN]),
        }
    )
    weights: dict[SlotName, int] = field(default_factory=lambda: {V1: 100, V2: 0})
    total: int = 100
    writer: str | None = "kubectl"
    route_exists: bool = True
    version: int = 1
    quality: dict[Revision, Quality] = field(default_factory=dict)
    metrics_away: Quality | None = None
    requests: list[Request] = field(default_factory=list)
    watches_silent_since: datetime | None = None
    frozen: Mapping[SlotName, Workload] = field(default_factory=dict)
    planned: list[tuple[datetime, int, str, SlotName, Revision]] = field(default_factory=list)
    tick: itertools.count[int] = field(default_factory=itertools.count)

    def workloads(self) -> Mapping[SlotName, Workload]:
        """What canaryd's store holds: what the watches told it last."""
        if self.watches_silent_since is not None:
            return self.frozen
        return {name: work.seen() for name, work in self.slots.items()}

    def stale(self) -> str | None:
        since = self.watches_silent_since
        if since is None or self.now <= since + timedelta(minutes=2):
            return None
        return "the watch of Deployments has been silent for more than 2m"

    def routing(self) -> Routing | None:
        if not self.route_exists:
            return None
        return Routing(dict(self.weights), self.total, str(self.version), self.writer)

    def apply(self, action: SetWeight) -> None:
        """Write the route as the adapter does: two weights, nothing else."""
        raw = Routing(self.weights, self.total, "").raw(action.weight)
        self.write(action.slot, raw, FIELD_MANAGER)

    def write(self, slot: SlotName, raw: int, writer: str) -> None:
        other = V1 if slot == V2 else V2
        self.weights = {slot: raw, other: self.total - raw}
        self.writer, self.version = writer, self.version + 1

    def push(self, slot: SlotName, revision: Revision, *, naming: float, startup: float) -> None:
        """Change a slot's template; Kubernetes names it after a while, pods start after another."""
        work = self.slots[slot]
        if revision == work.template:
            return
        work.history.append(revision)
        work.generation += 1
        work.named = False
        if not work.paused:
            self.plan(naming, "named", slot, revision)
            self.plan(naming + startup, "ready", slot, revision)

    def pause(self, slot: SlotName, *, wish: bool) -> None:
        """`kubectl rollout pause` and `resume`: what was pushed meanwhile takes effect then."""
        work = self.slots[slot]
        work.paused = wish
        if not wish and not work.named:
            self.plan(1, "named", slot, work.template)
            self.plan(6, "ready", slot, work.template)

    def lose(self, slot: SlotName, left: int, back: float) -> None:
        """Pods become unready, and return after a while."""
        work = self.slots[slot]
        work.ready, work.old = min(work.ready, left), 0
        self.plan(back, "ready", slot, work.template)

    def plan(self, seconds: float, what: str, slot: SlotName, revision: Revision) -> None:
        at = self.now + sec(seconds)
        self.planned.append((at, next(self.tick), what, slot, revision))
        self.planned.sort()

    def happen(self) -> None:
        """Let everything planned until now take place."""
        while self.planned and self.planned[0][0] <= self.now:
            _, _, what, slot, revision = self.planned.pop(0)
            work = self.slots[slot]
            if work.template != revision or not work.exists:
                continue
            if what == "named" and not work.paused:
                work.named, work.ready, work.old = True, 0, work.ready + work.old
            elif what == "ready" and work.named and revision not in work.stuck:
                work.ready, work.old = work.replicas, 0

    def share(self, slot: SlotName) -> int:
        return self.weights[slot]

    def shows(self, slot: SlotName, weight: int) -> bool:
        return Routing(self.weights, self.total, "").shows(slot, Weight(weight))

    def ask(self, verb: Verb, revision: Revision, step: int | None) -> None:
        name = f"podinfo-{verb.value}-{next(self.tick)}"
        self.requests.append(Request(name, verb, revision, "ann", self.now, step))

    def measure(self, wish: Observe, bounds_min: float, due: datetime) -> Sample:
        """What the metrics server answers about the pods of a slot."""
        revision = self.slots[wish.slot].template
        quality = self.metrics_away or self.quality.get(revision, Quality.GOOD)
        if quality in WITHOUT_VALUE:
            kind = WITHOUT_VALUE[quality]
            return Sample(wish.metric, kind, due, wish.interval, detail=quality.value)
        bad = quality in (Quality.BAD, Quality.BROKEN)
        if quality is Quality.FLAPPING:
            bad = int((due - T0).total_seconds() // wish.interval.total_seconds()) % 3 == 0
        value = bounds_min - 5 if bad else bounds_min + 0.5
        return Sample(wish.metric, Answered.VALUE, due, wish.interval, value)


class Collector:
    """Asks what decisions want observed, as the runtime does; forgets everything in a crash."""

    def __init__(self) -> None:
        self.wishes: dict[str, tuple[Observe, datetime]] = {}
        self.samples: dict[str, Sample] = {}

    def want(self, observe: tuple[Observe, ...], now: datetime) -> None:
        fresh: dict[str, tuple[Observe, datetime]] = {}
        for wish in observe:
            known = self.wishes.get(wish.metric)
            goes_on = known is not None and known[0] == wish
            due = known[1] if known and goes_on else max(wish.first_at, now)
            fresh[wish.metric] = (wish, due)
        self.wishes = fresh

    def due(self) -> datetime | None:
        return min((due for _, due in self.wishes.values()), default=None)

    def ask(self, cluster: Cluster, bounds: Mapping[str, float]) -> list[Sample]:
        """Put all answers that are due by now; returns them."""
        told: list[Sample] = []
        for name, (wish, due) in list(self.wishes.items()):
            if due > cluster.now:
                continue
            sample = cluster.measure(wish, bounds.get(name, 0.0), due)
            again = sec(10) if sample.answered is Answered.UNAVAILABLE else wish.interval
            following = max(due, cluster.now - again) + again
            self.wishes[name] = (wish, following)
            self.samples[name] = sample
            told.append(sample)
        return told


def refreshed(cluster: Cluster, *, silent: bool) -> None:
    """The watches fall silent, or deliver all that was missed."""
    if silent and cluster.watches_silent_since is None:
        cluster.frozen = {name: replace(w.seen()) for name, w in cluster.slots.items()}
        cluster.watches_silent_since = cluster.now
    if not silent:
        cluster.watches_silent_since = None
