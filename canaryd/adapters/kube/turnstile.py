"""Lets writes through to the API server: the most urgent first, so many at once and a second.

A 429 stops everybody for as long as it says, falls for a second at most, also one that was refused
itself. What may be overtaken is not sent when its Canary has news while it waits: what was decided
is old. It keeps its place.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from bisect import insort
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from operator import attrgetter

from canaryd.model.errors import OvertakenError, ThrottledError
from canaryd.model.names import Key
from canaryd.model.urgency import Urgency

AT_ONCE = 32
"""So many writes are under way at a time."""
SPARE = 8
"""So many falls more than that: they never wait for answers to anything else."""
PER_SECOND = 400.0
"""So many writes begin in a second, in the long run."""
BURST = 1.0
"""Seconds' worth of writes that may begin at once after a pause."""
EACH = 8
"""Every so many turns go to who has waited longest, so that nobody waits for ever."""
LONGEST_STOP = timedelta(seconds=30)
"""No answer stops all writes for longer than this."""
PLACES = 10_000
"""So many places of overtaken writes are kept, the newest."""
FALLS_STOP = timedelta(seconds=1)
"""No answer stops falls for longer than this: one object's refusal must not keep others up."""


@dataclass(slots=True)
class _Waiter:
    """One that waits, in the order of its number."""

    number: int
    turn: Future[None]
    of: Key | None


class Turnstile:
    """One per API server; its clock is the running loop's."""

    def __init__(self, *, at_once: int = AT_ONCE, per_second: float = PER_SECOND) -> None:
        self._at_once = at_once
        self._spacing = 1.0 / per_second
        self._waiting = 0
        self._under_way = 0
        self._turns = 0
        self._orders = count()
        self._lanes: dict[Urgency, deque[_Waiter]] = {urgency: deque() for urgency in Urgency}
        self._of: dict[Key, _Waiter] = {}
        """What waits of each Canary and may be overtaken: one write at a time."""
        self._places: dict[Key, tuple[Urgency, int]] = {}
        """The numbers of those that were overtaken, until the Canary's next write."""
        self._paid_until = 0.0
        """When the writes so far would have begun at the even rate."""
        self._closed_until = 0.0
        self._falls_closed_until = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, urgency: Urgency, of: Key | None = None) -> AsyncIterator[None]:
        """Wait for a turn, and hold it during the block.

        Raises OvertakenError when it still waits as `overtake` is called with the key `of`, and of
        a fall that was refused a ThrottledError that asks for a second at most.
        """
        await self._enter(urgency, of)
        early = self._closed_until > asyncio.get_running_loop().time()
        try:
            yield
        except ThrottledError as error:
            self._close(error.retry_after, early=early)
            if urgency is Urgency.FALL and error.retry_after > FALLS_STOP:
                raise ThrottledError(str(error), retry_after=FALLS_STOP) from error
            raise
        finally:
            self._leave()

    def waiting(self) -> int:
        """How many wait; may be asked in any thread."""
        return self._waiting

    def overtake(self, key: Key) -> None:
        """There is news of this Canary: what waits of it is old."""
        waiter = self._of.pop(key, None)
        if waiter is not None and not waiter.turn.done():
            message = f"news of {key} came before its write was sent"
            waiter.turn.set_exception(OvertakenError(message))

    async def _enter(self, urgency: Urgency, of: Key | None) -> None:
        turn: Future[None] = asyncio.get_running_loop().create_future()
        waiter = self._queue_up(urgency, turn, of)
        self._waiting += 1
        self._let_in()
        try:
            await turn
        except OvertakenError:
            if of is not None:
                self._keep_place(of, urgency, waiter.number)
            raise
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave()  # it was let in and called off in the same moment
            raise
        finally:
            self._waiting -= 1
            if of is not None and self._of.get(of) is waiter:
                del self._of[of]

    def _keep_place(self, of: Key, urgency: Urgency, number: int) -> None:
        while len(self._places) >= PLACES:
            del self._places[next(iter(self._places))]
        self._places[of] = (urgency, number)

    def _queue_up(self, urgency: Urgency, turn: Future[None], of: Key | None) -> _Waiter:
        lane = self._lanes[urgency]
        kept = self._places.pop(of, None) if of is not None else None
        if kept is not None and kept[0] is urgency:
            waiter = _Waiter(kept[1], turn, of)
            insort(lane, waiter, key=attrgetter("number"))
        else:
            waiter = _Waiter(next(self._orders), turn, of)
            lane.append(waiter)
        if of is not None and urgency is not Urgency.FALL:
            self._of[of] = waiter
        return waiter

    def _leave(self) -> None:
        self._under_way -= 1
        self._let_in()

    def _close(self, pause: timedelta, *, early: bool) -> None:
        """Stop for this long; only falls when it was asked while all others were stopped."""
        now = asyncio.get_running_loop().time()
        if not early:  # else a fall that is refused each second would stop them for ever
            until = now + min(pause, LONGEST_STOP).total_seconds()
            self._closed_until = max(self._closed_until, until)
        self._falls_closed_until = now + min(pause, FALLS_STOP).total_seconds()

    def _let_in(self) -> None:
        now = asyncio.get_running_loop().time()
        while (urgency := self._next(now)) is not None:
            opens = self._opens(urgency)
            if opens is None:
                return  # whoever leaves lets the next one in
            if opens > now:
                self._wake_at(opens)
                return
            self._lanes[urgency].popleft().turn.set_result(None)
            self._under_way += 1
            self._turns += 1
            self._paid_until = max(self._paid_until, now) + self._spacing

    def _opens(self, urgency: Urgency) -> float | None:
        """When the head of this lane may go in; None: when somebody has left."""
        most = self._at_once + (SPARE if urgency is Urgency.FALL else 0)
        if self._under_way >= most:
            return None
        if urgency is Urgency.FALL:
            return 0.0  # `_next` names none while they are stopped
        return max(self._closed_until, self._paid_until - BURST)

    def _next(self, now: float) -> Urgency | None:
        heads: dict[Urgency, int] = {}
        for urgency, lane in self._lanes.items():
            while lane and lane[0].turn.done():
                lane.popleft()  # called off or overtaken while it waited
            if lane:
                heads[urgency] = lane[0].number
        if Urgency.FALL in heads and self._falls_closed_until > now:
            del heads[Urgency.FALL]  # their pause may be the longer one: others do not wait for it
            self._wake_at(self._falls_closed_until)
        if not heads:
            return None
        if Urgency.FALL not in heads and self._turns % EACH == EACH - 1:
            return min(heads, key=lambda urgency: heads[urgency])
        return min(heads)

    def _wake_at(self, at: float) -> None:
        if self._alarm is not None:
            if self._alarm.when() <= at and not self._alarm.cancelled():
                return
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._let_in()
