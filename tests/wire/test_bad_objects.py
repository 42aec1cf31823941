"""`canaryd lint` and the daemon refuse bad objects with a sentence that names the field."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from canaryd.model.snapshot import Problem
from canaryd.wire.canary import parse_spec
from canaryd.wire.objects import mistakes
from tests.wire.bad_objects import BAD_OBJECTS, Bad
from tests.wire.good_objects import GOOD_OBJECTS
from tests.wire.objects import canary, obj


@pytest.mark.parametrize("bad", BAD_OBJECTS, ids=[bad.id for bad in BAD_OBJECTS])
def test_a_bad_object_is_refused_with_a_sentence_naming_the_field(bad: Bad) -> None:
    assert any(bad.field in sentence for sentence in mistakes(bad.object))


@pytest.mark.parametrize(
    "good", GOOD_OBJECTS, ids=[good["metadata"]["name"] for good in GOOD_OBJECTS]
)
def test_a_good_object_is_accepted(good: dict[str, Any]) -> None:
    assert mistakes(good) == ()


@pytest.mark.parametrize(
    "bad", [bad for bad in BAD_OBJECTS if bad.object["kind"] == "Canary"], ids=lambda bad: bad.id
)
def test_a_bad_canary_that_got_in_is_a_problem_of_the_canary(bad: Bad) -> None:
    problem = parse_spec(orjson.dumps(bad.object.get("spec", {})), "demo")

    assert isinstance(problem, Problem)
    assert problem.reason == "InvalidSpec"
    assert problem.message


def test_ids_are_unique() -> None:
    assert len({bad.id for bad in BAD_OBJECTS}) == len(BAD_OBJECTS)


def test_what_stands_around_the_spec_is_checked_too() -> None:
    document = canary("x")

    assert mistakes(document | {"specs": 1}) == (
        "specs is not a known field: remove it or correct its name; is spec meant?",
    )
    assert mistakes(document | {"metadata": {}}) == ("metadata.name is required",)
    assert mistakes(document | {"apiVersion": "canaryd.io/v1"}) == (
        "apiVersion must be canaryd.io/v1beta1",
    )
    assert mistakes(obj("MetricTemplate", "x", {})) == (
        "kind must be one of Canary, CanaryRequest, AlertProvider, AnalysisTemplate,"
        " ClusterAnalysisTemplate",
    )
