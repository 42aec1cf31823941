"""Objects that must be refused, by `canaryd lint` and by the API server, naming the field.

Each is a good object with one thing wrong: (id, object, the field that the message must name).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

API_VERSION = "canaryd.io/v1beta1"
Changes = Mapping[str, Any]


class Bad(NamedTuple):
    """An object with a mistake, and the field that the refusal must name."""

    id: str
    object: dict[str, Any]
    field: str


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

_CANARIES: list[tuple[str, dict[str, Any], str]] = [
    ("no-slots", canary("x", slots=GONE), "slots"),
    ("one-slot", canary("x", slots=[slot("v1", "a")]), "slots"),
    ("three-slots", canary("x", slots=[slot(f"v{n}", f"d{n}") for n in range(3)]), "slots"),
    ("slots-same-name", canary("x", slots=[slot("v1", "a"), slot("v1", "b")]), "slots"),
    ("slots-same-target", canary("x", slots=[slot("v1", "a"), slot("v2", "a")]), "targetRef.name"),
    ("slot-without-name", canary("x", slots___0__name=GONE), "name"),
    ("slot-name-upper-case", canary("x", slots___0__name="V1"), "slots[0].name"),
    ("slot-name-empty", canary("x", slots___0__name=""), "slots[0].name"),
    ("slot-name-too-long", canary("x", slots___0__name="v" * 64), "slots[0].name"),
    ("slot-subset-spaces", canary("x", slots___0__subset="a b"), "slots[0].subset"),
    ("slot-without-target", canary("x", slots___0__targetRef=GONE), "targetRef"),
    ("target-daemonset", canary("x", slots___0__targetRef=TARGET | {"kind": "DaemonSet"}), "kind"),
    (
        "target-version",
        canary("x", slots___0__targetRef=TARGET | {"apiVersion": "v1"}),
        "apiVersion",
    ),
    ("target-name", canary("x", slots___1__targetRef=TARGET | {"name": "a_b"}), "targetRef.name"),
    ("no-virtual-service", canary("x", virtualService=GONE), "virtualService"),
    ("virtual-service-text", canary("x", virtualService="podinfo"), "virtualService"),
    ("virtual-service-name", canary("x", virtualService={"name": "-a"}), "virtualService.name"),
    ("route-empty", canary("x", virtualService={"name": "a", "route": ""}), "virtualService.route"),
    ("unknown-field", canary("x", service={"port": 80}), "service"),
    ("unknown-analysis-field", analysis("x", iterations=3), "iterations"),
    ("deadline-zero", canary("x", progressDeadlineSeconds=0), "progressDeadlineSeconds"),
    ("deadline-duration", canary("x", progressDeadlineSeconds="10m"), "progressDeadlineSeconds"),
    ("deadline-fraction", canary("x", progressDeadlineSeconds=1.5), "progressDeadlineSeconds"),
    ("suspend-text", canary("x", suspend="yes"), "suspend"),
    ("interval-without-unit", analysis("x", interval="60"), "analysis.interval"),
    ("interval-number", analysis("x", interval=60), "analysis.interval"),
    ("interval-negative", analysis("x", interval="-1m"), "analysis.interval"),
    ("interval-days", analysis("x", interval="1d"), "analysis.interval"),
    ("interval-too-short", analysis("x", interval="999ms"), "analysis.interval"),
    ("interval-too-long", analysis("x", interval="168h1s"), "analysis.interval"),
    ("interval-endless", analysis("x", interval="9" * 30 + "h"), "analysis.interval"),
    ("threshold-zero", analysis("x", threshold=0), "analysis.threshold"),
    ("threshold-text", analysis("x", threshold="5"), "analysis.threshold"),
    ("step-weight-zero", analysis("x", stepWeight=0), "analysis.stepWeight"),
    ("step-weight-101", analysis("x", stepWeight=101), "analysis.stepWeight"),
    ("two-ways-to-step", analysis("x", stepWeight=10, stepWeights=[10, 100]), "stepWeights"),
    ("three-ways", analysis("x", stepWeights=[1], steps=[{"weight": 1}]), "stepWeights"),
    ("step-weights-fall", analysis("x", stepWeights=[10, 5]), "stepWeights"),
    ("step-weights-equal", analysis("x", stepWeights=[10, 10, 100]), "stepWeights"),
    ("step-weights-101", analysis("x", stepWeights=[10, 101]), "stepWeights[1]"),
    ("step-weights-empty", analysis("x", stepWeights=[]), "stepWeights"),
    ("max-weight-and-weights", analysis("x", maxWeight=50, stepWeights=[10, 20]), "maxWeight"),
    ("max-weight-and-steps", analysis("x", maxWeight=50, steps=[{"weight": 5}]), "maxWeight"),
    ("max-weight-zero", analysis("x", maxWeight=0), "maxWeight"),
    ("steps-fall", analysis("x", steps=[{"weight": 50}, {"weight": 5}]), "steps"),
    ("steps-equal", analysis("x", steps=[{"weight": 5}, {"weight": 5}]), "steps"),
    ("steps-empty", analysis("x", steps=[]), "steps"),
    ("steps-too-many", analysis("x", steps=MANY_STEPS), "steps"),
    ("step-without-weight", analysis("x", steps=[{"for": "1m"}]), "steps[0].weight"),
    ("step-at-most-below-for", analysis("x", steps=[STAY | {LIMIT: "1m59s"}]), LIMIT),
    ("step-at-most-below-interval", analysis("x", steps=[{"weight": 5, LIMIT: "59s"}]), LIMIT),
    ("step-at-most", analysis("x", steps=[{"weight": 5, LIMIT: "long"}]), LIMIT),
    ("step-for", analysis("x", steps=[{"weight": 5, "for": "soon"}]), "steps[0].for"),
    ("step-approval", analysis("x", steps=[{"weight": 5, "approval": 1}]), "steps[0].approval"),
    ("ready-threshold", analysis("x", canaryReadyThreshold=101), "canaryReadyThreshold"),
    ("metrics-too-many", analysis("x", metrics=MANY_METRICS), "analysis.metrics"),
    ("metrics-same-name", analysis("x", metrics=[SUCCESS, SUCCESS]), "analysis.metrics"),
    ("metric-without-range", metric("x", {"name": "request-duration"}), "thresholdRange"),
    ("range-empty", metric("x", SUCCESS | {"thresholdRange": {}}), "thresholdRange"),
    ("range-upside-down", metric("x", SUCCESS | {"thresholdRange": RANGE}), "thresholdRange"),
    ("range-text", metric("x", SUCCESS | {"thresholdRange": {"min": "99"}}), "thresholdRange.min"),
    ("rate-above-100", metric("x", SUCCESS | {"thresholdRange": {"min": 101}}), "thresholdRange"),
    ("rate-below-0", metric("x", SUCCESS | {"thresholdRange": {"max": -1}}), "thresholdRange"),
    ("builtin-with-query", metric("x", SUCCESS | {"query": "vector(1)"}), "query"),
    ("other-without-query", metric("x", SUCCESS | {"name": "queue"}), "query"),
    ("query-empty", metric("x", query("")), "query"),
    ("query-unknown-variable", metric("x", query('x{a="{{ pod }}"}')), "query"),
    ("query-unclosed", metric("x", query('x{a="{{ name"}')), "query"),
    ("query-too-long", metric("x", query("1+" * 2048 + "1")), "query"),
    ("metric-name", metric("x", query("vector(1)") | {"name": "a_b"}), "metrics[0].name"),
    ("metric-interval", metric("x", SUCCESS | {"interval": "0s"}), "metrics[0].interval"),
    ("metric-template", metric("x", SUCCESS | {"templateRef": {"name": "a"}}), "templateRef"),
    ("two-gates-in-one", metric("x", ERRORS | {"thresholdRange": {"max": 1}}), "thresholdRange"),
    ("three-gates", metric("x", ERRORS | SLO | {"name": "errors"}), "objective"),
    ("compare-other-name", metric("x", {"name": "faults", "compare": {}}), "compare"),
    ("compare-query", metric("x", ERRORS | {"query": "vector(1)"}), "query"),
    ("compare-interval", metric("x", ERRORS | {"interval": "1m"}), "interval"),
    ("compare-ratio-below-1", comparing(ratio=0.9), "compare.ratio"),
    ("compare-ratio-101", comparing(ratio=101), "compare.ratio"),
    ("compare-ratio-text", comparing(ratio="2"), "compare.ratio"),
    ("compare-delta-per-cent", comparing(delta=1), "is a fraction: 0.01 is 1 %"),
    ("compare-delta-negative", comparing(delta=-0.1), "compare.delta"),
    ("compare-unknown-field", comparing(margin=1), "margin"),
    ("objective-empty", objective({}), "objective"),
    ("objective-both", objective({"maxErrorRate": 0.1, "latency": SLOW}), "objective"),
    ("objective-rate-per-cent", objective({"maxErrorRate": 1}), "is a fraction: 0.01 is 1 %"),
    ("objective-rate-zero", objective({"maxErrorRate": 0}), "objective.maxErrorRate"),
    ("objective-slow-99", objective({"latency": SLOW | {"maxFraction": 99}}), "is a fraction"),
    ("objective-edge-zero", objective({"latency": SLOW | {"le": 0}}), "latency.le"),
    ("objective-edge-text", objective({"latency": SLOW | {"le": "+Inf"}}), "latency.le"),
    ("objective-without-edge", objective({"latency": {"maxFraction": 0.1}}), "latency.le"),
    ("objective-of-a-builtin", metric("x", SLO | {"name": "request-duration"}), "thresholdRange"),
    ("template-and-query", templated(query="vector(1)"), "templateRef"),
    ("template-without-range", templated(thresholdRange=GONE), "thresholdRange"),
    ("template-and-compare", templated(thresholdRange=GONE, compare={}), "templateRef"),
    ("template-without-name", templated(templateRef={}), "templateRef.name"),
    ("template-kind", templated(templateRef__kind="MetricTemplate"), "templateRef.kind"),
    ("cluster-template-namespace", templated(templateRef__kind=OF_ALL), "templateRef"),
    ("template-variable-name", templated(templateVariables={"a b": "c"}), "templateVariables"),
    ("template-variable-value", templated(templateVariables={"a": 1}), "templateVariables"),
    ("template-variables-too-many", templated(templateVariables=MANY_WORDS), "templateVariables"),
    ("variables-without-template", metric("x", SUCCESS | GIVEN), "templateVariables"),
    ("alpha-zero", analysis("x", alpha=0), "analysis.alpha"),
    ("alpha-per-cent", analysis("x", alpha=1), "analysis.alpha"),
    ("alpha-text", analysis("x", alpha="0.01"), "analysis.alpha"),
    ("preset-unknown", analysis("x", preset="strict"), "analysis.preset"),
    ("evaluate-too-often", analysis("x", evaluateEvery="999ms"), "analysis.evaluateEvery"),
    ("evaluate-too-rarely", analysis("x", evaluateEvery="5m1s"), "analysis.evaluateEvery"),
    ("reporter-unknown", analysis("x", reporter="gateway"), "analysis.reporter"),
    ("grpc-empty", analysis("x", grpcGood=[]), "analysis.grpcGood"),
    ("grpc-17", analysis("x", grpcGood=[0, 17]), "analysis.grpcGood[1]"),
    ("grpc-name", analysis("x", grpcGood=["OK", "NotFound"]), "analysis.grpcGood[1]"),
    ("grpc-without-ok", analysis("x", grpcGood=["NOT_FOUND"]), "analysis.grpcGood"),
    ("server-without-address", asked({"secretRef": {"name": "a"}}), "metricsServer.address"),
    ("server-login", asked({"address": "http://ann:pw@prometheus:9090"}), "has a login in it"),
    ("server-login-without-password", asked({"address": "https://ann@a/b"}), "has a login in it"),
    ("server-scheme", asked({"address": "prometheus:9090"}), "metricsServer.address"),
    ("server-query", asked({"address": "http://a/?b=c"}), "metricsServer.address"),
    ("server-secret", asked(SERVER | {"secretRef": {}}), "metricsServer.secretRef.name"),
    ("server-delay", asked(SERVER | {"delay": "11m"}), "metricsServer.delay"),
    ("server-header-name", asked(SERVER | {"headers": {"a b": "c"}}), "metricsServer.headers"),
    ("server-header-value", asked(SERVER | {"headers": {"a": "b\r\nc"}}), "metricsServer.headers"),
    ("server-header-login", asked(SERVER | {"headers": BEARER}), "secretRef"),
    ("server-header-own", asked(SERVER | {"headers": {"Content-Type": "a"}}), "Content-*"),
    ("server-headers-too-many", asked(SERVER | {"headers": MANY_WORDS}), "metricsServer.headers"),
    ("server-type", asked(SERVER | {"type": "prometheus"}), "type"),
    ("no-data-then", analysis("x", noData={"then": "Abort"}), "noData.then"),
    ("no-data-after", analysis("x", noData={"after": "never"}), "noData.after"),
    ("unavailable-advance", analysis("x", unavailable={"then": "Advance"}), "unavailable.then"),
    ("alerts-too-many", canary("x", analysis__alerts=MANY_ALERTS), "alerts"),
    ("alerts-same-name", canary("x", analysis__alerts=[MANY_ALERTS[0], MANY_ALERTS[0]]), "alerts"),
    ("alert-severity", canary("x", analysis__alerts___0__severity="loud"), "severity"),
    ("alert-without-provider", canary("x", analysis__alerts___0__providerRef=GONE), "providerRef"),
    ("slots-null", canary("x", slots=None), "slots"),
    ("no-spec", {key: value for key, value in canary("x").items() if key != "spec"}, "spec"),
]
_OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("approve-without-step", request("x", step=GONE), "step"),
    ("promote-with-step", request("x", verb="promote"), "step"),
    ("step-zero", request("x", step=0), "step"),
    ("verb-unknown", request("x", verb="undo"), "verb"),
    ("no-verb", request("x", verb=GONE), "verb"),
    ("no-canary", request("x", canary=GONE), "canary"),
    ("canary-name", request("x", canary="demo/podinfo"), "canary"),
    ("no-revision", request("x", revision=GONE), "revision"),
    ("revision-empty", request("x", revision=""), "revision"),
    ("by-nobody", request("x", by=""), "by"),
    ("reason-too-long", request("x", reason="a" * 1025), "reason"),
    ("request-unknown-field", request("x", force=True), "force"),
    ("provider-type", provider("x", type="pager"), "type"),
    ("no-type", provider("x", type=GONE), "type"),
    ("no-address", provider("x", secretRef=GONE), "address"),
    ("two-addresses", provider("x", address="https://example.com/hook"), "address"),
    ("address-scheme", provider("x", secretRef=GONE, address="ftp://example.com"), "address"),
    ("address-spaces", provider("x", secretRef=GONE, address="https://a b"), "address"),
    ("secret-without-name", provider("x", secretRef={}), "secretRef.name"),
    ("webhook-channel", provider("x", type="webhook"), "channel"),
    ("channel-empty", provider("x", channel=""), "channel"),
    ("provider-unknown-field", provider("x", proxy="http://proxy"), "proxy"),
]
_TEMPLATES: list[tuple[str, dict[str, Any], str]] = [
    ("template-without-query", template("x", query=GONE), "query"),
    ("template-query-empty", template("x", query=""), "query"),
    ("template-query-too-long", template("x", query="1+" * 2048 + "1"), "query"),
    ("template-unclosed", template("x", query='x{a="{{ name"}'), "query"),
    ("template-unknown", template("x", query='x{a="{{ pod }}"}'), "query"),
    ("template-undeclared", template("x", args=GONE), "args"),
    ("template-other-declared", template("x", args=[{"name": "queues"}]), "args"),
    ("template-unnamed-variable", template("x", query="x > {{ variables. }}"), "query"),
    ("template-args-same-name", template("x", args=[{"name": "queue"}] * 2), "args"),
    ("template-args-too-many", template("x", args=MANY_ARGS), "args"),
    ("template-arg-name", template("x", args___0__name="a-b"), "args[0].name"),
    ("template-arg-without-name", template("x", args___0__name=GONE), "name"),
    ("template-arg-value", template("x", args___1__value=7), "args[1].value"),
    ("template-unit", template("x", unit="m" * 33), "unit"),
    ("template-description", template("x", description="m" * 1025), "description"),
    ("template-unknown-field", template("x", interval="1m"), "interval"),
    ("provider-of-a-template", template("x", provider__type="datadog"), "provider.type"),
    ("provider-without-type", template("x", provider__type=GONE), "type"),
    ("provider-without-address", template("x", provider__address=GONE), "address"),
    ("provider-login", template("x", provider__address="http://a:b@c"), "has a login in it"),
    ("provider-secret-namespace", template("x", provider__secretRef__namespace="a"), "namespace"),
    ("cluster-secret", cluster_template("x", provider__secretRef__namespace=GONE), "namespace"),
    ("cluster-undeclared", cluster_template("x", args=GONE), "args"),
]
BAD_OBJECTS = [Bad(*case) for case in (*_CANARIES, *_OTHERS, *_TEMPLATES)]

STEPS = [{"weight": 5, "for": "2m"}, {"weight": 50, "for": "1h30m", "approval": True}]
_WEBHOOK = {"type": "webhook", "address": "http://receiver.demo:8080/hook?a=b"}
_MINIMAL = {"slots": CANARY["slots"], "virtualService": {"name": "podinfo"}, "skipAnalysis": True}
_FULL_METRICS = [query("vector({{weight}})") | {"name": f"m{n}"} for n in range(20)]
GOOD_OBJECTS = [
    canary("as-in-the-docs"),
    obj("Canary", "least", _MINIMAL),
    canary("whole-floats", progressDeadlineSeconds=600.0, analysis__threshold=5.0),
    canary("nulls", analysis__alerts=None, analysis__interval=None, slots___0__subset=None),
    canary("no-analysis", analysis=GONE),
    analysis("no-metrics", metrics=[]),
    analysis("the-usual-gates", metrics=[ERRORS, {"name": "latency", "compare": {}}]),
    analysis(
        "gates",
        metrics=[
            {"name": "errors", "compare": {"ratio": 1, "delta": 0}},
            {"name": "latency", "objective": {"latency": {"le": 0.5, "maxFraction": 0.999}}},
            SLO,
        ],
        alpha=0.5,
        preset="quiet",
        evaluateEvery="5m",
        reporter="waypoint",
        grpcGood=[0, "NOT_FOUND", 16.0],
        steps=[STAY | {LIMIT: "2m"}, {"weight": 50, LIMIT: "1m"}],
    ),
    metric("with-template", TEMPLATED),
    metric(
        "with-cluster-template",
        changed(TEMPLATED, templateRef={"kind": OF_ALL, "name": "a.b"}, templateVariables=GONE),
    ),
    metric("threshold-named-errors", query("vector(1)") | {"name": "errors"}),
    analysis(
        "server",
        metricsServer=SERVER
        | {"secretRef": {"name": "a"}, "headers": {"X-Scope-OrgID": "a|b"}, "delay": "30s"},
    ),
    analysis("step-weights", stepWeights=[1, 5, 25, 100]),
    analysis("fifty-steps", steps=MANY_STEPS[:50]),
    analysis("steps", steps=STEPS, canaryReadyThreshold=50, unavailable={"then": "RollBack"}),
    analysis("half-way", stepWeight=20, maxWeight=50, noData={"after": "5m", "then": "Advance"}),
    analysis("twenty-metrics", metrics=_FULL_METRICS),
    metric("query", query('sum(\nx{ns="{{ namespace }}",v=~"{{revision}}.*"}) > {{ weight }}')),
    metric("longest-query", query("x" * 4096)),
    metric("bounds", SUCCESS | {"interval": "500ms1s", "thresholdRange": {"min": 0, "max": 100}}),
    request("approve"),
    request("promote", verb="promote", step=GONE, reason=GONE),
    provider("slack"),
    obj("AlertProvider", "webhook", _WEBHOOK),
    template("template"),
    template("template-of-nothing", args=GONE, provider=GONE, unit=GONE, query="vector(1)"),
    template("template-with-ten", args=MANY_ARGS[:10], query="{{ variables.word9 }}"),
    template("template-longest", query="{{variables.queue}}+" * 200 + "1"),
    cluster_template("template-for-all"),
]
