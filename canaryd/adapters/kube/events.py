"""Cuts a watch's bytes into lines and decodes lists and events into the wire structs; asks nothing.

A message that is no JSON, cut or of no known type is an UnreachableError. An object that is whole
but does not fit its struct is skipped: one odd object must not blind canaryd for all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import Any

import aiohttp
import msgspec
import structlog
from msgspec import Raw, Struct, field

from canaryd.adapters.kube.errors import Status, excerpt, refusal
from canaryd.adapters.kube.kinds import Call
from canaryd.model.errors import UnreachableError
from canaryd.wire import watch
from canaryd.wire.workload import kept

log = structlog.get_logger(__name__)


class _ListMeta(Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = field(default="", name="continue")


class _List(Struct):
    metadata: _ListMeta
    items: list[Raw] | None = None


class _Event(Struct):
    type: str
    object: Raw


class _Bare(Struct):
    metadata: watch.Meta


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; the last one has no token to continue."""

    objects: list[Any]
    version: str
    token: str


@dataclass(frozen=True, slots=True)
class Changed:
    """An object was added or modified."""

    obj: Any
    version: str


@dataclass(frozen=True, slots=True)
class Gone:
    """An object was deleted; or it is there, and `unclear` at this version."""

    namespace: str
    name: str
    version: str
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Nothing happened up to this version."""

    version: str


Event = Changed | Gone | Bookmark

_LIST = msgspec.json.Decoder(_List)
_EVENT = msgspec.json.Decoder(_Event)
_BARE = msgspec.json.Decoder(_Bare)
_STATUS = msgspec.json.Decoder(Status)


class Decoder:
    """Decodes what the API server says about one kind."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._struct: msgspec.json.Decoder[Any] = msgspec.json.Decoder(watch.OBJECTS[kind])

    def one(self, call: Call, body: bytes) -> Any:  # noqa: ANN401 - one of the wire structs
        """Decode an answer that is one object."""
        try:
            return self._decode(body)
        except msgspec.DecodeError as error:
            message = call.says(f"the answer is no object of this kind ({error}): {excerpt(body)}")
            raise UnreachableError(message) from error

    def page(self, call: Call, body: bytes) -> Page:
        """Decode one page of a list."""
        try:
            page = _LIST.decode(body)
        except msgspec.DecodeError as error:
            message = call.says(f"the answer is no list ({error}): {excerpt(body)}")
            raise UnreachableError(message) from error
        if not page.metadata.resource_version:
            raise UnreachableError(call.says("the list has no resourceVersion"))
        found = [self._lenient(raw) for raw in page.items or []]
        objects = [obj for obj in found if obj is not None]
        return Page(objects, page.metadata.resource_version, page.metadata.continue_)

    def event(self, call: Call, line: bytes) -> Event:
        """Decode one line of a watch; an ERROR event is raised as what it says."""
        try:
            event = _EVENT.decode(line)
            match event.type:
                case "ADDED" | "MODIFIED":
                    return self._changed(event.object)
                case "DELETED":
                    return self._gone(event.object)
                case "BOOKMARK":
                    return Bookmark(_BARE.decode(event.object).metadata.resource_version)
                case "ERROR":
                    status = _STATUS.decode(event.object)
                case other:
                    raise UnreachableError(call.says(f"an event of type {other[:40]!r}"))
        except msgspec.DecodeError as error:
            message = call.says(f"a line is no event ({error}): {excerpt(line)}")
            raise UnreachableError(message) from error
        raise refusal(call, status)

    def _changed(self, raw: Raw) -> Event:
        obj = self._lenient(raw)
        if obj is None:
            return self._gone(raw, unclear=True)
        return Changed(obj, obj.metadata.resource_version)

    @staticmethod
    def _gone(raw: Raw, *, unclear: bool = False) -> Gone:
        meta = _BARE.decode(raw).metadata
        return Gone(meta.namespace, meta.name, meta.resource_version, unclear)

    def _lenient(self, raw: Raw) -> Any | None:  # noqa: ANN401
        try:
            return self._decode(raw)
        except msgspec.ValidationError as error:
            meta = _BARE.decode(raw).metadata
            log.warning(
                "object not understood",
                kind=self._kind,
                namespace=meta.namespace,
                name=meta.name,
                error=str(error),
            )
            return None

    def _decode(self, raw: bytes | Raw) -> Any:  # noqa: ANN401
        obj: Any = kept(self._struct.decode(raw))
        _detach(obj)
        _lighten(obj.metadata)
        return obj


def _lighten(meta: watch.Meta) -> None:
    """Keep of the metadata what is read, and of what many objects say one copy."""
    meta.namespace = intern(meta.namespace)
    meta.labels = _read(meta.labels)
    meta.annotations = _read(meta.annotations)
    for owner in meta.owner_references:
        for name in ("kind", "name", "uid"):
            msgspec.structs.force_setattr(owner, name, intern(getattr(owner, name)))


def _read(labels: dict[str, str]) -> dict[str, str]:
    return _shared(tuple((name, labels[name]) for name in watch.READ if name in labels))


@lru_cache(maxsize=1024)
def _shared(items: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(items)


def _detach(struct: Struct) -> None:
    """Copy every Raw: as a view it would keep the whole page or line in memory."""
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, Raw):
            msgspec.structs.force_setattr(struct, name, value.copy())
        elif isinstance(value, Struct):
            _detach(value)
        elif isinstance(value, list) and value and isinstance(value[0], Struct):
            for item in value:
                _detach(item)


class SilentWatchError(UnreachableError):
    """A watch said nothing for too long: it is dead, or there was nothing to say.

    An API server sends bookmarks only where it knows of a newer version: after an event of that
    kind, or when etcd reports its progress (every 5 s as kubeadm sets it up, else every 10 min).
    """


async def lines(
    call: Call, stream: aiohttp.StreamReader, *, longest: int, silence: float
) -> AsyncIterator[bytes]:
    """Yield whole lines; raises UnreachableError when the stream ends inside one.

    A stream that is silent for so many seconds raises SilentWatchError.

    Bytes that make no line are silence, too.
    """
    loop = asyncio.get_running_loop()
    parts: list[bytes] = []
    size = 0
    deadline = loop.time() + silence
    while chunk := await _chunk(call, stream, deadline):
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        size += len(first)
        if size > longest:
            raise UnreachableError(call.says(f"a line is longer than {longest} bytes"))
        for following in rest:
            line = b"".join(parts)
            parts, size = [following], len(following)
            if line.strip():
                yield line
                deadline = loop.time() + silence
    if b"".join(parts).strip():
        raise UnreachableError(call.says("the connection was cut inside a line"))


async def _chunk(call: Call, stream: aiohttp.StreamReader, deadline: float) -> bytes:
    try:
        async with asyncio.timeout_at(deadline):
            return await stream.readany()
    except TimeoutError as error:
        raise SilentWatchError(call.says("the watch fell silent")) from error
