"""Finds the http route and the two destinations that belong to a Canary's slots; pure.

Says what is wrong as a Problem with the line to add; never guesses between two candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canaryd.adapters.routers.istio_hosts import Host, full, selects
from canaryd.adapters.routers.istio_sight import Sight
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Slot, Spec
from canaryd.wire import watch
from canaryd.wire.watch import DestinationRuleObject, Subset, VirtualServiceObject

Labels = Mapping[SlotName, Mapping[str, str]]


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
    chosen = _choose(finder, service, spec)
    if isinstance(chosen, Problem):
        return chosen
    return _places(finder, service, chosen, spec)


class Finder:
    """Tells which destinations belong to a slot, as seen from one namespace."""

    def __init__(self, sight: Sight, namespace: str, labels: Labels) -> None:
        self._sight = sight
        self._namespace = namespace
        self._labels = labels

    def named(self, slot: Slot, route: Mapping[str, Any]) -> list[int]:
        """The entries that may be meant: by subset, else by the Service behind the host."""
        return [i for i, to in destinations(route) if self._named(slot, to)]

    def meant(self, spec: Spec, routes: Sequence[Any]) -> list[dict[SlotName, list[int]]]:
        """Of each route the entries of each slot that may be meant.

        A slot without Deployment that is known by its pods' labels only has what the other leaves,
        where that is one entry of the one route that leads to the other: users are on it, perhaps,
        and have to be taken off.
        """
        found = [{slot.name: self.named(slot, route) for slot in spec.slots} for route in routes]
        for slot in spec.slots:
            other = spec.other(slot.name).name
            candidates = [i for i, places in enumerate(found) if places[other]]
            if slot.subset is None and slot.name not in self._labels and len(candidates) == 1:
                (index,) = candidates
                places = [place for place, _ in destinations(routes[index])]
                left = [place for place in places if place not in found[index][other]]
                if len(left) == 1 and len(places) == len(spec.slots):
                    found[index][slot.name] = left
        return found

    def sound(self, slot: Slot, route: Mapping[str, Any], places: Sequence[int]) -> bool:
        """Tell whether one of these entries of the route truly selects the slot's pods."""
        entries = dict(destinations(route))
        return any(self.flaw(slot, entries[i]) is None for i in places)

    def flaw(self, slot: Slot, to: Mapping[str, Any]) -> Problem | None:
        """Say why a destination that is meant does not lead to the slot's pods."""
        host = full(to.get("host", ""), self._namespace)
        if slot.subset is None:
            return self._open_to_all(slot, host)
        found = self._sight.subset_of(host, slot.subset, self._namespace)
        template = self._labels.get(slot.name)
        if found is None:
            return Problem("SubsetNotFound", self._no_subset(slot, to, template))
        rule, subset = found
        if template is None:
            return None
        if selects(subset.labels, template):
            return self._shared(slot, rule, subset)
        return Problem(
            "SubsetMatchesNoPod",
            f"subset {subset.name} of DestinationRule {rule.metadata.namespace}/"
            f"{rule.metadata.name} selects {words(subset.labels)}, but the pods of Deployment"
            f" {slot.deployment} have {words(template)}; make the subset's labels match",
        )

    def _open_to_all(self, slot: Slot, host: Host) -> Problem | None:
        service = self._sight.service_of(host)
        for other, template in self._labels.items():
            selector = service.spec.selector if service is not None else {}
            if selector and other != slot.name and selects(selector, template):
                return Problem(
                    "ServiceMatchesBothSlots",
                    f"Service {host.namespace}/{host.name} selects {words(selector)},"
                    f" which the pods of slot {other} have, too: they get {slot.name}'s requests at"
                    f" any weight; give {slot.name} a subset, or a Service of its own pods only",
                )
        return None

    def _shared(self, slot: Slot, rule: DestinationRuleObject, subset: Subset) -> Problem | None:
        for other, template in self._labels.items():
            if other != slot.name and selects(subset.labels, template):
                return Problem(
                    "SubsetMatchesBothSlots",
                    f"subset {subset.name} of DestinationRule {rule.metadata.namespace}/"
                    f"{rule.metadata.name} selects {words(subset.labels)}, which the pods of slot"
                    f" {other} have, too; add a label to it that only {slot.name}'s pods have",
                )
        return None

    def _no_subset(
        self, slot: Slot, to: Mapping[str, Any], template: Mapping[str, str] | None
    ) -> str:
        host = full(to.get("host", ""), self._namespace)
        rule = next(self._sight.rules_of(host, self._namespace), None)
        where = (
            f"DestinationRule {rule.metadata.namespace}/{rule.metadata.name}"
            if rule
            else f"a DestinationRule for host {to.get('host', '')}"
        )
        line = f"- {{name: {slot.subset}, labels: {words(template or {})}}}"
        return (
            f"no DestinationRule gives host {host.words} the subset {slot.subset};"
            f" add to {where} under subsets: {line}"
        )

    def _named(self, slot: Slot, to: Mapping[str, Any]) -> bool:
        if slot.subset is not None:
            return to.get("subset") == slot.subset
        template = self._labels.get(slot.name)
        service = self._sight.service_of(full(to.get("host", ""), self._namespace))
        if to.get("subset") or service is None or template is None:
            return False
        return bool(service.spec.selector) and selects(service.spec.selector, template)


def destinations(route: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The route's destinations with their places."""
    for i, entry in enumerate(route.get("route") or []):
        yield i, entry.get("destination") or {}


def _choose(finder: Finder, service: VirtualServiceObject, spec: Spec) -> int | Problem:
    """Pick the http route: by name, else the one that leads to both slots."""
    where = f"VirtualService {service.metadata.namespace}/{service.metadata.name}"
    routes = list(enumerate(https(service)))
    if spec.route is not None:
        found = [i for i, route in routes if route.get("name") == spec.route]
        if not found:
            sentence = f"{where} has no http route named {spec.route}"
            return Problem("RouteNotFound", f"{sentence}; add `name: {spec.route}` to it")
        return _only(found, f"{where}: several http routes are named {spec.route}")
    meant = finder.meant(spec, https(service))
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
    finder: Finder, service: VirtualServiceObject, index: int, spec: Spec
) -> Match | Problem:
    """Find each slot's entry in the chosen route."""
    route = https(service)[index]
    entries = dict(destinations(route))
    places: dict[SlotName, int] = {}
    every = finder.meant(spec, https(service))[index]
    for slot in spec.slots:
        meant = every[slot.name]
        if not meant:
            return _missing(finder, service, index, slot, spec.other(slot.name))
        found = [i for i in meant if finder.flaw(slot, entries[i]) is None]
        if not found:
            return finder.flaw(slot, entries[meant[0]]) or _several(service, index, slot)
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


def words(labels: Mapping[str, str]) -> str:
    """Labels as one writes them in YAML."""
    return "{" + ", ".join(f"{name}: {value}" for name, value in sorted(labels.items())) + "}"
