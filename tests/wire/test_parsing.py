"""What users write becomes what the program knows, complete and typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from msgspec import Raw

from canaryd.model.decision import Answer, RequestState
from canaryd.model.names import Key, Revision
from canaryd.model.provider import AlertProvider, ProviderType
from canaryd.model.snapshot import Problem, Request, Verb
from canaryd.model.spec import Alert, Bounds, MissingPolicy, Otherwise, Severity, Spec, Step
from canaryd.wire.canary import parse_spec
from canaryd.wire.fields import parse_duration
from canaryd.wire.provider import parse_provider
from canaryd.wire.request import parse_request, render_answer
from canaryd.wire.watch import Meta, ProviderObject, RequestObject
from tests.wire.bad_objects import CANARY, GONE, PROVIDER, REQUEST, changed

NOW = datetime(2026, 11, 21, 4, 10, tzinfo=UTC)
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


def request(status: bytes = b"{}", **changes: Any) -> RequestObject:
    metadata = Meta(name="podinfo-approve-x", namespace="demo", creation_timestamp=NOW)
    spec = orjson.dumps(changed(REQUEST, **changes))
    return RequestObject(metadata=metadata, spec=Raw(spec), status=Raw(status))


def test_a_request_is_read() -> None:
    assert parse_request(request()) == Request(
        name="podinfo-approve-x",
        verb=Verb.APPROVE,
        revision=Revision(REQUEST["revision"]),
        by="ann@example.com",
        created_at=NOW,
        step=3,
        reason="checked with support",
    )


@pytest.mark.parametrize("status", [b"{}", b"null", b"7", b'{"state": "Pending"}', b'{"state": 1}'])
def test_a_request_without_an_answer_waits(status: bytes) -> None:
    assert parse_request(request(status)) is not None


@pytest.mark.parametrize("state", [RequestState.DONE, RequestState.REFUSED])
def test_an_answered_request_is_none(state: RequestState) -> None:
    status = render_answer(Answer("podinfo-approve-x", state, "step 3 of 5 approved"), NOW)

    assert status["at"] == "2026-11-21T04:10:00.000000Z"
    assert parse_request(request(orjson.dumps(status))) is None


def test_an_unreadable_request_is_an_error_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"spec\.verb is required"):
        parse_request(request(verb=GONE))


def provider(**changes: Any) -> AlertProvider | Problem:
    metadata = Meta(name="slack", namespace="canaryd")
    return parse_provider(ProviderObject(metadata, Raw(orjson.dumps(changed(PROVIDER, **changes)))))


def test_a_provider_is_read() -> None:
    assert provider() == AlertProvider(
        key=Key("canaryd", "slack"),
        type=ProviderType.SLACK,
        secret=PROVIDER["secretRef"]["name"],
        channel="releases",
    )


def test_a_bad_provider_is_a_problem() -> None:
    problem = provider(type="pager")

    assert isinstance(problem, Problem)
    assert "spec.type" in problem.message
