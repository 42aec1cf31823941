"""Templates: metrics are complete before anything is decided; what is wrong is said in words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.spec import Metric
from canaryd.runtime.store import Store
from canaryd.wire import watch
from tests.runtime.fakes import KEY, HandClock, store
from tests.runtime.test_gather import gather
from tests.wire.objects import CANARY

QUERY = 'queue_depth{queue="{{ variables.queue }}"}'
SPEC: dict[str, Any] = {
    "unit": "messages",
    "query": QUERY,
    "args": [{"name": "queue"}, {"name": "unused", "value": "7"}],
    "provider": {
        "type": "prometheus",
        "address": "http://own:9090",
        "secretRef": {"name": "login"},
    },
}


def a_template(
    name: str = "queue-depth", namespace: str = "demo", version: int = 1, **changes: Any
) -> watch.TemplateObject:
    body = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "resourceVersion": str(version),
            "generation": version,
        },
        "spec": {**SPEC, **changes},
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=watch.TemplateObject)


def a_canary(version: int = 1, name: str = KEY.name, **metric: Any) -> watch.CanaryObject:
    body = {
        "name": "queue",
        "thresholdRange": {"max": 100},
        "templateRef": {"name": "queue-depth"},
        "templateVariables": {"queue": "orders"},
        **metric,
    }
    spec = {**CANARY, "analysis": {**CANARY["analysis"], "metrics": [body]}}
    meta = {
        "name": name,
        "namespace": KEY.namespace,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": version,
    }
    return msgspec.json.decode(
        msgspec.json.encode({"metadata": meta, "spec": spec}), type=watch.CanaryObject
    )


def metric(known: Store) -> Metric:
    (found,) = gather(known).spec.analysis.metrics
    return found


def test_a_metric_has_query_unit_server_and_variables_of_its_template() -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, a_canary())
    known.apply(watch.TEMPLATES, a_template())
    found = metric(known)
    assert (found.query, found.unit, found.refusal) == (QUERY, "messages", "")
    assert found.variables == {"queue": "orders", "unused": "7"}
    assert found.server == MetricsServer("http://own:9090", Key("demo", "login"))


def test_a_template_of_the_cluster_is_found_without_a_namespace() -> None:
    known = store(HandClock())
    ref = {"kind": "ClusterAnalysisTemplate", "name": "queue-depth"}
    known.apply(watch.CANARIES, a_canary(templateRef=ref))
    known.apply(
        watch.CLUSTER_TEMPLATES,
        a_template(namespace="", provider={"type": "prometheus", "address": "http://own:9090"}),
    )
    assert metric(known).query == QUERY


@pytest.mark.parametrize(
    ("variables", "changes", "words"),
    [
        ({}, {}, ["AnalysisTemplate demo/queue-depth needs queue", "templateVariables", "queue"]),
        (
            {"queue": "orders", "colour": "red"},
            {},
            ["give colour", "AnalysisTemplate demo/queue-depth does not have", "queue, unused"],
        ),
        (
            {"queue": "orders"},
            {"query": ""},
            ["AnalysisTemplate demo/queue-depth", "cannot be read"],
        ),
    ],
    ids=["missing", "unknown", "invalid"],
)
def test_a_metric_that_does_not_fit_its_template_is_refused_in_words(
    variables: dict[str, str], changes: dict[str, Any], words: list[str]
) -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, a_canary(templateVariables=variables))
    known.apply(watch.TEMPLATES, a_template(**changes))
    refusal = metric(known).refusal
    for word in (*words, "metric queue (spec.analysis.metrics)"):
        assert word in refusal


def test_a_template_that_does_not_exist_is_named_until_it_is_created() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, a_canary())
    assert "AnalysisTemplate demo/queue-depth does not exist: create it" in metric(known).refusal
    queued.clear()
    known.apply(watch.TEMPLATES, a_template())
    assert queued == [KEY]
    assert metric(known).refusal == ""


def test_a_change_of_a_template_wakes_the_canaries_that_use_it_and_no_others() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, a_canary())
    known.apply(watch.CANARIES, a_canary(name="other", templateRef={"name": "another"}))
    known.apply(watch.TEMPLATES, a_template())
    queued.clear()
    known.apply(watch.TEMPLATES, a_template(version=2, query="up"))
    assert queued == [KEY]
    assert metric(known).query == "up"
    queued.clear()
    known.remove(watch.TEMPLATES, "demo", "queue-depth")
    assert queued == [KEY]
    assert "does not exist" in metric(known).refusal


def test_a_template_of_another_namespace_is_another_template() -> None:
    known = store(HandClock())
    ref = {"name": "queue-depth", "namespace": "monitoring"}
    known.apply(watch.CANARIES, a_canary(templateRef=ref))
    known.apply(watch.TEMPLATES, a_template())
    assert "monitoring/queue-depth does not exist" in metric(known).refusal
    known.apply(watch.TEMPLATES, a_template(namespace="monitoring"))
    assert metric(known).server == MetricsServer("http://own:9090", Key("monitoring", "login"))
