"""Sentences: numbers that do not lie about their bounds, spans as people write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from canaryd.decide import narrate
from canaryd.decide.draft import sure
from canaryd.model.snapshot import Workload
from canaryd.model.spec import DURATION, Bounds, Metric
from tests.decide.build import CANARY, MINUTE, PRIMARY, RATE, a_sample


@pytest.mark.parametrize(
    ("value", "bounds", "says"),
    [
        (98.0, Bounds(minimum=99), "was 98 % over 1m, outside its bound of at least 99 %"),
        (98.9999, Bounds(minimum=99), "was 98.9999 % over 1m, outside its bound of at least 99 %"),
        (99.0, Bounds(minimum=99), "was 99 % over 1m, within its bound of at least 99 %"),
        (99.123456, Bounds(minimum=99), "was 99.12 % over 1m, within its bound of at least 99 %"),
        (0.0, Bounds(maximum=0.005), "was 0 % over 1m, within its bound of at most 0.005 %"),
        (
            0.0051,
            Bounds(maximum=0.005),
            "was 0.0051 % over 1m, outside its bound of at most 0.005 %",
        ),
        (
            -3.5,
            Bounds(-4, -3),
            "was -3.5 % over 1m, within its bound of at least -4 % and at most -3 %",
        ),
        (123456.7, Bounds(maximum=500), "was 123457 % over 1m, outside its bound of at most 500 %"),
        (
            0.1 + 0.2,
            Bounds(maximum=0.3),
            "was 0.30000000000000004 % over 1m, outside its bound of at most 0.3 %",
        ),
    ],
)
def test_a_verdict_says_value_and_bound(value: float, bounds: Bounds, says: str) -> None:
    metric = replace(RATE, bounds=bounds)
    assert narrate.verdict(metric, a_sample(value)) == f"request-success-rate {says}"


def test_units_are_those_of_the_metric() -> None:
    slow = Metric(DURATION, Bounds(maximum=500), MINUTE)
    own = Metric("queue", Bounds(maximum=5), MINUTE, "up")
    assert narrate.verdict(slow, a_sample(612.4)) == (
        "request-duration was 612.4 ms over 1m, outside its bound of at most 500 ms"
    )
    assert narrate.verdict(own, a_sample(6)) == (
        "queue was 6 over 1m, outside its bound of at most 5"
    )
    assert narrate.verdict(replace(own, unit="messages"), a_sample(6)) == (
        "queue was 6 messages over 1m, outside its bound of at most 5 messages"
    )


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0.5, "500ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (60, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (3661, "1h1m1s"),
    ],
)
def test_spans(seconds: float, says: str) -> None:
    assert narrate.span(timedelta(seconds=seconds)) == says


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (
            replace(CANARY, exists=False),
            "Deployment podinfo-v2 does not exist; create it again or abort the rollout",
        ),
        (
            replace(CANARY, paused=True),
            "Deployment podinfo-v2 is paused (spec.paused), so its next revision is unknown; "
            "kubectl rollout resume deployment/podinfo-v2",
        ),
        (
            replace(CANARY, replicas=0),
            "Deployment podinfo-v2 is scaled to 0; "
            "kubectl scale deployment/podinfo-v2 --replicas=1",
        ),
        (
            replace(CANARY, revision=None),
            "Kubernetes has not yet named the new revision of Deployment podinfo-v2",
        ),
        (replace(CANARY, ready=1), "1 of 3 pods of podinfo-v2 are ready, 3 needed"),
    ],
)
def test_readiness(work: Workload, says: str) -> None:
    assert narrate.readiness(work, 3) == says


def test_images() -> None:
    assert narrate.images(replace(PRIMARY, images={"a": "ghcr.io/x/a:1", "b": "b"})) == "a:1, b"
    assert narrate.images(replace(PRIMARY, images={})) == "no image"


def test_what_must_be_there_and_is_not_is_a_bug() -> None:
    with pytest.raises(LookupError):
        sure(None)
