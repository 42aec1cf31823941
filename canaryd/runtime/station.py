"""One metrics server and the Canaries that it counts for: what it is asked, and when.

At most one question about the time or about tiles is under way, and one about the past.
"""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count as counter
from math import inf

import structlog

from canaryd.model.decision import Count
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Failed, ServerTime, TileQuestion
from canaryd.model.tile import USUAL_SCRAPE, Tile
from canaryd.ports import Clock, MetricsServers
from canaryd.runtime.agenda import Agenda, by_hand
from canaryd.runtime.attendance import Attendance
from canaryd.runtime.jumps import Jumps
from canaryd.runtime.line import RETRY, Kind, Line, background_of, course, regular
from canaryd.runtime.past import Past
from canaryd.runtime.questions import LEFT_OUT, aligned
from canaryd.runtime.reach import reach
from canaryd.runtime.seam import Seam
from canaryd.runtime.store import Store

log = structlog.get_logger()

TIME = timedelta(minutes=1)
"""How often a server is asked for its time."""
SCRAPES = timedelta(minutes=5)
"""How often the scrape interval of one Canary's workloads is measured anew."""
STEADY = timedelta(milliseconds=250)
"""A server's clock that moved by less has not moved."""
MOST_TILES = 720
"""So many tiles may wait for a decision."""
FAR_OFF = datetime.max.replace(tzinfo=UTC)


class Station:
    """Asks one server for all its Canaries."""

    def __init__(
        self,
        server: MetricsServer | None,
        *,
        store: Store,
        servers: MetricsServers,
        clock: Clock,
        wake: Callable[[datetime], None] = by_hand,
    ) -> None:
        self._server = server
        self._store = store
        self._servers = servers
        self._clock = clock
        self._lines: dict[Key, Line] = {}
        self._skew: timedelta | None = None
        self._jumps = Jumps(clock, least=STEADY)
        self._usual = USUAL_SCRAPE
        self._time_at = -inf
        self._tiles = Agenda()
        self._scrapes = Agenda()
        self._wake = wake
        self._past = Past(server, store=store, servers=servers, clock=clock, wake=wake)
        self._tickets = counter(1)
        self._busy = False

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, key: Key, uid: str, count: Count) -> None:
        """Ask for exactly this of this Canary."""
        line = self._lines.get(key)
        if line is None or line.uid != uid:
            self.drop(key)
            line = self._lines[key] = Line(key, uid, count, usual=self._usual)
            self._scrapes.set(key, self._clock.now())
            if self._skew is not None:
                self._store.put_known(key, self._skew, None)
            self._begin(line)
        else:
            before, line.count = line.count, count
            if course(before) == course(count) and self._continues(line):
                self._schedule(line)
            else:
                self._begin(line)
        if background_of(count) != line.studied:
            self._past.put(line)
        line.show(self._store)
        self._wake_when_due()

    def drop(self, key: Key) -> None:
        """Ask for nothing more of this Canary, and forget what was counted."""
        self._lines.pop(key, None)
        for agenda in (self._tiles, self._scrapes):
            agenda.set(key, None)
        self._past.drop(key)
        self._store.drop_counting(key)

    def start(self, tasks: TaskGroup) -> None:
        """Ask what is due, unless the server has not answered yet; waits for nothing."""
        self._follow_the_clock()
        if not self._busy and (self._time_is_due() or self._due(self._clock.now())):
            self._busy = True
            tasks.create_task(self._run())
        if self._skew is not None:
            self._past.start(tasks, self._skew)
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        """Have `start` called when there is something to ask; its end does so for what is busy."""
        if self._busy or not self._lines:
            return
        now = self._clock.now()
        times = [now + timedelta(seconds=max(0.0, self._time_at - self._clock.monotonic()))]
        if self._skew is not None:
            firsts = (self._tiles.first(), self._scrapes.first())
            times += [first for first in firsts if first is not None]
        self._wake(min(times))

    def _time_is_due(self) -> bool:
        # On the clock that never jumps: a jump of the other one is what has to be noticed.
        return self._clock.monotonic() >= self._time_at

    def _due(self, now: datetime) -> bool:
        return self._skew is not None and (self._tiles.due(now) or self._scrapes.due(now))

    async def _run(self) -> None:
        try:
            while self._lines and await self._turn():
                pass
        except Exception:
            log.exception("counting failed")
            self._time_at = self._clock.monotonic() + RETRY.total_seconds()
            for line in self._lines.values():
                self._postpone(line)
        finally:
            self._busy = False
            self._wake_when_due()
            self._past.wake_when_due()

    def _postpone(self, line: Line) -> None:
        """Ask for the same tile again, a little later."""
        line.asked = False
        every = line.count.every
        line.retry_at = aligned(self._clock.now() + min(RETRY, every), every)
        self._schedule(line)

    async def _turn(self) -> bool:
        """Ask one thing; tell whether anything was due."""
        self._follow_the_clock()
        now = self._clock.now()
        if self._time_is_due():
            eldest = self._scrapes.take(FAR_OFF)
            await self._learn(self._lines[eldest] if eldest else next(iter(self._lines.values())))
            return True
        if self._skew is None:
            return False
        if batch := self._batch(now):
            await self._ask(batch)
            return True
        if (key := self._scrapes.take(now)) is not None:
            await self._learn(self._lines[key])
            return True
        return False

    # the time

    def _follow_the_clock(self) -> None:
        """Where ours was set the server's was not, which is asked for its time all the same."""
        if not (by := self._jumps.look()):
            return
        self._scrapes.shift(by)
        self._past.shift(by)
        if self._skew is not None:
            self._skew -= by
            self._time_at = self._clock.monotonic()
            self._agree(tuple(self._lines.values()))

    def _agree(self, lines: Iterable[Line]) -> None:
        """Have the tiles of these be asked for, and judged, by the time that is known now."""
        for line in lines:
            if self._skew is not None:
                self._store.put_known(line.key, self._skew, line.scrape)
            line.retry_at = None
            self._schedule(line)

    async def _learn(self, line: Line) -> None:
        """Ask what time it is there, and how often this Canary's workloads are scraped."""
        jumps, metrics = self._jumps.seen, await reach(self._servers, self._server)
        sample = line.question(self._clock.now() + (self._skew or timedelta()))
        told = metrics if isinstance(metrics, Failed) else await metrics.time(sample)
        self._follow_the_clock()
        if jumps != self._jumps.seen:  # what was told is of two times
            await self._learn(line)
            return
        now = self._clock.now()
        wanted = self._lines.get(line.key) is line
        if isinstance(told, Failed):
            self._time_at = self._clock.monotonic() + RETRY.total_seconds()
            if wanted:
                self._scrapes.set(line.key, now + TIME)
            for each in self._lines.values():
                each.tell(Kind.TIME, told, now=now, store=self._store)
            return
        self._time_at = self._clock.monotonic() + TIME.total_seconds()
        if wanted:
            line.scrape = regular(told.scrape) or line.scrape
            self._usual = line.scrape or self._usual
            self._scrapes.set(line.key, now + (TIME if told.scrape is None else SCRAPES))
        moved = self._skew is None or abs(told.skew - self._skew) >= STEADY
        self._skew = told.skew if moved else self._skew
        for each in self._lines.values():
            each.tell(Kind.TIME, None, now=now, store=self._store)
            each.usual = self._usual
        self._agree(each for each in self._lines.values() if moved or each is line)

    # tiles

    def _begin(self, line: Line) -> None:
        """Begin anew at `since`: what was counted, or is under way, answers another question."""
        line.ticket = next(self._tickets)
        line.asked, line.retry_at, line.unusable = False, None, 0
        line.following, line.seam, line.attendance = line.count.since, Seam(), Attendance()
        self._store.keep_tiles(line.key, None)
        if line.count.since is None:
            line.silences.pop(Kind.TILES, None)
        self._schedule(line)

    def _continues(self, line: Line) -> bool:
        """Forget what decisions have taken in; tell whether the rest begins where they end."""
        held = self._store.keep_tiles(line.key, line.count.since)
        return (held[0].start if held else line.following) == line.count.since

    def _schedule(self, line: Line) -> None:
        """Set when the next tile is asked for, on our clock."""
        full = len(self._store.counting(line.key).tiles) >= MOST_TILES
        if line.asked or line.following is None or self._skew is None or full:
            self._tiles.set(line.key, None)
            return
        at = line.complete_at(line.following) - self._skew
        self._tiles.set(line.key, max(at, line.retry_at or at))

    def _batch(self, now: datetime) -> list[tuple[Line, int, TileQuestion]]:
        """Take the oldest tile of every Canary that has one due."""
        batch: list[tuple[Line, int, TileQuestion]] = []
        while (key := self._tiles.take(now)) is not None:
            line = self._lines[key]
            if line.following is not None:
                line.asked = True
                question = line.question(line.following + line.count.every)
                batch.append((line, line.ticket, question))
        return batch

    async def _ask(self, batch: list[tuple[Line, int, TileQuestion]]) -> None:
        metrics = await reach(self._servers, self._server)
        answers: Mapping[Key, Tile | Failed]
        if isinstance(metrics, Failed):
            answers = {question.key: metrics for _, _, question in batch}
        else:
            scrape = max(line.pace for line, _, _ in batch)
            time = ServerTime(self._skew or timedelta(), scrape)
            questions = [question for _, _, question in batch]
            answers = await metrics.tiles(questions, time=time)
        for line, ticket, question in batch:
            if self._lines.get(line.key) is line and line.ticket == ticket:
                self._arrived(line, question, answers.get(line.key, LEFT_OUT))

    def _arrived(self, line: Line, question: TileQuestion, answer: Tile | Failed) -> None:
        now = self._clock.now()
        if isinstance(answer, Failed):
            line.tell(Kind.TILES, answer, now=now, store=self._store)
            if line.asks_again(answer):
                self._postpone(line)
                return
            start = question.end - question.window
            answer = Tile(start, question.end, line.pace, reservation=answer.detail)
        elif line.seam.parts(answer):
            line.asked, line.retry_at = False, None
            self._schedule(line)
            return
        else:
            line.unusable = 0
            for kind in (Kind.TIME, Kind.TILES):
                line.tell(kind, None, now=now, store=self._store)
        line.asked, line.retry_at, line.following = False, None, question.end
        tile = replace(line.seam.join(answer), scrape=line.pace, reporter=question.reporter)
        line.attendance.note(tile)
        waiting = len(self._store.counting(line.key).tiles)
        heard = self._skew is None or line.heard(question.end, waiting, now + self._skew)
        self._store.put_tile(line.key, tile, heard=heard)
        self._schedule(line)
