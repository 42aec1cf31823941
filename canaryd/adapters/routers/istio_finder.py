"""Tells which of a route's destinations belong to a slot, and what is wrong with one; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from canaryd.adapters.routers.istio_hosts import Host, full, selects
from canaryd.adapters.routers.istio_sight import Sight
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Slot, Spec
from canaryd.wire.watch import DestinationRuleObject, Subset

Labels = Mapping[SlotName, Mapping[str, str]]
Places = Mapping[SlotName, Sequence[int]]
"""The entries of a route that may be meant by each slot."""


class Finder:
    """Tells which destinations belong to a slot, as seen from one namespace."""

    def __init__(self, sight: Sight, namespace: str, labels: Labels) -> None:
        self._sight = sight
        self._namespace = namespace
        self._labels = labels

    def named(self, slot: Slot, route: Mapping[str, Any]) -> list[int]:
        """The entries that may be meant: by subset, else by the Service behind the host."""
        return [i for i, to in destinations(route) if self._named(slot, to)]

    def meant(self, spec: Spec, routes: Sequence[Any]) -> Sequence[Places]:
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
        selector = service.spec.selector if service is not None else {}
        other = self._selected_beside(slot, selector) if selector else None
        if other is None:
            return None
        return Problem(
            "ServiceMatchesBothSlots",
            f"Service {host.namespace}/{host.name} selects {words(selector)},"
            f" which the pods of slot {other} have, too: they get {slot.name}'s requests at"
            f" any weight; give {slot.name} a subset, or a Service of its own pods only",
        )

    def _shared(self, slot: Slot, rule: DestinationRuleObject, subset: Subset) -> Problem | None:
        other = self._selected_beside(slot, subset.labels)
        if other is None:
            return None
        return Problem(
            "SubsetMatchesBothSlots",
            f"subset {subset.name} of DestinationRule {rule.metadata.namespace}/"
            f"{rule.metadata.name} selects {words(subset.labels)}, which the pods of slot"
            f" {other} have, too; add a label to it that only {slot.name}'s pods have",
        )

    def _selected_beside(self, slot: Slot, selector: Mapping[str, str]) -> SlotName | None:
        """The other slot, if this selects its pods as well."""
        others = (name for name in self._labels if name != slot.name)
        return next((name for name in others if selects(selector, self._labels[name])), None)

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


def words(labels: Mapping[str, str]) -> str:
    """Labels as one writes them in YAML."""
    return "{" + ", ".join(f"{name}: {value}" for name, value in sorted(labels.items())) + "}"
