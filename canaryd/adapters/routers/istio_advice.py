"""What is not wrong with a VirtualService but surprises people, and who wrote it last; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from canaryd.adapters.routers.istio_finder import Finder, destinations
from canaryd.adapters.routers.istio_hosts import full
from canaryd.adapters.routers.istio_match import Match, https
from canaryd.model.names import FIELD_MANAGER
from canaryd.model.snapshot import Advice
from canaryd.model.spec import Spec
from canaryd.wire.watch import ManagedFields, VirtualServiceObject

_MESH = "mesh"


class _OwnedSpec(Struct):
    http: dict[str, Any] | None = field(default=None, name="f:http")


class _Owned(Struct):
    spec: _OwnedSpec = field(default_factory=_OwnedSpec, name="f:spec")


_OWNED = msgspec.json.Decoder(_Owned)


def writer_of(service: VirtualServiceObject) -> str | None:
    """Return the field manager that wrote the http routes last.

    The list has one owner, except where several applied the very same value; among those is
    canaryd only when the value is its own.
    """
    owners = [entry for entry in service.metadata.managed_fields if _owns_routes(entry)]
    if any(entry.manager == FIELD_MANAGER for entry in owners):
        return FIELD_MANAGER
    dated = [(entry.time.timestamp() if entry.time else 0.0, entry.manager) for entry in owners]
    return max(dated)[1] if dated else None


def _owns_routes(entry: ManagedFields) -> bool:
    try:
        return _OWNED.decode(entry.fields_v1).spec.http is not None
    except msgspec.DecodeError:
        return False


def advice_on(finder: Finder, match: Match, spec: Spec) -> Iterator[Advice]:
    """Yield what the owner of the VirtualService should know."""
    gateways = match.service.spec.get("gateways") or []
    if gateways and _MESH not in gateways:
        yield _mesh(match, spec, gateways)
    yield from _hidden(match)
    yield from _elsewhere(finder, match, spec)


def _mesh(match: Match, spec: Spec, gateways: list[str]) -> Advice:
    meta = match.service.metadata
    first = match.destination(spec.slots[0].name).get("destination") or {}
    host = full(first.get("host", ""), meta.namespace).words
    wild = "*" in (match.service.spec.get("hosts") or [])
    wildcard = ' in place of "*", which is not allowed with mesh' if wild else ""
    return Advice(
        "MeshTrafficNotSplit",
        "GatewayOnly",
        f"VirtualService {meta.namespace}/{meta.name} is bound to gateways only: callers inside"
        f" the mesh do not pass it and reach both slots at any weight; to split them, too, set"
        f" gateways: [{', '.join([*gateways, _MESH])}] and add to hosts: - {host}{wildcard}",
        frozenset(slot.name for slot in spec.slots),
    )


def _hidden(match: Match) -> Iterator[Advice]:
    """Istio takes the first route that matches, and one without `match` matches all."""
    for index, route in enumerate(https(match.service)[: match.index]):
        if not route.get("match"):
            yield Advice(
                "RouteHidden",
                "NeverReached",
                f"{_where(match, index, route)} has no match and takes every request, so that"
                f" http[{match.index}], whose weights are set, gets none; move that up, or give"
                " this one a match",
            )
            return


def _elsewhere(finder: Finder, match: Match, spec: Spec) -> Iterator[Advice]:
    """Other routes that lead to the slots, and copies of requests that are sent to one."""
    for index, route in _reachable(match):
        where = _where(match, index, route)
        to = {slot.name: finder.named(slot, route) for slot in spec.slots}
        led = [slot.name for slot in spec.slots if finder.sound(slot, route, to[slot.name])]
        if index != match.index and len(led) > 1:
            yield Advice(
                "RouteNotFollowed",
                "SplitsBothSlots",
                f"{where} splits both slots, too, and keeps its weights: what is pushed to the"
                f" slot that is idle reaches its callers at once",
                frozenset(led),
            )
        elif index != match.index and led and route.get("match"):
            (name,) = led
            if len(to[name]) == len(list(destinations(route))):
                yield Advice(
                    "HeaderRoutePinned",
                    "PointsAtOneSlot",
                    f"{where} leads to slot {name} only and stays there after the slots swap roles",
                    frozenset(led),
                )
        yield from _mirrored(finder, where, route, spec)


def _reachable(match: Match) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Those that get requests: all up to the first one without `match`."""
    for index, route in enumerate(https(match.service)):
        yield index, route
        if not route.get("match"):
            return


def _mirrored(finder: Finder, where: str, route: Mapping[str, Any], spec: Spec) -> Iterator[Advice]:
    copies = [each.get("destination") or {} for each in route.get("mirrors") or []]
    shadows = {"route": [{"destination": to} for to in (route.get("mirror"), *copies) if to]}
    for slot in spec.slots:
        if finder.sound(slot, shadows, finder.named(slot, shadows)):
            yield Advice(
                "RequestsMirrored",
                "PointsAtOneSlot",
                f"{where} mirrors requests to slot {slot.name}, at any weight: they are judged with"
                " the others, and nobody sees their answers",
                frozenset({slot.name}),
            )


def _where(match: Match, index: int, route: Mapping[str, Any]) -> str:
    meta = match.service.metadata
    name = f" ({route['name']})" if route.get("name") else ""
    return f"http[{index}]{name} of VirtualService {meta.namespace}/{meta.name}"
