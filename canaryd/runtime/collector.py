"""Asks for what decisions want observed, grouped over all Canaries; answers go into the store.

It never decides: a missing answer is a sample too.
"""

from __future__ import annotations

import heapq
from asyncio import TaskGroup
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeAlias

from canaryd.model.answered import Answered
from canaryd.model.decision import Observe
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Failed, Question
from canaryd.model.snapshot import Sample, Snapshot
from canaryd.ports import Clock, MetricsServers
from canaryd.runtime.questions import aligned, question, unanswered
from canaryd.runtime.reach import reach
from canaryd.runtime.store import Store

_Asked: TypeAlias = dict[Key, tuple[int, Question]]
RETRY = timedelta(seconds=10)
"""How soon an unavailable metrics server is asked again, when the interval is longer."""


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


class Collector:
    """A heap of due questions; `tick` sends what is due."""

    def __init__(
        self, *, store: Store, servers: MetricsServers, clock: Clock, tasks: TaskGroup
    ) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock
        self._tasks = tasks
        self._wishes: defaultdict[Key, dict[str, Wish]] = defaultdict(dict)
        self._due: list[tuple[datetime, int, Key, str]] = []
        self._tickets = count()

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
            wishes[wish.metric] = Wish(snap, wish, next(self._tickets))
            first = max(wish.first_at, self._clock.now())
            self._push(snap.key, wish.metric, aligned(first, wish.interval))

    def forget(self, key: Key) -> None:
        """Ask for nothing more of this Canary."""
        self._wishes.pop(key, None)

    async def tick(self) -> None:
        """Send all that is due; waits for nothing."""
        now = self._clock.now()
        groups: defaultdict[tuple[MetricsServer | None, str], _Asked] = defaultdict(dict)
        while self._due and self._due[0][0] <= now:
            due, ticket, key, name = heapq.heappop(self._due)
            wish = self._wishes.get(key, {}).get(name)
            if wish is None or wish.ticket != ticket:
                continue
            asked = question(wish.snap, wish.observe, due)
            if isinstance(asked, Sample):
                self._put(key, ticket, asked)
            else:
                group = asked.metric if asked.query is None else f"{key} {name}"
                groups[wish.server, group][key] = (ticket, asked)
        for (server, _), questions in groups.items():
            self._tasks.create_task(self._ask(server, questions))

    async def _ask(self, server: MetricsServer | None, questions: _Asked) -> None:
        metrics = await reach(self._servers, server)
        if isinstance(metrics, Failed):
            for key, (ticket, asked) in questions.items():
                self._put(key, ticket, unanswered(asked, metrics))
            return
        answers = await metrics.ask([asked for _, asked in questions.values()])
        for (key, _), sample in answers.items():
            self._put(key, questions[key][0], sample)

    def _put(self, key: Key, ticket: int, sample: Sample) -> None:
        wish = self._wishes.get(key, {}).get(sample.metric)
        if wish is None or wish.ticket != ticket:
            return  # wanted no longer, or anew: the answer is of another step
        interval, now = wish.observe.interval, self._clock.now()
        if sample.answered in (Answered.UNAVAILABLE, Answered.REFUSED):
            again = aligned(now + min(interval, RETRY), interval)
        else:
            again = sample.asked_at + interval
            again += max(0, (now - again) // interval) * interval if again < now else timedelta()
        self._push(key, sample.metric, again)
        self._store.put_sample(key, sample)

    def _push(self, key: Key, metric: str, at: datetime) -> None:
        heapq.heappush(self._due, (at, self._wishes[key][metric].ticket, key, metric))
