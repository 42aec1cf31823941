"""Translates one VirtualService route into Envoy's words, as istiod does; pure.

A field that is not known here raises: better a loud refusal than a route that means something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
ClusterOf = Callable[[Json], str]
RETRY = {"num_retries": 2, "retry_on": "connect-failure,refused-stream,unavailable,cancelled"}
MATCHED = ("name", "uri", "headers", "withoutHeaders", "method", "authority", "queryParams")
ROUTED = (
    *("name", "match", "route", "timeout", "retries"),
    *("mirror", "mirrorPercentage", "headers", "rewrite"),
)


class UnknownFieldError(Exception):
    """A field that is not translated."""


def only(thing: Json, *known: str) -> Json:
    """The thing itself, when it has no other fields than these."""
    if extra := set(thing) - set(known):
        raise UnknownFieldError(f"unknown fields {sorted(extra)}")
    return thing


def envoy_routes(route: Json, cluster: ClusterOf) -> list[Json]:
    """One Envoy route for each match."""
    only(route, *ROUTED)
    action = _action(route, cluster)
    changes = _header_changes(action.pop("_headers", {}) | route.get("headers", {}))
    return [
        {
            "name": route.get("name", "default"),
            "match": _condition(match),
            "route": action,
            **changes,
        }
        for match in route.get("match") or [{}]
    ]


def _condition(match: Json) -> Json:
    only(match, *MATCHED)
    kind, value = next(iter(match.get("uri", {"prefix": "/"}).items()))
    path = {"regex": "safe_regex", "exact": "path"}.get(kind, kind)
    made: Json = {path: {"regex": value} if kind == "regex" else value}
    named = [(name, value, False) for name, value in match.get("headers", {}).items()]
    named += [(name, value, True) for name, value in match.get("withoutHeaders", {}).items()]
    named += [(f":{key}", match[key], False) for key in ("method", "authority") if key in match]
    made["headers"] = [
        {
            "name": name,
            "invert_match": invert,
            **({"string_match": _text(value)} if value else {"present_match": True}),
        }
        for name, value, invert in named
    ]
    made["query_parameters"] = [
        {"name": name, "string_match": _text(value)}
        for name, value in match.get("queryParams", {}).items()
    ]
    return made


def _text(match: Json) -> Json:
    kind, value = next(iter(only(match, "exact", "prefix", "regex").items()))
    return {"safe_regex": {"regex": value}} if kind == "regex" else {kind: value}


def _header_changes(headers: Json) -> Json:
    made: Json = {}
    actions = {"set": "OVERWRITE_IF_EXISTS_OR_ADD", "add": "APPEND_IF_EXISTS_OR_ADD"}
    for side, changes in only(headers, "request", "response").items():
        only(changes, "set", "add", "remove")
        made[f"{side}_headers_to_add"] = [
            {"header": {"key": key, "value": value}, "append_action": action}
            for verb, action in actions.items()
            for key, value in changes.get(verb, {}).items()
        ]
        made[f"{side}_headers_to_remove"] = changes.get("remove", [])
    return made


def _action(route: Json, cluster: ClusterOf) -> Json:
    made = _destinations(route["route"], cluster)
    made["timeout"] = route.get("timeout", "0s")
    retries = only(route.get("retries", {}), "attempts", "perTryTimeout", "retryOn")
    if retries.get("attempts", 1):
        made["retry_policy"] = {
            "num_retries": retries.get("attempts", RETRY["num_retries"]),
            "retry_on": retries.get("retryOn", RETRY["retry_on"]),
        }
        if "perTryTimeout" in retries:
            made["retry_policy"]["per_try_timeout"] = retries["perTryTimeout"]
    if "mirror" in route:
        share = route.get("mirrorPercentage", {}).get("value", 100)
        part = {"numerator": int(share * 10000), "denominator": "MILLION"}
        made["request_mirror_policies"] = [
            {"cluster": cluster(route["mirror"]), "runtime_fraction": {"default_value": part}}
        ]
    rewrite = only(route.get("rewrite", {}), "uri", "authority")
    if "uri" in rewrite:
        made["prefix_rewrite"] = rewrite["uri"]
    if "authority" in rewrite:
        made["host_rewrite_literal"] = rewrite["authority"]
    return made


def _destinations(to: list[Json], cluster: ClusterOf) -> Json:
    """As istiod: one destination gets all, of several those with weight 0 are left out."""
    for one in to:
        only(one, "destination", "weight", "headers")
    if len(to) == 1:
        return {"cluster": cluster(to[0]["destination"]), "_headers": to[0].get("headers", {})}
    weighted = [
        {
            "name": cluster(one["destination"]),
            "weight": one["weight"],
            **_header_changes(one.get("headers", {})),
        }
        for one in to
        if one.get("weight")
    ]
    return {"weighted_clusters": {"clusters": weighted}}
