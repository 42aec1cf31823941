"""Lets writes through to the API server: the most urgent first, so many at once and a second.

Falls that were refused before go after all other falls, and before the rest. A 429 stops everybody
for as long as it says, falls for a second at most, however many come; a fall's 429 stops falls
alone, and only those like it: it may be the trouble of one object, and of an overload others learn
by their own answers.
What may be overtaken is not sent when its Canary has news while it waits: what was decided is old.
It keeps its place, however often its Canary's fall is tried meanwhile.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from bisect import insort
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from operator import attrgetter, itemgetter
from typing import TypeVar

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
FALLS_STOP = timedelta(seconds=1)
"""Nothing stops falls for longer than this: one object's refusal must not keep others up."""
REMEMBERED = 10_000
"""Of so many Canaries, the newest, it is known what was overtaken, and whose fall was refused."""
TRAFFIC = (Urgency.FALL, Urgency.RISE)
"""These write weights."""

_T = TypeVar("_T")


@dataclass(slots=True)
class _Waiter:
    """One that waits, in the order of its number."""

    number: int
    turn: Future[bool]
    """True lets it in, False says that it was overtaken. No exception stands here: its traceback
    would keep all that the write was made of, for as long as others wait before it."""
    of: Key | None


@dataclass(slots=True, eq=False)
class _Lane:
    """Those that go one after the other, by their numbers."""

    urgency: Urgency
    waiters: deque[_Waiter] = field(default_factory=deque[_Waiter])
    closed_until: float = 0.0

    @property
    def falls(self) -> bool:
        """Whether these wait for no rate, and for no pause of more than a second."""
        return self.urgency is Urgency.FALL

    def head(self) -> _Waiter | None:
        """Who is next."""
        while self.waiters and self.waiters[0].turn.done():
            self.waiters.popleft()  # called off or overtaken while it waited
        return self.waiters[0] if self.waiters else None

    def close(self, now: float, pause: timedelta, *, sent: float) -> None:
        """Let nobody in during the pause, as far as it is not too long.

        `sent` is when the write began that was refused. One that falls have made a pause for since
        is no news for them: answers that trickle in would keep them up for much longer in all.
        """
        if self.falls and sent < self.closed_until:
            return
        stop = min(pause, FALLS_STOP if self.falls else LONGEST_STOP)
        self.closed_until = max(self.closed_until, now + stop.total_seconds())


class Turnstile:
    """One per API server; its clock is the running loop's."""

    def __init__(self, *, at_once: int = AT_ONCE, per_second: float = PER_SECOND) -> None:
        self._at_once = at_once
        self._spacing = 1.0 / per_second
        self._waiting = 0
        self._under_way = 0
        self._turns = 0
        self._orders = count()
        self._lanes = {urgency: _Lane(urgency) for urgency in Urgency}
        self._again = _Lane(Urgency.FALL)
        """The falls that were refused when they were last tried."""
        fall, *others = self._lanes.values()
        self._in_order = (fall, self._again, *others)
        self._refused: dict[Key, None] = {}
        """Whose falls these are, until the Canary's traffic moves."""
        self._of: dict[Key, _Waiter] = {}
        """What waits of each Canary and may be overtaken: one write at a time."""
        self._places: dict[Key, tuple[Urgency, int]] = {}
        """The numbers of those that were overtaken, until the Canary's next write; see `_place`."""
        self._paid_until = 0.0
        """When the writes so far would have begun at the even rate."""
        self._alarm: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, urgency: Urgency, of: Key | None = None) -> AsyncIterator[None]:
        """Wait for a turn, and hold it during the block.

        Raises OvertakenError when it still waits as `overtake` is called with the key `of`, and of
        a fall that was refused a ThrottledError that asks for a second at most.
        """
        lane = self._lane(urgency, of)
        await self._enter(lane, of)
        sent = asyncio.get_running_loop().time()
        try:
            yield
        except ThrottledError as error:
            self._close(lane, error.retry_after, sent=sent)
            if not lane.falls:
                raise
            self._remember(self._refused, of, None)
            pause = min(error.retry_after, FALLS_STOP)
            raise ThrottledError(str(error), retry_after=pause) from error
        else:
            if of is not None and urgency in TRAFFIC:
                self._refused.pop(of, None)
        finally:
            self._leave()

    def waiting(self) -> int:
        """How many wait; may be asked in any thread."""
        return self._waiting

    def overtake(self, key: Key) -> None:
        """There is news of this Canary: what waits of it is old."""
        waiter = self._of.pop(key, None)
        if waiter is not None and not waiter.turn.done():
            waiter.turn.set_result(False)

    def _lane(self, urgency: Urgency, of: Key | None) -> _Lane:
        again = urgency is Urgency.FALL and of in self._refused
        return self._again if again else self._lanes[urgency]

    async def _enter(self, lane: _Lane, of: Key | None) -> None:
        turn: Future[bool] = asyncio.get_running_loop().create_future()
        waiter = self._queue_up(lane, turn, of)
        self._waiting += 1
        self._let_in()
        try:
            let_in = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._leave()  # it was let in and called off in the same moment
            raise
        finally:
            self._waiting -= 1
            if of is not None and self._of.get(of) is waiter:
                del self._of[of]
        if not let_in:
            self._remember(self._places, of, (lane.urgency, waiter.number))
            message = f"news of {of} came before its write was sent"
            raise OvertakenError(message)

    @staticmethod
    def _remember(kept: dict[Key, _T], of: Key | None, what: _T) -> None:
        if of is None:
            return
        kept.pop(of, None)
        while len(kept) >= REMEMBERED:
            del kept[next(iter(kept))]
        kept[of] = what

    def _queue_up(self, lane: _Lane, turn: Future[bool], of: Key | None) -> _Waiter:
        number = self._place(lane, of) if of is not None else None
        if number is not None:
            waiter = _Waiter(number, turn, of)
            insort(lane.waiters, waiter, key=attrgetter("number"))
        else:
            waiter = _Waiter(next(self._orders), turn, of)
            lane.waiters.append(waiter)
        if of is not None and not lane.falls:
            self._of[of] = waiter
        return waiter

    def _place(self, lane: _Lane, of: Key) -> int | None:
        """The number that the Canary's last write had when it was overtaken, if it was alike."""
        urgency, number = self._places.get(of, (lane.urgency, None))
        if lane.falls and urgency is Urgency.STATE:
            return None  # its status waits on while its fall is tried: people are to see why
        self._places.pop(of, None)
        return number if urgency is lane.urgency else None

    def _leave(self) -> None:
        self._under_way -= 1
        self._let_in()

    def _close(self, lane: _Lane, pause: timedelta, *, sent: float) -> None:
        """Stop all whom the refusal of one in this lane concerns."""
        if lane is self._again:
            stopped: tuple[_Lane, ...] = (lane,)
        elif lane.falls:
            stopped = (lane, self._again)
        else:
            stopped = self._in_order
        now = asyncio.get_running_loop().time()
        for each in stopped:
            each.close(now, pause, sent=sent)

    def _let_in(self) -> None:
        now = asyncio.get_running_loop().time()
        while (lane := self._next(now)) is not None:
            lane.waiters.popleft().turn.set_result(True)
            self._under_way += 1
            self._turns += 1
            self._paid_until = max(self._paid_until, now) + self._spacing

    def _next(self, now: float) -> _Lane | None:
        """The lane whose head goes in now; if none, whoever leaves or the alarm asks again."""
        heads = [(head.number, lane) for lane in self._in_order if (head := self._ready(lane, now))]
        if not heads:
            return None
        if not heads[0][1].falls and self._turns % EACH == EACH - 1:
            return min(heads, key=itemgetter(0))[1]
        return heads[0][1]

    def _ready(self, lane: _Lane, now: float) -> _Waiter | None:
        """Who may go in now; if time alone is in its way, the alarm is set."""
        head = lane.head()
        most = self._at_once + (SPARE if lane.falls else 0)
        if head is None or self._under_way >= most:
            return None
        opens = lane.closed_until
        if not lane.falls:
            opens = max(opens, self._paid_until - BURST)
        if opens <= now:
            return head
        self._wake_at(opens)
        return None

    def _wake_at(self, at: float) -> None:
        if self._alarm is not None:
            if self._alarm.when() <= at and not self._alarm.cancelled():
                return
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._let_in()
