"""What Envoy itself says about its routes and endpoints; pure readers of its config_dump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def routes(dump: Json, host: str) -> list[Json]:
    """The routes of one virtual host that are in force now."""
    for config in _of_type(dump, "RoutesConfigDump"):
        for dynamic in config.get("dynamic_route_configs", []):
            for virtual in dynamic["route_config"].get("virtual_hosts", []):
                if virtual["name"] == host:
                    found: list[Json] = virtual.get("routes", [])
                    return found
    raise LookupError(f"Envoy has no virtual host {host!r}")


def chosen(found: list[Json], route: str | int | None) -> Json:
    """By name or place; without either the last one that splits, else the last one."""
    if isinstance(route, int):
        return found[route]
    if route is not None:
        found = [one for one in found if one.get("name") == route]
    elif splitting := [one for one in found if "weighted_clusters" in one.get("route", {})]:
        found = splitting
    if not found:
        raise LookupError(f"Envoy has no route {route!r}")
    return found[-1]


def weights(dump: Json, host: str, route: str | int | None) -> dict[str, int]:
    """{subset: weight}, with 0 for each other subset of the same hosts; a host without subsets."""
    action = chosen(routes(dump, host), route)["route"]
    if "weighted_clusters" in action:
        named = {
            one["name"]: one.get("weight", 0) for one in action["weighted_clusters"]["clusters"]
        }
    else:
        named = {action["cluster"]: 100}
    addressed = {tuple(name.split("|")[1::2]) for name in named}
    made = {
        subset: 0
        for port, subset, service in _clusters(dump)
        if subset and (port, service) in addressed
    }
    for name, weight in named.items():
        _, _, subset, service = name.split("|")
        made[subset or service] = weight
    return made


def endpoints(dump: Json, service: str, subset: str = "") -> set[str]:
    """The addresses that Envoy would send a request for the host (and subset) to."""
    found = set()
    for cluster in dump.get("cluster_statuses", []):
        _, _, name, host = (*cluster["name"].split("|"), "", "", "")[:4]
        if (name, host) == (subset, service):
            found |= {
                one["address"]["socket_address"]["address"]
                for one in cluster.get("host_statuses", [])
            }
    return found


def _clusters(dump: Json) -> Iterator[tuple[str, str, str]]:
    for config in _of_type(dump, "ClustersConfigDump"):
        for one in config.get("dynamic_active_clusters", []):
            _, port, subset, service = one["cluster"]["name"].split("|")
            yield port, subset, service


def _of_type(dump: Json, kind: str) -> Iterator[Json]:
    return (config for config in dump["configs"] if config["@type"].endswith(kind))
