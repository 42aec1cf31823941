"""Follows one object by a watch until its reader has seen enough; trouble on the way ends nothing.

Each connection begins with a GET, so that what happened in between is not lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, assert_never, cast

from canaryd.adapters.kube.errors import ExpiredError
from canaryd.adapters.kube.events import Bookmark, Changed, Decoder, Gone, lines
from canaryd.cli.cluster import Cluster
from canaryd.model.errors import CanarydError, NotFoundError, RefusedError, ThrottledError

Result = TypeVar("Result")

SILENCE = timedelta(seconds=90)
"""Bookmarks come each minute; a watch without a line for so long is dead."""
LASTS = timedelta(minutes=10)
FIRST_PAUSE = timedelta(seconds=0.2)
LAST_PAUSE = timedelta(seconds=5)
LONGEST_LINE = 4 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """The object as it is now."""

    obj: Any


@dataclass(frozen=True, slots=True)
class Missing:
    """The object is not there any more."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The API server cannot be asked for now; it is tried again."""

    message: str


@dataclass(frozen=True, slots=True)
class Back:
    """The API server answers again."""


Update = Seen | Missing | Lost | Back
Reader = Callable[[Update], Result | None]
"""Told of every update; what it returns, unless None, is what following returns."""


class _Enough(Exception):  # noqa: N818 - no error: the way out of a stream
    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


async def follow(cluster: Cluster, kind: str, name: str, reader: Reader[Result]) -> Result:
    """Follow the object until the reader returns something; cancelling is the other way to end.

    So is an OSError of the reader, which is raised.
    """
    follower = _Follower(cluster, kind, name, reader)
    try:
        while True:
            await follower.turn()
    except _Enough as enough:
        if isinstance(enough.result, OSError):
            raise enough.result from None
        return cast("Result", enough.result)


class _Follower:
    def __init__(self, cluster: Cluster, kind: str, name: str, reader: Reader[Any]) -> None:
        self._cluster = cluster
        self._resource = cluster.catalogue[kind]
        self._name = name
        self._reader = reader
        self._decoder = Decoder(kind)
        self._failures = 0
        self._version = ""

    async def turn(self) -> None:
        """Read the object, watch it to the watch's end; after trouble, pause."""
        try:
            await self._get()
            while True:
                await self._watch()
        except ExpiredError:
            await asyncio.sleep(FIRST_PAUSE.total_seconds())  # and read anew
        except RefusedError:
            raise  # asking the same again cannot help
        except CanarydError as error:
            await self._pause(error)

    async def _get(self) -> None:
        call = self._resource.one("get", self._cluster.namespace, self._name)
        try:
            obj = self._decoder.one(call, await self._cluster.api.send(call))
        except NotFoundError:
            self._tell(Missing())
            raise
        self._version = obj.metadata.resource_version
        self._tell(Seen(obj))

    async def _watch(self) -> None:
        call = self._resource.within("watch", self._cluster.namespace)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "fieldSelector": f"metadata.name={self._name}",
            "resourceVersion": self._version,
            "timeoutSeconds": str(round(LASTS.total_seconds())),
        }
        silence = SILENCE.total_seconds()
        begun = asyncio.get_running_loop().time()
        async with self._cluster.api.stream(
            call, query=query, ends_after=LASTS + SILENCE
        ) as stream:
            self._reached()
            async for line in lines(call, stream, longest=LONGEST_LINE, silence=silence):
                event = self._decoder.event(call, line)
                self._version = event.version or self._version
                match event:
                    case Changed(obj):
                        self._tell(Seen(obj))
                    case Gone():
                        self._tell(Missing())
                    case Bookmark():
                        pass
                    case _:
                        assert_never(event)
        if asyncio.get_running_loop().time() - begun < FIRST_PAUSE.total_seconds():
            await asyncio.sleep(FIRST_PAUSE.total_seconds())  # a server that ends watches at once

    def _tell(self, update: Update) -> None:
        try:
            result = self._reader(update)
        except OSError as error:  # what it prints is not read: no trouble of the API server's
            raise _Enough(error) from error
        if result is not None:
            raise _Enough(result)

    def _reached(self) -> None:
        if self._failures:
            self._failures = 0
            self._tell(Back())

    async def _pause(self, error: CanarydError) -> None:
        if not self._failures:
            self._tell(Lost(str(error)))
        doublings = min(self._failures, 10)
        self._failures += 1
        pause = min(FIRST_PAUSE * (1 << doublings), LAST_PAUSE)
        if isinstance(error, ThrottledError):
            pause = max(pause, error.retry_after)
        await asyncio.sleep(pause.total_seconds())
