"""`canaryd wait` as a pipeline sees it: exit codes and what is printed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from canaryd.model.status import Hold, HoldReason, Status
from tests.cli.conftest import Invoke, push
from tests.cli.fake_api import FakeApi, Step
from tests.cli.situations import (
    APPROVAL,
    BAD,
    BEGAN,
    IDLE,
    NEW_IMAGE,
    NEWER,
    PROMOTED,
    PUSHED,
    PUT_BACK,
    REJECTED,
    SERVING_CHANGED,
    STALLED,
    STARTED,
    STEPPING,
    SUPERSEDED,
    canary,
    deployment,
    notice,
    replicaset,
)


def becomes(status: Status, uid: str = "u1") -> Step:
    """The controller writes this status."""
    return lambda api: api.put("canaries", canary(status, uid=uid))


def unwatched(status: Status) -> Step:
    """The controller writes this status while nobody can watch."""

    def step(api: FakeApi) -> None:
        api.restart()
        becomes(status)(api)

    return step


def gone(api: FakeApi) -> None:
    api.delete("canaries", "podinfo")


def interrupt(_: FakeApi) -> None:
    os.kill(os.getpid(), signal.SIGINT)


Case = tuple[str, list[Step], tuple[str, ...], int, str]
FOLLOWED: list[Case] = [
    (
        "a push that the controller has not seen yet is followed to its promotion",
        [becomes(STARTED), becomes(STEPPING), becomes(PROMOTED)],
        (),
        0,
        "promoted: new-rev (podinfo:6.8.0) serves all traffic",
    ),
    ("a rollback says why", [becomes(STEPPING), becomes(REJECTED)], (), 3, f"taken back: {BAD}"),
    (
        "putting the old version back is an abort",
        [becomes(STEPPING), becomes(PUT_BACK)],
        (),
        3,
        "taken back: podinfo-v2 was put back",
    ),
    (
        "a newer push supersedes the one that is waited for",
        [becomes(STEPPING), becomes(SUPERSEDED)],
        (),
        5,
        "superseded: Superseded of new-rev",
    ),
    (
        "a newer push that the controller saw first supersedes it, too",
        [becomes(replace(SUPERSEDED, notices=(*IDLE.notices, notice(2, "RolloutStarted", NEWER))))],
        (),
        5,
        "superseded: new-rev was superseded by newer-rev",
    ),
    (
        "approval ends it when asked to",
        [becomes(STEPPING), becomes(APPROVAL)],
        ("--fail-on-hold",),
        6,
        "held: ApprovalNeeded: step 2 of 3 (50 %) waits for approval",
    ),
    (
        "a suspended Canary ends it when asked to",
        [becomes(replace(STARTED, hold=Hold(HoldReason.SUSPENDED, "spec.suspend is true", BEGAN)))],
        ("--fail-on-hold",),
        6,
        "held: Suspended: spec.suspend is true",
    ),
    (
        "a Canary that is stalled ends it when asked to",
        [becomes(STALLED)],
        ("--fail-on-hold",),
        6,
        "held: RouteAmbiguous: name the route",
    ),
    (
        "what time heals is no reason to end",
        [
            becomes(replace(STARTED, hold=Hold(HoldReason.CANARY_NOT_READY, "0 of 1", BEGAN))),
            becomes(PROMOTED),
        ],
        ("--fail-on-hold",),
        0,
        "held for CanaryNotReady: 0 of 1",
    ),
    (
        "the time is over while it is held",
        [becomes(APPROVAL)],
        ("--timeout", "1s"),
        4,
        "timed out: after 1s demo/podinfo is at: Progressing, step 2 of 3 (50 %), held for ",
    ),
    ("the Canary is deleted", [becomes(STARTED), gone], (), 7, ""),
    (
        "a cut watch loses nothing",
        [becomes(STARTED), FakeApi.cut, becomes(STEPPING), becomes(PROMOTED)],
        (),
        0,
        "StepEntered of new-rev",
    ),
    (
        "an API server that restarts loses nothing",
        [becomes(STARTED), FakeApi.restart, becomes(STEPPING), becomes(PROMOTED)],
        (),
        0,
        "StepEntered of new-rev",
    ),
    (
        "what happened while nobody looked is told afterwards",
        [becomes(STARTED), unwatched(PROMOTED)],
        (),
        0,
        "StepEntered of new-rev",
    ),
    (
        "a Canary that is created anew goes on",
        [becomes(STARTED), FakeApi.cut, becomes(PROMOTED, uid="u2")],
        (),
        0,
        "promoted: new-rev",
    ),
    (
        "Ctrl-C ends it",
        [becomes(STARTED), FakeApi.cut, interrupt],
        (),
        130,
        "RolloutStarted of new-rev",
    ),
]


@pytest.mark.parametrize(
    ("script", "options", "code", "says"),
    [case[1:] for case in FOLLOWED],
    ids=[case[0] for case in FOLLOWED],
)
def test_follows_a_push_to_its_end(
    api: FakeApi, invoke: Invoke, script: list[Step], options: tuple[str, ...], code: int, says: str
) -> None:
    push(api)
    api.script.extend(script)
    result = invoke("wait", "podinfo", *options)
    assert result.exit_code == code, result.output
    assert says in result.stdout
    assert "Traceback" not in result.output


def test_each_transition_is_printed_once_whatever_happens_to_the_watch(
    api: FakeApi, invoke: Invoke
) -> None:
    push(api)
    steps = [STARTED, STEPPING, STEPPING, PROMOTED]
    for status in steps:
        api.script.extend([becomes(status), FakeApi.cut])
    result = invoke("wait", "podinfo")
    assert result.exit_code == 0
    told = [line.split("  ", 1)[1] for line in result.stdout.splitlines()[:-1]]
    assert told == [
        f"{reason} of new-rev" for reason in ("RolloutStarted", "StepEntered", "Promoted")
    ]
    assert api.watches > 1


def test_a_restarting_api_server_is_told_of(api: FakeApi, invoke: Invoke) -> None:
    push(api)
    api.script.extend([becomes(STARTED), FakeApi.restart, becomes(PROMOTED)])
    result = invoke("wait", "podinfo")
    assert result.exit_code == 0
    assert "trying again" in result.stderr
    assert result.stderr.count("trying again") == 1
    assert "the API server answers again" in result.stderr


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


def test_programs_get_a_line_of_json_for_each_transition_and_for_the_end(
    api: FakeApi, invoke: Invoke
) -> None:
    push(api)
    api.script.extend([becomes(STARTED), becomes(REJECTED)])
    result = invoke("wait", "podinfo", "-o", "json")
    assert result.exit_code == 3
    lines = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [line.get("reason") for line in lines] == [
        "RolloutStarted",
        "StepEntered",
        "RolledBack",
        None,
    ]
    assert lines[-1] == {
        "outcome": "taken back",
        "exitCode": 3,
        "message": BAD,
        "revision": "new-rev",
    }
