"""Asks for what decisions want observed, grouped over all Canaries; answers go into the store.

It never decides: a missing answer is a sample too. Answers to what one Canary asked at one instant
go there together.
"""

from __future__ import annotations

import heapq
from asyncio import TaskGroup
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeAlias

import structlog

from canaryd.model.answered import Answered
from canaryd.model.decision import Observe
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Failed, Question
from canaryd.model.snapshot import Sample, Snapshot
from canaryd.ports import Clock, MetricsServers
from canaryd.runtime.agenda import by_hand
from canaryd.runtime.jumps import NONE, Jumps
from canaryd.runtime.questions import LEFT_OUT, aligned, asked_for, question, unanswered
from canaryd.runtime.reach import reach
from canaryd.runtime.store import Store

log = structlog.get_logger(__name__)

RETRY = timedelta(seconds=10)
"""How soon an unavailable metrics server is asked again, when the interval is longer."""
BROKEN = "the metrics server was not asked, by a fault of canaryd's own that its log tells"
TOGETHER = timedelta(milliseconds=500)
"""So long does an answer wait for the others of its instant.

No step is passed without all of them, so it costs nothing but that good news are seen later. A
value outside of its bounds waits for nobody.
"""
JUMP = timedelta(seconds=1)
"""A wall clock that lost so much against the other since the last look was set back."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One metric of one Canary, and the snapshot it was wanted for."""

    snap: Snapshot
    observe: Observe
    ticket: int

    @property
    def server(self) -> MetricsServer | None:
        """Whom to ask: the metric's own server, else the Canary's; None: the daemon's."""
        return self.observe.server or self.snap.spec.analysis.server

    def alarms(self, sample: Sample) -> bool:
        """Whether the answer is a value outside of its bounds."""
        if sample.value is None:
            return False
        metrics = self.snap.spec.analysis.metrics
        bounds = (each.bounds for each in metrics if each.name == sample.metric)
        return not all(each.admit(sample.value) for each in bounds)


@dataclass(slots=True)
class Batch:
    """What one Canary asked at one instant: the metrics still out, and the answers held back."""

    out: set[str] = field(default_factory=set[str])
    held: list[tuple[Wish, Sample]] = field(default_factory=list[tuple[Wish, Sample]])
    until: float | None = None
    """Until when they are, at most, on the clock that never jumps."""


_Asked: TypeAlias = dict[Key, tuple[Wish, Question]]
_Moment: TypeAlias = tuple[Key, datetime]


class Collector:
    """A heap of due questions; `tick` sends what is due, and is to be called when `wake` said."""

    def __init__(
        self,
        *,
        store: Store,
        servers: MetricsServers,
        clock: Clock,
        tasks: TaskGroup,
        wake: Callable[[datetime], None] = by_hand,
    ) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock
        self._tasks = tasks
        self._wake = wake
        self._wishes: defaultdict[Key, dict[str, Wish]] = defaultdict(dict)
        self._due: list[tuple[datetime, int, Key, str]] = []
        self._batches: dict[_Moment, Batch] = {}
        self._waiting: dict[_Moment, None] = {}
        """The batches that hold answers back, the longest first."""
        self._tickets = count()
        self._jumps = Jumps(clock, least=JUMP)
        # Since an earlier time of leading another may have led, and have been told worse.
        store.drop_samples()

    def want(self, snap: Snapshot, observe: tuple[Observe, ...]) -> None:
        """Keep asking for exactly these metrics of this Canary."""
        if not observe:
            self.forget(snap.key)
            return
        wishes = self._wishes[snap.key]
        for name in [name for name in wishes if name not in {wish.metric for wish in observe}]:
            del wishes[name]
        for wish in observe:
            known = wishes.get(wish.metric)
            if known is not None and known.observe == wish:
                wishes[wish.metric] = replace(known, snap=snap)
                continue
            fresh = wishes[wish.metric] = Wish(snap, wish, next(self._tickets))
            first = max(wish.first_at, self._clock.now())
            self._push(fresh, aligned(first, wish.interval))

    def forget(self, key: Key) -> None:
        """Ask for nothing more of this Canary."""
        self._wishes.pop(key, None)

    def tick(self) -> None:
        """Send all that is due; waits for nothing."""
        self._look_at_the_clock()
        now = self._clock.now()
        due = list(self._take(now))
        for at, wish in due:
            self._batches.setdefault((wish.snap.key, at), Batch()).out.add(wish.observe.metric)
        groups: defaultdict[tuple[MetricsServer | None, str], _Asked] = defaultdict(dict)
        for at, wish in due:
            key, asked = wish.snap.key, question(wish.snap, wish.observe, at)
            if isinstance(asked, Sample):
                self._put(wish, at, asked)
            else:
                group = asked.metric if asked.query is None else f"{key} {asked.metric}"
                groups[wish.server, group][key] = (wish, asked)
        for (server, _), questions in groups.items():
            self._tasks.create_task(self._ask(server, questions))
        self._hand_on(now)

    def _look_at_the_clock(self) -> None:
        """Where it was set back nothing would be due until it has caught up: all is pushed anew.

        Each is asked for within its interval; what is under way belongs to the time before.
        """
        if self._jumps.look() >= NONE:
            return
        for moment in tuple(self._waiting):
            self._deliver(moment, self._batches[moment])
        self._due.clear()
        now = self._clock.now()
        for wishes in self._wishes.values():
            for name, wish in wishes.items():
                fresh = wishes[name] = replace(wish, ticket=next(self._tickets))
                interval = wish.observe.interval
                first = min(max(wish.observe.first_at, now), now + interval)
                self._push(fresh, aligned(first, interval))

    def _take(self, now: datetime) -> Iterator[tuple[datetime, Wish]]:
        """Take out what is due and still wanted."""
        while self._due and self._due[0][0] <= now:
            at, ticket, key, name = heapq.heappop(self._due)
            wish = self._wishes.get(key, {}).get(name)
            if wish is not None and wish.ticket == ticket:
                yield at, wish

    async def _ask(self, server: MetricsServer | None, questions: _Asked) -> None:
        """Take in one answer per question, whatever happens: what escaped would end the daemon."""
        answers: Mapping[tuple[Key, str], Sample] = {}
        otherwise = LEFT_OUT
        try:
            metrics = await reach(self._servers, server)
            if isinstance(metrics, Failed):
                otherwise = metrics
            else:
                answers = await metrics.ask([asked for _, asked in questions.values()])
        except Exception as error:
            log.exception("asking failed", canaries=[str(key) for key in questions])
            otherwise = Failed(Answered.UNAVAILABLE, f"{BROKEN} ({type(error).__name__})")
        for key, (wish, asked) in questions.items():
            told = answers.get((key, asked.metric)) or unanswered(asked, otherwise)
            self._put(wish, asked.due, told)

    def _put(self, wish: Wish, due: datetime, sample: Sample) -> None:
        """Take in an answer; it is handed on with the others of its instant."""
        moment, now = (wish.snap.key, due), self._clock.now()
        batch = self._batches.setdefault(moment, Batch())
        batch.out.discard(sample.metric)
        if self._wanted(wish):
            batch.held.append((wish, sample))
            self._push(wish, self._again(wish, sample, now))
        if not batch.out or wish.alarms(sample):
            self._deliver(moment, batch)
        elif batch.until is None:
            batch.until = self._clock.monotonic() + TOGETHER.total_seconds()
            self._waiting[moment] = None
            self._wake(now + TOGETHER)

    def _wanted(self, wish: Wish) -> bool:
        """Whether this very question is wanted still: else the answer is of another step."""
        known = self._wishes.get(wish.snap.key, {}).get(wish.observe.metric)
        return known is not None and known.ticket == wish.ticket

    def _again(self, wish: Wish, sample: Sample, now: datetime) -> datetime:
        """When to ask the next time."""
        interval = wish.observe.interval
        if sample.answered in (Answered.UNAVAILABLE, Answered.REFUSED):
            return aligned(now + min(interval, RETRY), interval)
        again = sample.asked_at + interval
        return again + max(0, (now - again) // interval) * interval if again < now else again

    def _hand_on(self, now: datetime) -> None:
        """Hand on what has waited long enough, and say when to be called next."""
        while self._waiting:
            moment = next(iter(self._waiting))
            batch = self._batches[moment]
            left = (batch.until or 0.0) - self._clock.monotonic()
            if left > 0:
                self._wake(now + timedelta(seconds=left))
                break
            self._deliver(moment, batch)
        if self._due:
            self._wake(self._due[0][0])

    def _deliver(self, moment: _Moment, batch: Batch) -> None:
        """Put the answers of one instant into the store, but those of an earlier step."""
        held, batch.held, batch.until = batch.held, [], None
        self._waiting.pop(moment, None)
        if not batch.out:
            del self._batches[moment]
        answers = [
            (sample, asked_for(wish.snap.spec, sample.metric))
            for wish, sample in held
            if self._wanted(wish)
        ]
        if answers:
            self._store.put_samples(moment[0], answers)

    def _push(self, wish: Wish, at: datetime) -> None:
        heapq.heappush(self._due, (at, wish.ticket, wish.snap.key, wish.observe.metric))
        self._wake(at)
