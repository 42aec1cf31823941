"""Finds the http route and the two destinations that belong to a Canary's slots; pure.

Says what is wrong as a Problem with the line to add; never guesses between two candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canaryd.adapters.routers.istio_finder import Finder, Labels, Places, destinations
from canaryd.adapters.routers.istio_sight import Sight
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Slot, Spec
from canaryd.wire import watch
from canaryd.wire.watch import VirtualServiceObject


@dataclass(frozen=True, slots=True)
class Match:
    """The place of the two weights: `http[index].route[places[slot]]`."""

    service: VirtualServiceObject
    index: int
    places: Mapping[SlotName, int]

    @property
    def route(self) -> Mapping[str, Any]:
        """The http route."""
        route: Mapping[str, Any] = https(self.service)[self.index]
        return route

    def destination(self, slot: SlotName) -> Mapping[str, Any]:
        """The slot's entry in the route: destination and weight."""
        entry: Mapping[str, Any] = self.route["route"][self.places[slot]]
        return entry

    def weights(self) -> dict[SlotName, int | None]:
        """The raw weights as they stand."""
        return {slot: number(self.destination(slot)) for slot in self.places}

    def others(self) -> list[Mapping[str, Any]]:
        """The route's entries that belong to no slot."""
        mine = set(self.places.values())
        return [entry for i, entry in enumerate(self.route["route"]) if i not in mine]


def number(entry: Mapping[str, Any]) -> int | None:
    """The entry's weight; None when it has none."""
    weight = entry.get("weight")
    return weight if isinstance(weight, int) else None


def https(service: VirtualServiceObject) -> Sequence[Any]:
    """The VirtualService's http routes."""
    return service.spec.get("http") or []


def resolve(sight: Sight, key: Key, spec: Spec, labels: Labels) -> Match | Problem:
    """Find the two weights, or say what is in the way."""
    service = sight.get(watch.VIRTUALSERVICES, key.namespace, spec.virtual_service)
    if not isinstance(service, VirtualServiceObject):
        sentence = f"VirtualService {key.namespace}/{spec.virtual_service} is not there"
        return Problem("VirtualServiceNotFound", f"{sentence}; create it or correct its name")
    finder = Finder(sight, key.namespace, labels)
    meant = finder.meant(spec, https(service))
    chosen = _choose(finder, service, spec, meant)
    if isinstance(chosen, Problem):
        return chosen
    return _places(finder, service, chosen, spec, meant[chosen])


def _choose(
    finder: Finder, service: VirtualServiceObject, spec: Spec, meant: Sequence[Places]
) -> int | Problem:
    """Pick the http route: by name, else the one that leads to both slots."""
    where = f"VirtualService {service.metadata.namespace}/{service.metadata.name}"
    routes = list(enumerate(https(service)))
    if spec.route is not None:
        found = [i for i, route in routes if route.get("name") == spec.route]
        if not found:
            sentence = f"{where} has no http route named {spec.route}"
            return Problem("RouteNotFound", f"{sentence}; add `name: {spec.route}` to it")
        return _only(found, f"{where}: several http routes are named {spec.route}")
    whole = [i for i, places in enumerate(meant) if all(places.values())]
    sound = [
        i
        for i in whole
        if all(finder.sound(slot, routes[i][1], meant[i][slot.name]) for slot in spec.slots)
    ]
    found = sound or whole
    if not found:
        return _nothing(finder, service, spec)
    first, second = spec.slots
    return _only(
        found, f"{where}: {len(found)} http routes lead to both {first.name} and {second.name}"
    )


def _only(found: Sequence[int], several: str) -> int | Problem:
    if len(found) == 1:
        return found[0]
    places = ", ".join(f"http[{i}]" for i in found)
    return Problem(
        "RouteAmbiguous",
        f"{several} ({places}); name one of them and say so: spec.virtualService.route",
    )


def _nothing(finder: Finder, service: VirtualServiceObject, spec: Spec) -> Problem:
    """Say which destination is missing where only one is there, else that there is no route."""
    halves = [
        (i, slot)
        for i, route in enumerate(https(service))
        for slot in spec.slots
        if finder.named(slot, route) and "match" not in route
    ]
    if len(halves) == 1:
        index, present = halves[0]
        return _missing(finder, service, index, spec.other(present.name), present)
    first, second = spec.slots
    return Problem(
        "RouteNotFound",
        f"VirtualService {service.metadata.namespace}/{service.metadata.name} has no http route to"
        f" both {_sought(first)} and {_sought(second)}; add both destinations to one route",
    )


def _missing(
    finder: Finder, service: VirtualServiceObject, index: int, slot: Slot, other: Slot
) -> Problem:
    route = https(service)[index]
    near = dict(destinations(route)) or {0: {}}
    host = near[next(iter(finder.named(other, route) or near))].get("host", "…")
    line = (
        f"- {{destination: {{host: {host}, subset: {slot.subset}}}, weight: 0}}"
        if slot.subset
        else f"- {{destination: {{host: <a Service of {slot.deployment}'s pods>}}, weight: 0}}"
    )
    return Problem(
        "DestinationMissing",
        f"http[{index}] of VirtualService {service.metadata.namespace}/{service.metadata.name} has"
        f" no destination for {_sought(slot)}; add to its route: {line}",
    )


def _places(
    finder: Finder, service: VirtualServiceObject, index: int, spec: Spec, meant: Places
) -> Match | Problem:
    """Find each slot's entry in the chosen route."""
    route = https(service)[index]
    entries = dict(destinations(route))
    places: dict[SlotName, int] = {}
    for slot in spec.slots:
        candidates = meant[slot.name]
        if not candidates:
            return _missing(finder, service, index, slot, spec.other(slot.name))
        found = [i for i in candidates if finder.flaw(slot, entries[i]) is None]
        if not found:
            return finder.flaw(slot, entries[candidates[0]]) or _several(service, index, slot)
        if len(found) > 1 or found[0] in places.values():
            return _several(service, index, slot)
        places[slot.name] = found[0]
    return Match(service, index, places)


def _several(service: VirtualServiceObject, index: int, slot: Slot) -> Problem:
    return Problem(
        "RouteAmbiguous",
        f"http[{index}] of VirtualService {service.metadata.namespace}/{service.metadata.name} has"
        f" no destination that is {slot.name}'s alone; give each slot one of its own, by `subset`",
    )


def _sought(slot: Slot) -> str:
    return f"subset {slot.subset}" if slot.subset else f"a Service of {slot.deployment}'s pods"
