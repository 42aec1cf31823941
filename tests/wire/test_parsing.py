"""What users write into a Canary becomes what the program knows, complete and typed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from canaryd.model.gates import (
    TOLERATED,
    Compare,
    Counted,
    Evidential,
    MetricsServer,
    Objective,
    Preset,
    Reporter,
    Tolerance,
)
from canaryd.model.names import Key
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Alert, Bounds, MissingPolicy, Otherwise, Severity, Spec, Step
from canaryd.model.template import TemplateKind, TemplateRef
from canaryd.wire.canary import parse_spec
from canaryd.wire.fields import parse_duration
from tests.wire.objects import CANARY, GONE, TEMPLATED, changed

MINUTE = timedelta(minutes=1)


def parsed(spec: dict[str, Any]) -> Spec:
    result = parse_spec(orjson.dumps(spec), "demo")
    assert isinstance(result, Spec), result
    return result


def weights(**analysis: Any) -> list[int]:
    spec = changed(CANARY, **{f"analysis__{key}": value for key, value in analysis.items()})
    return [step.weight for step in parsed(spec).analysis.steps]


def test_every_default_is_filled_in() -> None:
    spec = parsed(changed(CANARY, analysis=GONE, skipAnalysis=True))

    assert spec.progress_deadline == timedelta(minutes=10)
    assert (spec.suspend, spec.skip_analysis, spec.alerts, spec.route) == (False, True, (), None)
    assert spec.analysis.interval == MINUTE
    assert spec.analysis.threshold == 5
    assert spec.analysis.ready_threshold == 100
    assert spec.analysis.no_data == MissingPolicy(timedelta(minutes=10), Otherwise.HOLD)
    assert spec.analysis.unavailable == MissingPolicy(timedelta(minutes=30), Otherwise.HOLD)
    assert [step.weight for step in spec.analysis.steps] == list(range(10, 101, 10))
    assert spec.analysis.evidence == Evidential()


def test_everything_written_arrives() -> None:
    spec = parsed(changed(CANARY, virtualService__route="main", suspend=True))

    assert [(slot.name, slot.deployment, slot.subset) for slot in spec.slots] == [
        ("v1", "podinfo-v1", "v1"),
        ("v2", "podinfo-v2", "v2"),
    ]
    assert (spec.virtual_service, spec.route, spec.suspend) == ("podinfo", "main", True)
    first, second = spec.analysis.metrics
    assert (first.name, first.bounds) == ("request-success-rate", Bounds(minimum=99))
    assert (second.bounds, second.interval) == (Bounds(maximum=500), timedelta(seconds=30))
    assert spec.alerts == (Alert("ops", Severity.WARN, Key("demo", "slack")),)


def test_an_alerts_provider_may_live_in_another_namespace() -> None:
    spec = parsed(changed(CANARY, analysis__alerts___0__providerRef__namespace="canaryd"))

    assert spec.alerts[0].provider == Key("canaryd", "slack")


@pytest.mark.parametrize(
    ("analysis", "expected"),
    [
        ({"stepWeight": 40}, [40, 80, 100]),
        ({"stepWeight": 50}, [50, 100]),
        ({"stepWeight": 100}, [100]),
        ({"stepWeight": 20, "maxWeight": 50}, [20, 40, 50]),
        ({"maxWeight": 25}, [10, 20, 25]),
        ({"stepWeight": 50, "maxWeight": 5}, [5]),
        ({"stepWeights": [1, 5, 25]}, [1, 5, 25]),
    ],
)
def test_steps_rise_to_exactly_the_last(analysis: dict[str, Any], expected: list[int]) -> None:
    assert weights(**analysis) == expected


def test_a_step_stays_for_the_interval_unless_it_says_otherwise() -> None:
    steps = [{"weight": 5, "for": "1m30s"}, {"weight": 50, "approval": True}]
    spec = parsed(changed(CANARY, analysis__steps=steps, analysis__interval="2m"))

    assert [(step.weight, step.least, step.approval) for step in spec.analysis.steps] == [
        (5, timedelta(seconds=90), False),
        (50, 2 * MINUTE, True),
    ]
    assert isinstance(spec.analysis.steps[0], Step)


@pytest.mark.parametrize(
    ("interval", "step", "most"),
    [
        ("10s", {}, timedelta(minutes=5)),
        ("2m", {}, timedelta(minutes=10)),
        ("1m", {"for": "30m"}, timedelta(minutes=30)),
        ("1m", {"for": "2m", "atMost": "2m30s"}, timedelta(seconds=150)),
    ],
)
def test_a_step_stays_at_most_five_intervals_unless_it_says_otherwise(
    interval: str, step: dict[str, Any], most: timedelta
) -> None:
    steps = [{"weight": 5} | step]
    spec = parsed(changed(CANARY, analysis__steps=steps, analysis__interval=interval))

    assert spec.analysis.steps[0].most == most


def test_steps_that_are_not_written_out_have_a_most_stay_as_well() -> None:
    spec = parsed(changed(CANARY, analysis__interval="2m", analysis__stepWeights=[1, 100]))

    assert [step.most for step in spec.analysis.steps] == [timedelta(minutes=10)] * 2


USUAL = (
    Compare("errors", Counted.ERRORS, Tolerance(1.1, 0.0005)),
    Compare("latency", Counted.LATENCY, Tolerance(1.1, 0.002)),
)


@pytest.mark.parametrize("analysis", [GONE, {}, {"metrics": []}, {"metrics": None}])
def test_without_metrics_errors_and_latency_are_compared(analysis: Any) -> None:
    found = parsed(changed(CANARY, analysis=analysis)).analysis

    assert found.evidence == Evidential(gates=USUAL)
    assert found.metrics == ()


def test_what_shall_not_be_judged_has_no_gates() -> None:
    evidence = parsed(changed(CANARY, analysis=GONE, skipAnalysis=True)).analysis.evidence

    assert evidence.gates == ()


def test_a_canary_with_thresholds_only_is_judged_by_them_only() -> None:
    assert parsed(CANARY).analysis.evidence.gates == ()


def test_the_presets_tolerate_what_is_documented() -> None:
    assert {
        (preset.value, counted.value): (limit.ratio, limit.delta)
        for (preset, counted), limit in TOLERATED.items()
    } == {
        ("sensitive", "errors"): (1.0, 0.0),
        ("sensitive", "latency"): (1.0, 0.0),
        ("default", "errors"): (1.1, 0.0005),
        ("default", "latency"): (1.1, 0.002),
        ("quiet", "errors"): (1.25, 0.001),
        ("quiet", "latency"): (1.25, 0.004),
    }


@pytest.mark.parametrize("preset", Preset)
@pytest.mark.parametrize("counted", Counted)
def test_the_preset_says_what_is_tolerated_where_the_gate_does_not(
    preset: Preset, counted: Counted
) -> None:
    def tolerated(compare: dict[str, float]) -> Tolerance:
        metrics = [{"name": counted.value, "compare": compare}]
        spec = parsed(changed(CANARY, analysis={"metrics": metrics, "preset": preset.value}))
        (gate,) = spec.analysis.evidence.gates
        assert isinstance(gate, Compare)
        return gate.tolerance

    usual = TOLERATED[preset, counted]
    assert tolerated({}) == usual
    assert tolerated({"ratio": 3}) == Tolerance(3, usual.delta)
    assert tolerated({"delta": 0}) == Tolerance(usual.ratio, 0)


def test_everything_written_about_evidence_arrives() -> None:
    slow = {"latency": {"le": 500, "maxFraction": 0.01}}
    analysis = {
        "metrics": [
            {"name": "slo", "objective": {"maxErrorRate": 0.001}},
            {"name": "latency", "objective": slow},
        ],
        "alpha": 0.05,
        "evaluateEvery": "30s",
        "reporter": "source",
        "grpcGood": ["OK", 5, "UNAUTHENTICATED"],
    }

    assert parsed(changed(CANARY, analysis=analysis)).analysis.evidence == Evidential(
        gates=(
            Objective("slo", Counted.ERRORS, 0.001),
            Objective("latency", Counted.LATENCY, 0.01, 500),
        ),
        alpha=0.05,
        evaluate_every=timedelta(seconds=30),
        reporter=Reporter.SOURCE,
        grpc_good=frozenset({"0", "5", "16"}),
    )


def test_a_metrics_servers_secret_is_in_the_canarys_namespace() -> None:
    server = {
        "address": "https://mimir:8080/prometheus",
        "secretRef": {"name": "login"},
        "headers": {"X-Scope-OrgID": "shop"},
        "delay": "30s",
    }
    found = parsed(changed(CANARY, analysis__metricsServer=server)).analysis.server

    assert found == MetricsServer(
        address="https://mimir:8080/prometheus",
        secret=Key("demo", "login"),
        headers={"X-Scope-OrgID": "shop"},
        delay=timedelta(seconds=30),
    )


def test_without_a_metrics_server_the_daemons_is_asked() -> None:
    assert parsed(CANARY).analysis.server is None


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ({}, TemplateRef(TemplateKind.NAMESPACED, "demo", "queue")),
        ({"namespace": "other"}, TemplateRef(TemplateKind.NAMESPACED, "other", "queue")),
        ({"kind": "ClusterAnalysisTemplate"}, TemplateRef(TemplateKind.CLUSTER, "", "queue")),
    ],
)
def test_a_template_is_looked_for_where_the_canary_is(
    ref: dict[str, Any], found: TemplateRef
) -> None:
    metric = changed(TEMPLATED, templateRef={"name": "queue"} | ref)
    (read,) = parsed(changed(CANARY, analysis__metrics=[metric])).analysis.metrics

    assert (read.template, read.variables, read.query) == (found, {"queue": "orders"}, None)


def test_a_login_in_an_address_is_refused_without_repeating_it() -> None:
    server = {"address": "http://ann:hunter2@prometheus:9090"}
    problem = parse_spec(orjson.dumps(changed(CANARY, analysis__metricsServer=server)), "demo")

    assert isinstance(problem, Problem)
    assert "put username and password into a Secret" in problem.message
    assert "hunter2" not in problem.message


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1m30s", timedelta(seconds=90)),
        ("500ms", timedelta(milliseconds=500)),
        ("1.5h", timedelta(minutes=90)),
        ("1h0m0.25s", timedelta(seconds=3600, milliseconds=250)),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "5", "m", "1d", "-1m", "+1m", "1 m", "1m\n", ".5s", "9" * 400 + "h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"slots": null}'])
def test_an_unreadable_spec_is_a_problem(raw: bytes) -> None:
    problem = parse_spec(raw, "demo")

    assert isinstance(problem, Problem)
    assert problem.reason == "InvalidSpec"
    assert "spec" in problem.message


def test_only_the_first_mistakes_are_told() -> None:
    problem = parse_spec(b'{"a": 1, "b": 1, "c": 1}', "demo")

    assert isinstance(problem, Problem)
    assert problem.message.count(";") == 3
    assert problem.message.endswith("and 2 more")
