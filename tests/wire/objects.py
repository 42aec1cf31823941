"""Objects as users write them, and what tests change in them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

API_VERSION = "canaryd.io/v1beta1"
Changes = Mapping[str, Any]


class _Gone:
    """Marks a field to leave out."""


GONE = _Gone()


def slot(name: str, deployment: str) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
    return {"name": name, "targetRef": target, "subset": name}


def query(text: str) -> dict[str, Any]:
    return {"name": "queue", "thresholdRange": {"max": 1}, "query": text}


SUCCESS = {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}
DURATION = {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "30s"}
CANARY: dict[str, Any] = {
    "slots": [slot("v1", "podinfo-v1"), slot("v2", "podinfo-v2")],
    "virtualService": {"name": "podinfo"},
    "analysis": {
        "interval": "1m",
        "threshold": 5,
        "metrics": [SUCCESS, DURATION],
        "alerts": [{"name": "ops", "severity": "warn", "providerRef": {"name": "slack"}}],
    },
}
TEMPLATED: dict[str, Any] = {
    "name": "queue-depth",
    "thresholdRange": {"max": 100},
    "templateRef": {"name": "queue-depth", "namespace": "monitoring"},
    "templateVariables": {"queue": "orders"},
}
REQUEST: dict[str, Any] = {
    "canary": "podinfo",
    "verb": "approve",
    "revision": "6d4cf56db6",
    "step": 3,
    "by": "ann@example.com",
    "reason": "checked with support",
}
TEMPLATE: dict[str, Any] = {
    "description": "Messages waiting in the canary's queue",
    "unit": "messages",
    "provider": {
        "type": "prometheus",
        "address": "http://prometheus:9090",
        "secretRef": {"name": "prometheus-login"},
    },
    "args": [{"name": "queue"}, {"name": "vhost", "value": "/", "description": "the virtual host"}],
    "query": 'sum(queue_depth{namespace="{{ namespace }}", queue="{{ variables.queue }}",'
    ' vhost="{{variables.vhost}}"})',
}
PROVIDER: dict[str, Any] = {"type": "slack", "channel": "releases", "secretRef": {"name": "hook"}}


def obj(kind: str, name: str, spec: object) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def changed(spec: Changes, **changes: Any) -> dict[str, Any]:
    """The spec with dotted paths changed (a double underscore stands for the dot)."""
    copy: dict[str, Any] = deepcopy(dict(spec))
    for path, value in changes.items():
        *parents, last = path.split("__")
        node: Any = copy
        for parent in parents:
            node = node[int(parent[1:])] if parent.startswith("_") else node[parent]
        key: Any = int(last[1:]) if last.startswith("_") else last
        if isinstance(value, _Gone):
            del node[key]
        else:
            node[key] = value
    return copy


def canary(name: str, **changes: Any) -> dict[str, Any]:
    return obj("Canary", name, changed(CANARY, **changes))


def request(name: str, **changes: Any) -> dict[str, Any]:
    return obj("CanaryRequest", name, changed(REQUEST, **changes))


def provider(name: str, **changes: Any) -> dict[str, Any]:
    return obj("AlertProvider", name, changed(PROVIDER, **changes))


def template(name: str, **changes: Any) -> dict[str, Any]:
    return obj("AnalysisTemplate", name, changed(TEMPLATE, **changes))


def cluster_template(name: str, **changes: Any) -> dict[str, Any]:
    secret = {"name": "prometheus-login", "namespace": "monitoring"}
    spec = changed(changed(TEMPLATE, provider__secretRef=secret), **changes)
    return obj("ClusterAnalysisTemplate", name, spec)


def analysis(name: str, **fields: Any) -> dict[str, Any]:
    """A canary whose analysis has further fields."""
    return canary(name, **{f"analysis__{field}": value for field, value in fields.items()})


def metric(name: str, value: object) -> dict[str, Any]:
    return canary(name, analysis__metrics=[value])


def comparing(**changes: Any) -> dict[str, Any]:
    return metric("x", {"name": "errors", "compare": changes})


def objective(value: object) -> dict[str, Any]:
    return metric("x", {"name": "slo", "objective": value})


def templated(**changes: Any) -> dict[str, Any]:
    return metric("x", changed(TEMPLATED, **changes))


def asked(server: object) -> dict[str, Any]:
    return analysis("x", metricsServer=server)


TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-v1"}
RANGE = {"min": 99, "max": 98}
LIMIT = "atMost"  # codespell:ignore
STAY = {"weight": 5, "for": "2m"}
ERRORS: dict[str, Any] = {"name": "errors", "compare": {}}
SLO: dict[str, Any] = {"name": "slo", "objective": {"maxErrorRate": 0.01}}
SLOW: dict[str, Any] = {"le": 500, "maxFraction": 0.01}
SERVER = {"address": "http://thanos.monitoring:9090/prometheus"}
BEARER = {"authorization": "Bearer x"}
GIVEN = {"templateVariables": {"queue": "orders"}}
OF_ALL = "ClusterAnalysisTemplate"
MANY_WORDS = {f"word{n}": "x" for n in range(11)}
MANY_ARGS = [{"name": name, "value": "x" * 512} for name in MANY_WORDS]
MANY_STEPS = [{"weight": weight} for weight in range(1, 52)]
MANY_ALERTS = [{"name": f"a{n}", "providerRef": {"name": "slack"}} for n in range(11)]
MANY_METRICS = [query("vector(1)") | {"name": f"m{n}"} for n in range(21)]
