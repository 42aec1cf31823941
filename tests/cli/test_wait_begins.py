"""What `canaryd wait` follows, and what it answers when there is nothing to follow."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from canaryd.model.status import Status
from tests.cli.conftest import Invoke, push
from tests.cli.fake_api import FakeApi, Step
from tests.cli.situations import (
    BAD,
    IDLE,
    NEW_IMAGE,
    NEWER,
    PROMOTED,
    PUSHED,
    PUT_BACK,
    REJECTED,
    SERVING_CHANGED,
    STARTED,
    canary,
    deployment,
    replicaset,
)
from tests.cli.steps import becomes


def holds_unnamed(api: FakeApi) -> None:
    """The push has no revision yet; it gets one when it was looked at twice."""
    api.put("deployments", deployment("v2", NEW_IMAGE, number=2, observed=0))
    named: list[Step] = [lambda _: None] * 3
    api.on_read["deployments"] = type(api.script)([*named, push])


def holds_image_later(api: FakeApi) -> None:
    """The pipeline's commit has not arrived in the cluster."""
    nothing: list[Step] = [lambda _: None] * 3
    api.on_read["deployments"] = type(api.script)([*nothing, push])


def replaced_unnamed(api: FakeApi) -> None:
    """The push is replaced by another one before it has a revision."""
    holds_unnamed(api)

    def other(api: FakeApi) -> None:
        api.put("deployments", deployment("v2", "podinfo:9", number=3, observed=0))

    api.on_read["deployments"][-1] = other


@pytest.mark.parametrize(
    ("arrange", "options", "code", "says"),
    [
        (holds_unnamed, (), 0, "has not yet named the new revision of Deployment podinfo-v2"),
        (
            holds_image_later,
            ("--image", "podinfo:6.8.0"),
            0,
            "no Deployment with image podinfo:6.8.0 in either slot yet; waiting for it",
        ),
        (replaced_unnamed, (), 5, "superseded: it was changed again before it had a revision"),
    ],
    ids=["a push without a name", "an image that is not there yet", "replaced without a name"],
)
def test_waits_until_it_knows_what_to_follow(
    api: FakeApi,
    invoke: Invoke,
    arrange: Callable[[FakeApi], None],
    options: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    arrange(api)
    api.script.extend([becomes(STARTED), becomes(PROMOTED)])
    result = invoke("wait", "podinfo", *options)
    assert result.exit_code == code, result.output
    assert says in result.output


@pytest.mark.parametrize(
    ("status", "options", "code", "says"),
    [
        (PROMOTED, (), 0, "promoted: Promoted of new-rev"),
        (REJECTED, (), 3, f"taken back: {BAD}"),
        (PUT_BACK, (), 3, "taken back: podinfo-v2 was put back"),
        (IDLE, (), 0, "promoted: nothing is newer: old-rev serves all traffic"),
        (REJECTED, ("--revision", PUSHED), 3, f"taken back: {BAD}"),
        (PROMOTED, ("--revision", PUSHED), 0, "promoted: new-rev (podinfo:6.8.0) serves"),
        (PROMOTED, ("--image", NEW_IMAGE), 0, "promoted: new-rev"),
        (IDLE, ("--slot", "v2"), 1, "seen-rev was in slot v2 before"),
        (SERVING_CHANGED, ("--revision", NEWER), 1, "podinfo-v1 was changed (newer-rev)"),
        (IDLE, ("--slot", "blue"), 2, "demo/podinfo has no slot blue; it has v1, v2"),
    ],
)
def test_answers_at_once_when_it_has_ended_already(
    api: FakeApi, invoke: Invoke, status: Status, options: tuple[str, ...], code: int, says: str
) -> None:
    if status in (PROMOTED, REJECTED):
        push(api)
    api.put("canaries", canary(status))
    result = invoke("wait", "podinfo", *options)
    assert result.exit_code == code, result.output
    assert says in result.output
    assert api.watches == 0


def test_a_push_to_the_serving_slot_is_no_promotion(api: FakeApi, invoke: Invoke) -> None:
    api.put("replicasets", replicaset("v1", NEWER, NEW_IMAGE, number=2))
    api.put("deployments", deployment("v1", NEW_IMAGE, number=2))
    api.script.append(becomes(SERVING_CHANGED))
    result = invoke("wait", "podinfo")
    assert result.exit_code == 1, result.output
    assert "not guarded" in result.stderr


def test_whoever_may_not_read_deployments_follows_what_the_controller_has_seen(
    api: FakeApi, invoke: Invoke
) -> None:
    api.forbidden.add("deployments")
    api.put("canaries", canary(STARTED))
    api.script.append(becomes(PROMOTED))
    result = invoke("wait", "podinfo")
    assert result.exit_code == 0, result.output
    assert "following what canaryd has seen" in result.stderr


def test_there_is_no_such_canary(api: FakeApi, invoke: Invoke) -> None:
    result = invoke("wait", "nosuch")
    assert result.exit_code == 7
    assert result.stderr == "Error: there is no Canary demo/nosuch\n"


def test_a_cluster_without_canaryd_is_an_error_of_its_own(api: FakeApi, invoke: Invoke) -> None:
    api.unknown.add("canaries")
    result = invoke("wait", "podinfo")
    assert result.exit_code == 1
    assert "this cluster does not know Canaries" in result.stderr


@pytest.mark.parametrize(
    "options", [("--timeout", "soon"), ("--image", "a", "--revision", "b"), ("--nosuch",)]
)
def test_wrong_usage_says_so(api: FakeApi, invoke: Invoke, options: tuple[str, ...]) -> None:
    assert invoke("wait", "podinfo", *options).exit_code == 2
