"""Objects that must be accepted, by `canaryd lint` and by the API server."""

from __future__ import annotations

from tests.wire.objects import (
    CANARY,
    ERRORS,
    GONE,
    LIMIT,
    MANY_ARGS,
    MANY_STEPS,
    OF_ALL,
    SERVER,
    SLO,
    STAY,
    SUCCESS,
    TEMPLATED,
    analysis,
    canary,
    changed,
    cluster_template,
    metric,
    obj,
    provider,
    query,
    request,
    template,
)

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
