"""Each refusal by `canaryd lint` says field, what is wrong, and what would be right."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from canaryd.wire.explained import explained
from canaryd.wire.objects import mistakes
from canaryd.wire.request import CanaryRequestSpec
from tests.wire.bad_objects import BAD_OBJECTS, Bad
from tests.wire.objects import SUCCESS, analysis, canary, metric, slot

DURATION = "must be a duration of 1s to 168h in h, m, s and ms, like 30s, 1m30s or 1h"
PERCENT = "must be a whole number from 1 to 100"
FRACTION = "must be a fraction: 0.01 is 1 %; use more than 0 and less than 1"
STEP = "an object like {weight: …}; optional: for, atMost, approval"
SLOTS = "must be a list of exactly 2 items, each an object like {name: …, targetRef: …}"
STATUS = "a gRPC status: a number from 0 to 16 or a name like NOT_FOUND"


def slo(**objective: Any) -> dict[str, Any]:
    return metric("x", {"name": "slo", "objective": objective})


def server(**fields: Any) -> dict[str, Any]:
    return analysis("x", metricsServer={"address": "http://p:9090"} | fields)


CASES: list[tuple[dict[str, Any], str]] = [
    (
        analysis("x", evaluateEvery=10),
        "spec.analysis.evaluateEvery is 10, without a unit: must be a duration of 1s to 5m in h, m,"
        " s and ms, like 30s, 1m30s or 1h",
    ),
    (analysis("x", interval=60), f"spec.analysis.interval is 60, without a unit: {DURATION}"),
    (analysis("x", interval=True), f"spec.analysis.interval is true: {DURATION}"),
    (analysis("x", interval=["1m"]), f"spec.analysis.interval is a list: {DURATION}"),
    (analysis("x", interval={"x": 1}), f"spec.analysis.interval is an object: {DURATION}"),
    (analysis("x", interval="1 minute"), f"spec.analysis.interval: {DURATION}"),
    (
        analysis("x", threshold="5"),
        "spec.analysis.threshold is text: must be a whole number from 1 to 1000; without quotes or"
        " unit",
    ),
    (analysis("x", threshold=0), "threshold is 0: must be a whole number from 1 to 1000"),
    (analysis("x", threshold=2.5), "threshold is 2.5: must be a whole number from 1 to 1000"),
    (analysis("x", stepWeight=200), f"spec.analysis.stepWeight is 200: {PERCENT}"),
    (analysis("x", stepWeight="10%"), f"is text: {PERCENT}; without quotes or unit"),
    (
        analysis("x", stepWeights=10),
        "stepWeights is 10: must be a list of 1 to 50 items, each a whole number from 1 to 100",
    ),
    (analysis("x", stepWeights=[]), "stepWeights has 0 items: must be a list of 1 to 50 items"),
    (analysis("x", stepWeights=["10"]), f"spec.analysis.stepWeights[0] is text: {PERCENT}"),
    (analysis("x", steps=[5]), f"spec.analysis.steps[0] is 5: must be {STEP}"),
    (analysis("x", steps="5"), f"steps is text: must be a list of 1 to 50 items, each {STEP}"),
    (
        analysis("x", steps=[{"for": "1m"}]),
        "spec.analysis.steps[0].weight is required: add a whole number from 1 to 100",
    ),
    (
        analysis("x", steps=[{"weight": 5, "approval": "yes"}]),
        "steps[0].approval is text: must be true or false, without quotes",
    ),
    (canary("x", suspend=1), "spec.suspend is 1: must be true or false"),
    (analysis("x", alpha="1%"), "must be a number, more than 0 and at most 0.5: 0.01 is one"),
    (
        analysis("x", alpha=float("inf")),
        "spec.analysis.alpha is inf, which JSON cannot say: give a",
    ),
    (analysis("x", alpha=float("inf")), "which JSON cannot say: give a finite number"),
    (analysis("x", steps=[{"weight": float("nan")}]), "steps[0].weight is nan, which JSON cannot"),
    (analysis("x", preset="strict"), "preset must be 'sensitive', 'default' or 'quiet'"),
    (analysis("x", grpcGood="OK"), f"must be a list of 1 to 17 items, each {STATUS}"),
    (analysis("x", grpcGood=["OK", 1.5]), f"spec.analysis.grpcGood[1] is 1.5: must be {STATUS}"),
    (analysis("x", metrics=[{}] * 21), "must be a list of at most 20 items, each an object like"),
    (metric("x", {"name": 5, "compare": {}}), "name is 5: must be text in quotes: lower-case"),
    (metric("x", {"name": "a" * 64}), "name has 64 characters: may have at most 63"),
    (
        metric("x", {"name": "errors", "compare": True}),
        "compare is true: must be {} or an object with any of ratio, delta",
    ),
    (
        metric("x", {"name": "errors", "compare": {"ratio": 0.5}}),
        "compare.ratio is 0.5: must be a number from 1 to 100",
    ),
    (slo(maxErrorRate="1%"), f"maxErrorRate is text: {FRACTION}; without quotes or unit"),
    (slo(maxErrorRate=1), "use more than 0 and less than 1"),
    (slo(latency=250), "latency is 250: must be an object like {le: …, maxFraction: …}"),
    (slo(latency={"le": 250}), "maxFraction is required: add a fraction: 0.01 is 1 %"),
    (slo(latency={"le": "250ms", "maxFraction": 0.1}), "must be a bucket's edge in milliseconds"),
    (
        metric("x", SUCCESS | {"thresholdRange": 99}),
        "thresholdRange is 99: must be an object with any of min, max",
    ),
    (
        metric("x", SUCCESS | {"thresholdRange": {"min": "99"}}),
        "thresholdRange.min is text: must be a number; without quotes or unit",
    ),
    (
        analysis("x", metricsServer="http://p:9090"),
        "metricsServer is text: must be an object like {address: …}; optional: headers, delay",
    ),
    (analysis("x", metricsServer={}), "address is required: add a URL like http://prometheus:9090"),
    (server(delay=30), "delay is 30, without a unit: must be a duration of 0s to 10m"),
    (
        server(headers=["a"]),
        "headers is a list: must be an object of at most 10 names and values, like {name: value};"
        " each value is text of 1 to 1024 characters",
    ),
    (server(headers={"A": 5}), "A is 5: must be text of 1 to 1024 characters, in quotes"),
    (server(headers={"A": ""}), "A is empty: must be text of 1 to 1024 characters"),
    (
        server(headers={f"A{n}": "b" for n in range(11)}),
        "headers has 11 names: must be an object of at most 10 names",
    ),
    (canary("x", slots=[slot("v1", "a")]), f"spec.slots has 1 item: {SLOTS}"),
    (canary("x", slots={"v1": "a"}), f"spec.slots is an object: {SLOTS}"),
    (canary("x", virtualService="podinfo"), "is text: must be an object like {name: …}"),
    (canary("x") | {"spec": 5}, "spec is 5: must be an object like {slots: …, virtualService: …}"),
    (
        canary("x") | {"spec": None},
        "spec is empty (null): must be an object like {slots: …, virtualService: …}",
    ),
    (analysis("x", steps=[None]), f"spec.analysis.steps[0] is empty (null): must be {STEP}"),
    (analysis("x", stepWeights=[None]), f"stepWeights[0] is empty (null): {PERCENT}"),
    (analysis("x", stepweights=[5]), "not a known field: remove it or correct its name; is"),
    (analysis("x", stepweights=[5]), "; is stepWeights meant?"),
    (
        canary("x", service={}),
        "spec.service is not a known field: remove it or correct its name",
    ),
]


@pytest.mark.parametrize(("document", "said"), CASES, ids=[said[:60] for _, said in CASES])
def test_a_wrong_value_is_told_with_what_would_be_right(
    document: dict[str, Any], said: str
) -> None:
    assert any(said in sentence for sentence in mistakes(document)), mistakes(document)


@pytest.mark.parametrize("bad", BAD_OBJECTS, ids=[bad.id for bad in BAD_OBJECTS])
def test_no_refusal_is_in_the_words_of_a_library(bad: Bad) -> None:
    for sentence in mistakes(bad.object):
        assert not re.search(
            r"valid (string|integer|number|array|boolean|dict)|should |must be (greater|less)|"
            r"(?<!\()\bnull\b|None|\[type=",
            sentence,
        ), sentence


def test_text_that_stands_in_a_wrong_place_is_not_shown() -> None:
    document = canary("x", virtualService="correct horse battery")
    assert "horse" not in "; ".join(mistakes(document))


def test_each_choice_of_a_union_says_it_once() -> None:
    assert len(mistakes(analysis("x", grpcGood=["OK", 1.5]))) == 1


def test_an_object_that_holds_itself_is_said() -> None:
    spec: dict[str, Any] = {}
    spec["slots"] = spec
    assert "JSON cannot say" in "; ".join(mistakes(canary("x") | {"spec": spec}))


def test_what_is_no_json_is_said() -> None:
    with pytest.raises(ValidationError) as caught:
        CanaryRequestSpec.model_validate_json(b"{")
    assert explained(caught.value, CanaryRequestSpec)[0].startswith("spec is not readable")
