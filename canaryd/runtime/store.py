"""The memory of the world: what watches and own writes delivered, by kind, namespace and name.

It parses, keeps and enqueues; it decides nothing and asks nobody.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from canaryd.model.names import Key
from canaryd.model.snapshot import Sample
from canaryd.model.spec import Spec
from canaryd.model.tile import Background, Counting, Silence, Tile
from canaryd.ports import Clock
from canaryd.runtime.departed import Departed
from canaryd.runtime.index import Index, canary_of
from canaryd.runtime.news import is_news, outdated
from canaryd.runtime.questions import Asked, asked_for
from canaryd.runtime.stamps import Stamps
from canaryd.runtime.view import CanaryView, view
from canaryd.wire import watch
from canaryd.wire.workload import ReplicaSet

Relation: TypeAlias = tuple[str, str, str]
"""How an object belongs to another: the verb, the namespace, and the other's uid or name."""
_NOTHING = Counting()


def asked_of(key: Key) -> Relation:
    """The relation of requests to their Canary."""
    return ("asks for", key.namespace, key.name)


def relations(obj: object) -> tuple[Relation, ...]:
    """What this version of an object belongs to."""
    match obj:
        case ReplicaSet(metadata=meta):
            owners = meta.owner_references
            return tuple(("owned by", meta.namespace, owner.uid) for owner in owners)
        case watch.RequestObject():
            return (asked_of(canary_of(obj)),)
        case _:
            return ()


class Store:
    """Implements `ports.Sink` and `ports.Objects`."""

    def __init__(
        self,
        *,
        kinds: Sequence[str],
        clock: Clock,
        enqueue: Callable[[Key], None],
        stale_after: timedelta = timedelta(minutes=2),
    ) -> None:
        self._clock = clock
        self._stale_after = stale_after
        self._enqueue = enqueue
        self._objects: dict[str, dict[tuple[str, str], Any]] = {kind: {} for kind in kinds}
        self._stamps = Stamps()
        self._related: defaultdict[Relation, set[str]] = defaultdict(set)
        self._departed = Departed()
        self._heard: dict[str, float] = {}
        self._failures: dict[str, str] = {}
        self.synced = asyncio.Event()
        """Set when every kind has been listed once."""
        self.index = Index()
        self.canaries: dict[Key, CanaryView] = {}
        self.samples: defaultdict[Key, dict[str, Sample]] = defaultdict(dict)
        self._asked: dict[tuple[Key, str], Asked] = {}
        self.denied: dict[Key, str] = {}
        self._countings: dict[Key, Counting] = {}

    # what watches deliver

    def replace(self, kind: str, objects: Sequence[Any]) -> None:
        """A full list arrived: what is not in it is gone."""
        names = {(obj.metadata.namespace, obj.metadata.name) for obj in objects}
        for namespace, name in [place for place in self._objects[kind] if place not in names]:
            self._remove(kind, namespace, name)
        for obj in objects:
            self.apply(kind, obj)
        self.heard(kind)

    def apply(self, kind: str, obj: Any) -> None:  # noqa: ANN401 - one of the wire structs
        """An object was added or changed; older news than what is known is dropped."""
        place = (obj.metadata.namespace, obj.metadata.name)
        before = self._objects[kind].get(place)
        if before is not None and outdated(obj.metadata, before.metadata):
            return
        if self._departed.is_of(obj.metadata):
            return
        self._unrelate(before)
        self._objects[kind][place] = obj
        self._stamps.change(kind, place[0], more=before is None)
        for relation in relations(obj):
            self._related[relation].add(place[1])
        if isinstance(obj, watch.CanaryObject):
            self._objects[kind][place] = watch.CanaryObject(obj.metadata)  # its view has the rest
            self._put_canary(obj)
        elif is_news(before, obj):
            for key in {*self.index.concerned(kind, before), *self.index.concerned(kind, obj)}:
                self._enqueue(key)

    def remove(self, kind: str, namespace: str, name: str, *, unclear: str | None = None) -> None:
        """An object is gone; or it is there, and cannot be understood at the version `unclear`."""
        obj = self._remove(kind, namespace, name)
        if obj is not None:
            self._departed.note(obj.metadata.uid, unclear)

    def _remove(self, kind: str, namespace: str, name: str) -> Any | None:  # noqa: ANN401
        obj = self._objects[kind].pop((namespace, name), None)
        if obj is None:
            return None
        self._stamps.change(kind, namespace, more=-1)
        self._unrelate(obj)
        if isinstance(obj, watch.CanaryObject):
            self._drop_canary(Key(namespace, name))
        for key in self.index.concerned(kind, obj):
            self._enqueue(key)
        return obj

    def _unrelate(self, obj: Any) -> None:  # noqa: ANN401 - one of the wire structs, or None
        for relation in relations(obj):
            self._related[relation].discard(obj.metadata.name)
            if not self._related[relation]:
                del self._related[relation]

    def heard(self, kind: str) -> None:
        """The watch of this kind is alive."""
        was_stale = self.stale() is not None
        self._heard[kind] = self._clock.monotonic()
        if len(self._heard) == len(self._objects):
            self.synced.set()
        if was_stale:
            self.enqueue_all()

    def failed(self, kind: str, message: str | None) -> None:
        """The watch of this kind, or the Lease, cannot be kept; None: it is well again."""
        if message is None:
            self._failures.pop(kind, None)
        else:
            self._failures[kind] = message

    # what is looked up

    def get(self, kind: str, namespace: str, name: str) -> Any | None:  # noqa: ANN401
        """The wire struct, or None."""
        return self._objects[kind].get((namespace, name))

    def within(self, kind: str, namespace: str) -> Iterable[Any]:
        """All objects of the kind in the namespace."""
        return [obj for (space, _), obj in self._objects[kind].items() if space == namespace]

    def stamp(self, kind: str, namespace: str) -> int:
        """A number that is another one whenever objects of the kind came, went or changed there."""
        return self._stamps.of(kind, namespace)

    def concern(self, key: Key, namespaces: Set[str]) -> None:
        """Have the Canary decided again when what it is routed by changes in these namespaces."""
        if key in self.canaries:
            self.index.reach(key, namespaces)

    def all(self, kind: str) -> Iterable[Any]:
        """All objects of the kind."""
        return list(self._objects[kind].values())

    def owned_by(self, namespace: str, uid: str) -> Iterable[ReplicaSet]:
        """The ReplicaSets that this object owns."""
        names = self._related.get(("owned by", namespace, uid), ())
        return [self._objects[watch.REPLICASETS][namespace, name] for name in names]

    def requests(self, key: Key) -> Iterable[watch.RequestObject]:
        """The requests about this Canary, answered ones too."""
        names = self._related.get(asked_of(key), ())
        return [self._objects[watch.REQUESTS][key.namespace, name] for name in names]

    def unready(self) -> list[str]:
        """Sentences on what is not yet, or no longer, watched, or on a Lease out of reach."""
        missing = [
            f"{kind} have not been listed yet" for kind in self._objects if kind not in self._heard
        ]
        stale = self.stale()
        return [*self._failures.values(), *missing, *([stale] if stale else [])]

    def stale(self) -> str | None:
        """A sentence naming the watch that is older than the limit; None when all are fresh."""
        now, limit = self._clock.monotonic(), self._stale_after
        for kind, heard in self._heard.items():
            if now - heard > limit.total_seconds():
                silence = f"nothing about {kind} for more than {limit.total_seconds():g} s"
                return f"the API server has said {silence}; nothing rises until it does"
        return None

    # what else arrives

    def put_samples(self, key: Key, answers: Iterable[tuple[Sample, Asked]]) -> None:
        """Answers of metrics servers arrived, each to what it says was asked."""
        if key not in self.canaries:
            return
        for sample, asked in answers:
            self.samples[key][sample.metric] = sample
            self._asked[key, sample.metric] = asked
        self._enqueue(key)

    def answers(self, key: Key, spec: Spec) -> dict[str, Sample]:
        """The samples that answer what this spec asks; an edited metric has none yet."""
        return {
            name: sample
            for name, sample in self.samples.get(key, {}).items()
            if self._asked[key, name] == asked_for(spec, name)
        }

    def counting(self, key: Key) -> Counting:
        """What is known of this Canary's counts."""
        return self._countings.get(key, _NOTHING)

    def put_tile(self, key: Key, tile: Tile, *, heard: bool = True) -> None:
        """A tile arrived that follows those that are held; not `heard`: others follow at once."""
        counting = replace(self.counting(key), tiles=(*self.counting(key).tiles, tile))
        if heard:
            self._count(key, counting)
        elif key in self.canaries:
            self._countings[key] = counting

    def keep_tiles(self, key: Key, since: datetime | None) -> tuple[Tile, ...]:
        """Forget the tiles that ended by then, or all; returns those that are left."""
        known = self.counting(key)
        left = tuple(tile for tile in known.tiles if since is not None and tile.end > since)
        if len(left) < len(known.tiles):
            self._countings[key] = replace(known, tiles=left)
        return left

    def put_silence(self, key: Key, silence: Silence | None) -> None:
        """Tiles do not come any more, or come again."""
        self._count(key, replace(self.counting(key), silence=silence))

    def put_known(self, key: Key, skew: timedelta, scrape: timedelta | None) -> None:
        """The metrics server told its time, and how often this Canary's workloads are scraped."""
        self._count(key, replace(self.counting(key), skew=skew, scrape=scrape))

    def put_background(self, key: Key, background: Background | None) -> None:
        """It is known how the primary's pods vary, or another primary is asked about."""
        self._count(key, replace(self.counting(key), background=background))

    def drop_counting(self, key: Key) -> None:
        """Forget what was counted of this Canary."""
        self._countings.pop(key, None)

    def drop_countings(self) -> None:
        """Forget all that was counted."""
        self._countings.clear()

    def drop_samples(self) -> None:
        """Forget all that metrics were said to be."""
        self.samples.clear()
        self._asked.clear()

    def _count(self, key: Key, counting: Counting) -> None:
        if key in self.canaries and counting != self.counting(key):
            self._countings[key] = counting
            self._enqueue(key)

    def deny(self, key: Key, message: str | None) -> None:
        """A write was forbidden, or succeeded again."""
        if message is not None:
            if key in self.canaries:  # its next namesake begins anew
                self.denied[key] = message
        elif self.denied.pop(key, None) is not None:
            self._enqueue(key)

    def enqueue_all(self) -> None:
        """Have every Canary decided again, from memory."""
        for key in self.canaries:
            self._enqueue(key)

    def _put_canary(self, obj: watch.CanaryObject) -> None:
        key = Key(obj.metadata.namespace, obj.metadata.name)
        known = self.canaries.get(key)
        seen = self.canaries[key] = view(obj, known)
        if known is None or seen.uid != known.uid or seen.generation != known.generation:
            for touched in {key} | self.index.put(seen):
                self._enqueue(touched)
        elif seen.status != known.status:
            self._enqueue(key)

    def _drop_canary(self, key: Key) -> None:
        self.canaries.pop(key, None)
        for name in self.samples.pop(key, ()):
            del self._asked[key, name]
        self.drop_counting(key)
        self.denied.pop(key, None)
        for touched in {key} | self.index.drop(key):
            self._enqueue(touched)
