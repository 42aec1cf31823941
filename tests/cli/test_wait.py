"""`canaryd wait` follows a push to its end: exit codes and what is printed."""

from __future__ import annotations

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
    NEWER,
    PROMOTED,
    PUT_BACK,
    REJECTED,
    STALLED,
    STARTED,
    STEPPING,
    SUPERSEDED,
    notice,
)
from tests.cli.steps import becomes, gone, interrupt, unwatched

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
        "a pause ends it when asked to",
        [becomes(replace(STEPPING, hold=Hold(HoldReason.PAUSED, "ann wants to look", BEGAN)))],
        ("--fail-on-hold",),
        6,
        "held: Paused: ann wants to look",
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
        "what is no longer told afterwards is counted",
        [
            becomes(STARTED),
            unwatched(replace(PROMOTED, notices=(*STEPPING.notices, notice(5, "Promoted")))),
        ],
        (),
        0,
        "1 transition happened while nobody looked",
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


@pytest.mark.parametrize("reason", ["DispersionUnknown", "EvidenceAgainst", "Environment"])
@pytest.mark.parametrize(("after", "code"), [(PROMOTED, 0), (REJECTED, 3)])
def test_a_hold_that_more_requests_end_is_waited_for(
    api: FakeApi, invoke: Invoke, reason: str, after: Status, code: int
) -> None:
    push(api)
    hold = Hold(HoldReason(reason), "87 of 403", BEGAN)
    api.script.extend([becomes(replace(STEPPING, hold=hold)), becomes(after)])
    result = invoke("wait", "podinfo", "--fail-on-hold")
    assert result.exit_code == code, result.output
    assert f"held for {reason}: 87 of 403" in result.output


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


@pytest.mark.parametrize(
    ("arrange", "outcome", "code", "message"),
    [
        (lambda api: api.delete("canaries", "podinfo"), "no such Canary", 7, "no Canary demo/podi"),
        (lambda api: api.script.append(gone), "no such Canary", 7, "demo/podinfo was deleted"),
        (lambda api: api.unknown.add("canaries"), "error", 1, "does not know Canaries"),
        (lambda api: api.forbidden.add("canaries"), "error", 1, "get canaries.canaryd.io"),
    ],
    ids=["no such Canary", "deleted", "no such kind", "forbidden"],
)
def test_programs_get_the_end_in_json_also_where_nothing_can_be_followed(
    api: FakeApi, invoke: Invoke, arrange: Step, outcome: str, code: int, message: str
) -> None:
    arrange(api)
    if api.script:
        push(api)
    result = invoke("wait", "podinfo", "-o", "json")
    assert result.exit_code == code
    end = orjson.loads(result.stdout.splitlines()[-1])
    assert (end["outcome"], end["exitCode"]) == (outcome, code)
    assert message in end["message"]


def test_wrong_usage_is_no_end(api: FakeApi, invoke: Invoke) -> None:
    for options in (("--slot", "blue"), ("--timeout", "soon")):
        result = invoke("wait", "podinfo", "-o", "json", *options)
        assert (result.exit_code, result.stdout) == (2, "")
