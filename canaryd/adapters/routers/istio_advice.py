"""What is not wrong with a VirtualService but surprises people, and who wrote it last; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct, field

from canaryd.adapters.routers.istio_hosts import full
from canaryd.adapters.routers.istio_match import Finder, Match, destinations, https
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
    yield from _pinned(finder, match, spec)


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
    )


def _pinned(finder: Finder, match: Match, spec: Spec) -> Iterator[Advice]:
    for index, route in enumerate(https(match.service)):
        if index == match.index or not route.get("match"):
            continue
        for slot in spec.slots:
            places = [place for place, _ in destinations(route)]
            named = finder.named(slot, route)
            if places and named == places and finder.sound(slot, route, named):
                name = f" ({route['name']})" if route.get("name") else ""
                yield Advice(
                    "HeaderRoutePinned",
                    "PointsAtOneSlot",
                    f"http[{index}]{name} of VirtualService {match.service.metadata.namespace}/"
                    f"{match.service.metadata.name} leads to slot {slot.name} only and stays"
                    f" there after the slots swap roles",
                )
