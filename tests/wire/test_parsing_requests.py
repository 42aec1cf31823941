"""What users write into requests and providers becomes what the program knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from msgspec import Raw

from canaryd.model.decision import Answer, RequestState
from canaryd.model.names import Key, Revision
from canaryd.model.provider import AlertProvider, ProviderType
from canaryd.model.snapshot import Problem, Request, Verb
from canaryd.wire.provider import parse_provider
from canaryd.wire.request import parse_request, render_answer
from canaryd.wire.watch import Meta, ProviderObject, RequestObject
from tests.wire.objects import GONE, PROVIDER, REQUEST, changed

NOW = datetime(2026, 11, 21, 4, 10, tzinfo=UTC)


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
