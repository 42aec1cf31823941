"""Istio's router: reads and writes two weights of one VirtualService and nothing else in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from canaryd.adapters.routers.istio_advice import advice_on, writer_of
from canaryd.adapters.routers.istio_finder import Finder, Labels
from canaryd.adapters.routers.istio_match import Match, number, resolve
from canaryd.adapters.routers.istio_sight import Rules, Sight
from canaryd.model.errors import ConflictError
from canaryd.model.names import ALL_TRAFFIC, Key, SlotName, Weight
from canaryd.model.snapshot import Problem, Routing
from canaryd.model.spec import Slot, Spec
from canaryd.model.urgency import Urgency
from canaryd.ports import Objects, Writer
from canaryd.wire import watch


class IstioRouter:
    """`ports.Router` on networking.istio.io, v1 or v1beta1."""

    kinds: Sequence[str] = (watch.VIRTUALSERVICES, watch.DESTINATIONRULES, watch.SERVICES)

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._rules: Rules | None = None
        self._looks: dict[Key, _Look] = {}

    def read(self, objects: Objects, key: Key, spec: Spec, labels: Labels) -> Routing | Problem:
        """Say what is routed now, or why that cannot be told."""
        seen = self._look(objects, key, spec, labels)
        return seen if isinstance(seen, Problem) else seen.routing

    async def set_weight(
        self,
        objects: Objects,
        key: Key,
        spec: Spec,
        slot: Slot,
        weight: Weight,
        *,
        labels: Labels,
        urgency: Urgency = Urgency.RISE,
    ) -> None:
        """Give the slot `weight` per cent of the pair and the other one the rest.

        Raises ConflictError when the route is not any more as it was when that was decided.
        """
        seen = self._look(objects, key, spec, labels)
        if isinstance(seen, Problem):
            raise ConflictError(seen.message)
        mine = seen.routing.raw(weight)
        wanted = {slot.name: mine, spec.other(slot.name).name: seen.routing.total - mine}
        if wanted != seen.routing.weights:
            service = Key(key.namespace, spec.virtual_service)
            operations = _operations(seen.match, wanted)
            await self._writer.json_patch(
                watch.VIRTUALSERVICES, service, operations, urgency=urgency, of=key
            )

    def forget(self, key: Key) -> None:
        """The Canary is gone."""
        self._looks.pop(key, None)

    def _look(self, objects: Objects, key: Key, spec: Spec, labels: Labels) -> _Seen | Problem:
        """Look, unless all that the last look rested on is as it was."""
        asked = (spec.slots, spec.virtual_service, spec.route, labels)
        last = self._looks.get(key)
        if last is not None and last.asked == asked and last.sight.lasts(objects):
            objects.concern(key, last.namespaces)
            return last.seen
        if self._rules is None or self._rules.objects is not objects:
            self._rules = Rules(objects)
        sight = Sight(self._rules)
        seen = _look(sight, key, spec, labels)
        look = self._looks[key] = _Look(asked, sight, sight.namespaces, seen)
        objects.concern(key, look.namespaces)
        return seen


class _Seen(NamedTuple):
    match: Match
    routing: Routing


class _Look(NamedTuple):
    asked: tuple[object, ...]
    sight: Sight
    namespaces: frozenset[str]
    seen: _Seen | Problem


def _look(sight: Sight, key: Key, spec: Spec, labels: Labels) -> _Seen | Problem:
    match = resolve(sight, key, spec, labels)
    if isinstance(match, Problem):
        return match
    weights = match.weights()
    pair = sum(weight or 0 for weight in weights.values())
    if pair <= 0:
        return _absent(match, spec)
    shared = any((number(entry) or 0) > 0 for entry in match.others())
    advice = tuple(advice_on(Finder(sight, key.namespace, labels), match, spec))
    routing = Routing(
        weights=weights,
        total=pair if shared else ALL_TRAFFIC,
        resource_version=match.service.metadata.resource_version,
        writer=writer_of(match.service),
        labels=labels,
        reached=frozenset[SlotName]().union(*(each.reached for each in advice)),
        advice=advice,
    )
    return _Seen(match, routing)


def _absent(match: Match, spec: Spec) -> Problem:
    first = spec.slots[0]
    meta = match.service.metadata
    said = "are both 0" if any(w == 0 for w in match.weights().values()) else "are absent"
    return Problem(
        "WeightsAbsent",
        f"the weights of both slots in http[{match.index}] of VirtualService {meta.namespace}/"
        f"{meta.name} {said}, so which one serves cannot be told; add to the destination of the"
        f" slot that serves (for example {first.name}): weight: 100",
    )


def _operations(match: Match, wanted: Mapping[SlotName, int]) -> list[dict[str, Any]]:
    """One patch that does nothing unless the object is the one that was read.

    A replaced resourceVersion is checked as a precondition (409); a failed `test` is a 422.
    """
    version = match.service.metadata.resource_version
    paths = {
        slot: f"/spec/http/{match.index}/route/{place}" for slot, place in match.places.items()
    }
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        *(
            {
                "op": "test",
                "path": f"{path}/destination",
                "value": match.destination(slot)["destination"],
            }
            for slot, path in paths.items()
        ),
        *(
            {"op": "add", "path": f"{path}/weight", "value": wanted[slot]}
            for slot, path in paths.items()
        ),
    ]
