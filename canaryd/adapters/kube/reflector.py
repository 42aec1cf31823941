"""Keeps the store's picture of one kind true: lists it, then watches it, for ever.

Continues from the last good resourceVersion after a cut and lists anew when that is not to be had.
Never raises, never loops without a pause, never reads what the objects say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom

import structlog

from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.errors import ExpiredError
from canaryd.adapters.kube.events import (
    Bookmark,
    Changed,
    Decoder,
    Event,
    Gone,
    SilentWatchError,
    lines,
)
from canaryd.adapters.kube.kinds import Catalogue
from canaryd.model.errors import (
    CanarydError,
    NotFoundError,
    TerminalError,
    ThrottledError,
)
from canaryd.ports import Sink

log = structlog.get_logger(__name__)

_RANDOM = SystemRandom()
_SPOILED = 3
"""After so many spoiled watches in a row the last good version is not trusted any more."""
_TOLD = 3
"""After so many failures in a row the watch counts as failed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a watch is kept; tests on real parts shorten it."""

    page: int = 500
    silence: timedelta = timedelta(seconds=90)
    """Bookmarks come each minute; a watch without a line for so long is dead."""
    shortest: timedelta = timedelta(seconds=240)
    longest: timedelta = timedelta(seconds=480)
    """A watch lasts a random time between these, so that not all end together."""
    settled: timedelta = timedelta(seconds=5)
    """A watch that ended earlier is followed by a pause, whatever ended it."""
    first_pause: timedelta = timedelta(seconds=0.2)
    last_pause: timedelta = timedelta(seconds=30)
    line: int = 16 << 20


class Reflector:
    """One kind's list and watch, into the store."""

    def __init__(
        self, api: Api, catalogue: Catalogue, kind: str, sink: Sink, *, pace: Pace | None = None
    ) -> None:
        self._api = api
        self._catalogue = catalogue
        self._kind = kind
        self._sink = sink
        self._pace = pace or Pace()
        self._decoder = Decoder(kind)
        self._version: str | None = None
        self._failures = 0
        """In a row, until a line of a watch was understood: how long to pause."""
        self._spoiled = 0
        """As above, but only of watches that had been opened: whether to list anew."""
        self._open = False
        self._told: str | None = None

    async def run(self) -> None:
        """Reflect until cancelled."""
        while True:
            pause = await self._turn()
            await asyncio.sleep(pause)

    async def _turn(self) -> float:
        """List if needed and watch; return how many seconds to pause before the next turn."""
        self._open = False
        try:
            if self._version is None:
                await self._list()
            if await self._watch():
                self._failures = self._spoiled = 0
                return 0.0
            self._note_failure(f"the watch of {self._kind} ends too early or says nothing")
        except SilentWatchError as error:
            # Dead, or nothing to say: only a new list tells, and it makes good what was missed.
            log.debug("watch silent, listing anew", kind=self._kind, error=str(error))
            self._version = None
            return 0.0
        except CanarydError as error:
            return await self._recover(error)
        except Exception:
            log.exception("reflector failed", kind=self._kind)
            self._version = None
            self._note_failure(f"the watch of {self._kind} failed inside canaryd")
        return self._backoff()

    async def _recover(self, error: CanarydError) -> float:
        """Set what the next turn begins with; return how many seconds to pause before it."""
        self._note_failure(str(error), at_once=isinstance(error, TerminalError))
        match error:
            case ExpiredError():
                self._version = None
            case NotFoundError():
                await self._discover()
            case ThrottledError(retry_after=pause):
                return pause.total_seconds() + self._backoff()
            case _:
                pass
        return self._backoff()

    async def _list(self) -> None:
        call = self._catalogue[self._kind].everywhere("list")
        query = {"limit": str(self._pace.page)}
        page = self._decoder.page(call, await self._api.send(call, query=query))
        objects = page.objects
        while page.token:
            following = query | {"continue": page.token}
            page = self._decoder.page(call, await self._api.send(call, query=following))
            objects += page.objects
        self._sink.replace(self._kind, objects)
        self._sink.heard(self._kind)
        self._version = page.version
        log.info("listed", kind=self._kind, objects=len(objects), version=page.version)

    async def _watch(self) -> bool:
        """Follow one watch to its end; tell whether it was a sound one.

        That is one that said something and did not end at once.
        """
        pace = self._pace
        shortest, longest = pace.shortest.total_seconds(), pace.longest.total_seconds()
        lasts = _RANDOM.uniform(shortest, longest)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version or "",
            "timeoutSeconds": str(max(1, round(lasts))),
        }
        loop = asyncio.get_running_loop()
        begun = loop.time()
        call = self._catalogue[self._kind].everywhere("watch")
        overdue = timedelta(seconds=lasts) + pace.silence
        async with self._api.stream(call, query=query, ends_after=overdue) as stream:
            self._open = True
            if not self._spoiled:
                self._tell(None)
            silence = pace.silence.total_seconds()
            said = False
            async for line in lines(call, stream, longest=pace.line, silence=silence):
                self._take(self._decoder.event(call, line))
                said = True
        return said and loop.time() - begun >= pace.settled.total_seconds()

    def _take(self, event: Event) -> None:
        match event:
            case Changed(obj):
                self._sink.apply(self._kind, obj)
            case Gone(namespace, name, version, unclear):
                at = version if unclear else None
                self._sink.remove(self._kind, namespace, name, unclear=at)
            case Bookmark():
                pass
        self._sink.heard(self._kind)
        self._version = event.version or self._version
        self._failures = self._spoiled = 0
        self._tell(None)

    def _note_failure(self, message: str, *, at_once: bool = False) -> None:
        self._failures += 1
        if self._open:
            self._spoiled += 1
            if self._spoiled % _SPOILED == 0:
                self._version = None
        if at_once or self._failures >= _TOLD:
            self._tell(message)
        else:
            log.info("watch failed", kind=self._kind, error=message, failures=self._failures)

    def _tell(self, message: str | None) -> None:
        if message == self._told:
            return
        self._told = message
        self._sink.failed(self._kind, message)
        if message is None:
            log.info("watch is kept again", kind=self._kind)
        else:
            log.warning("watch cannot be kept", kind=self._kind, error=message)

    def _backoff(self) -> float:
        doublings = min(max(self._failures, 1) - 1, 20)
        pause = min(self._pace.first_pause * (1 << doublings), self._pace.last_pause)
        return pause.total_seconds() * _RANDOM.uniform(0.5, 1.0)

    async def _discover(self) -> None:
        """The kind is not there: perhaps it is in another version since canaryd started."""
        try:
            await self._catalogue.discover(self._api)
        except CanarydError as error:
            log.info("discovery failed", kind=self._kind, error=str(error))
