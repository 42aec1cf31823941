"""A simulated metrics server that counts requests, and the daemon's asking for its counts.

The counts follow from what the world did alone: who was routed where, which pods were there, and
how good they were. So anybody can work out again what any span of time must say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.decision import Count
from canaryd.model.names import Revision, SlotName
from canaryd.model.tile import ALL, Background, Counting, Edge, Presence, Row, Silence, Tile
from tests.decide.build import T0, V1, V2, sec
from tests.decide.world import WITHOUT_VALUE, Cluster, Quality

RATE = 100
"""Requests per second, both slots together."""
SCRAPE, WARM_UP, RETRY, STUDY = sec(10), sec(30), sec(10), sec(300)
USUAL, WRONG = 0.01, {Quality.BAD: 0.2, Quality.BROKEN: 0.95}
BURST = 0.06


class Fault(Enum):
    """What may be wrong with the counts."""

    LATE = "late"
    REPLAYED = "replayed"
    WARNED = "warned"
    UNATTRIBUTED = "unattributed"


@dataclass(frozen=True)
class Epoch:
    """From an instant on: who was routed where, and whose pods were there."""

    at: datetime
    share: Mapping[SlotName, float]
    pods: Mapping[SlotName, Revision | None]


@dataclass
class Meter:
    """What the server has seen of a cluster; `skew` is its clock minus ours."""

    cluster: Cluster
    skew: timedelta = timedelta()
    age: timedelta = timedelta(hours=2)
    """How old the pods were when it all began."""
    fault: Fault | None = None
    epochs: list[Epoch] = field(default_factory=list[Epoch])
    delivered: dict[tuple[str, datetime], list[Tile]] = field(default_factory=dict)
    """What was told of each tile: more than once after a crash."""

    def note(self) -> None:
        """Look at the cluster: something may have changed."""
        cluster = self.cluster
        share = {slot: raw / cluster.total for slot, raw in cluster.weights.items()}
        pods = {
            slot: work.template if work.named and work.ready else None
            for slot, work in cluster.slots.items()
        }
        seen = Epoch(cluster.now, share, pods)
        if not self.epochs or (self.epochs[-1].share, self.epochs[-1].pods) != (share, pods):
            self.epochs.append(seen)

    def wrong(self, revision: Revision | None, start: datetime) -> float:
        """Which share of a revision's requests goes wrong, and is slow."""
        quality = self.cluster.quality.get(revision or Revision(""), Quality.GOOD)
        if quality is Quality.FLAPPING:
            return BURST if int((start - T0).total_seconds() // 30) % 3 == 0 else USUAL
        return WRONG.get(quality, USUAL)

    def requests(self, slot: SlotName, start: datetime, end: datetime) -> dict[Revision, float]:
        """How many requests each revision of a slot got between two instants of our clock."""
        got: dict[Revision, float] = {}
        for number, epoch in enumerate(self.epochs):
            until = self.epochs[number + 1].at if number + 1 < len(self.epochs) else end
            seconds = (min(until, end) - max(epoch.at, start)).total_seconds()
            revision = epoch.pods[slot]
            if seconds > 0 and revision is not None:
                got[revision] = got.get(revision, 0.0) + RATE * seconds * epoch.share[slot]
        mute = self.cluster.quality
        return {
            revision: float(round(many))
            for revision, many in got.items()
            if mute.get(revision) is not Quality.NO_DATA
        }

    def pod_at(self, slot: SlotName, at: datetime) -> Revision | None:
        """Whose pods were there."""
        before = [epoch for epoch in self.epochs if epoch.at <= at]
        return before[-1].pods[slot] if before else self.epochs[0].pods[slot]

    def tile(self, count: Count, start: datetime) -> Tile:
        """The true counts of one tile; `start` is on the server's clock."""
        end = start + count.every
        first, last = start - self.skew, end - self.skew
        rows: list[Row] = []
        pods: list[Presence] = []
        for slot in (V1, V2):
            name = self.cluster.slots[slot].name
            for revision, many in self.requests(slot, first, last).items():
                if name == count.canary and revision != count.revision:
                    continue
                pod = f"{name}-{revision}"
                bad = float(round(many * self.wrong(revision, first)))
                rows += [
                    Row(name, pod, many - bad, code="200"),
                    Row(name, pod, bad, code="503"),
                    Row(name, pod, many - bad, edge=100.0),
                    Row(name, pod, many, edge=ALL),
                ]
                there = self.pod_at(slot, last) == revision
                came = self.pod_at(slot, first) != revision
                warm = not came and self.pod_at(slot, first - WARM_UP) == revision
                pods.append(
                    Presence(
                        name,
                        pod,
                        end - sec(1) if there else None,
                        None if came else start - sec(1),
                        warm=warm,
                        known=not came,
                    )
                )
        if self.fault is Fault.UNATTRIBUTED:
            rows.append(Row("unknown", "", 3.0, code="503"))
        warning = "a warning" if self.fault is Fault.WARNED else ""
        return Tile(start, end, SCRAPE, tuple(rows), tuple(pods), self.skew, warning)

    def background(self, now: datetime) -> Background:
        """How the primary's pods vary: not at all, once they are old enough to tell."""
        hours = 3 * min((now - T0 + self.age) / timedelta(hours=1), 1.0)
        return Background(now, 3, hours, 1.0, (Edge(100.0, 1.0, USUAL),), float(RATE))


class Counter:
    """Asks for tiles, one after the other, as the runtime does; forgets everything in a crash."""

    def __init__(self) -> None:
        self.count: Count | None = None
        self.following: datetime | None = None
        self.tiles: tuple[Tile, ...] = ()
        self.past: tuple[Tile, ...] = ()
        self.silence: Silence | None = None
        self.background: Background | None = None
        self.learnt = False
        self.study_at: datetime | None = None
        self.not_before: datetime = T0

    def want(self, count: Count | None, now: datetime) -> None:
        before, self.count = self.count, count
        if count is None:
            self.__init__()  # type: ignore[misc]
            return
        if before is None:
            self.not_before = now + sec(1)
        course = (count.canary, count.revision, count.every, count.edges)
        if before is None or course != (
            before.canary,
            before.revision,
            before.every,
            before.edges,
        ):
            self.begin(count)
        kept = tuple(t for t in self.tiles if count.since is not None and t.end > count.since)
        self.tiles = kept
        if (kept[0].start if kept else self.following) != count.since:
            self.begin(count)
        if not count.background:
            self.study_at = None
        elif before is None or not before.background or before.revision != count.revision:
            self.study_at = now + sec(1)

    def begin(self, count: Count) -> None:
        self.following, self.tiles = count.since, ()

    def due(self, meter: Meter) -> datetime | None:
        """When to ask next, on our clock."""
        count = self.count
        if count is None:
            return None
        if not self.learnt:
            return self.not_before
        times = [self.study_at] if self.study_at is not None else []
        if self.following is not None:
            lag = SCRAPE + (sec(40) if meter.fault is Fault.LATE else sec(0))
            times.append(self.following + count.every + lag - meter.skew)
        return max(min(times), self.not_before) if times else None

    def ask(self, meter: Meter) -> None:
        """Ask all that is due by now."""
        now = meter.cluster.now
        while (at := self.due(meter)) is not None and at <= now and self.count is not None:
            away = self.away(meter)
            if away is not None:
                since = self.silence.since if self.silence is not None else now
                self.silence = Silence(WITHOUT_VALUE[away], away.value, since)
                self.not_before = now + RETRY
                return
            self.silence = None
            if not self.learnt:
                self.learnt = True
            elif self.study_at is not None and self.study_at <= now:
                self.background = meter.background(now)
                self.study_at = None if self.background.sufficient else now + STUDY
            elif self.following is not None:
                tile = meter.tile(self.count, self.following)
                place = (self.count.revision, tile.start)
                meter.delivered.setdefault(place, []).append(tile)
                self.past = (*self.past, tile)[-4:]
                self.tiles, self.following = (*self.tiles, tile), tile.end

    def away(self, meter: Meter) -> Quality | None:
        """Whether, and how, the server does not answer."""
        cluster, count = meter.cluster, self.count
        quality = cluster.quality.get(count.revision) if count is not None else None
        found = cluster.metrics_away or quality
        return found if found in (Quality.UNAVAILABLE, Quality.REFUSED) else None

    def counting(self, meter: Meter) -> Counting:
        """What a decision is told."""
        if not self.learnt:
            return Counting(silence=self.silence)
        again = self.past if meter.fault is Fault.REPLAYED else ()
        return Counting(
            tiles=(*again, *self.tiles, *again),
            silence=self.silence,
            background=self.background,
            skew=meter.skew,
            scrape=SCRAPE,
        )
