"""`canaryd approve` and its like: what is asked, and how the answer is passed on."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from canaryd.model.status import Status
from tests.cli.conftest import Invoke
from tests.cli.fake_api import FakeApi, Step
from tests.cli.situations import APPROVAL, IDLE, PUSHED, REJECTED, STARTED, STEPPING, canary


def answers(state: str, message: str) -> Step:
    """The controller answers the request."""

    def step(api: FakeApi) -> None:
        (name,) = (name for plural, name in api.objects if plural == "canaryrequests")
        request = api.objects["canaryrequests", name]
        status = {"state": state, "message": message, "at": "2026-03-01T12:00:00Z"}
        api.put("canaryrequests", request | {"status": status})

    return step


@pytest.mark.parametrize(
    ("status", "command", "spec"),
    [
        (APPROVAL, ("approve",), {"verb": "approve", "step": 2}),
        (APPROVAL, ("approve", "--step", "3"), {"verb": "approve", "step": 3}),
        (STEPPING, ("promote",), {"verb": "promote"}),
        (STEPPING, ("pause", "--reason", "logs"), {"verb": "pause", "reason": "logs"}),
        (STEPPING, ("resume",), {"verb": "resume"}),
        (STEPPING, ("abort",), {"verb": "abort"}),
        (REJECTED, ("retry",), {"verb": "retry"}),
        (IDLE, ("abort", "--revision", "seen-rev"), {"verb": "abort", "revision": "seen-rev"}),
    ],
)
def test_asks_for_what_runs_in_the_name_of_whoever_asks(
    api: FakeApi, invoke: Invoke, status: Status, command: tuple[str, ...], spec: dict[str, object]
) -> None:
    api.put("canaries", canary(status))
    api.on_create = answers("Done", "it is so")
    verb, *options = command
    result = invoke(verb, "podinfo", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == "podinfo: it is so\n"
    (request,) = api.created
    assert request["metadata"]["name"].startswith(f"podinfo-{verb}-")
    assert (
        request["spec"]
        == {
            "canary": "podinfo",
            "revision": PUSHED,
            "by": "ann@example.com",
        }
        | spec
    )


def test_a_refusal_is_an_error_with_its_reason(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(STEPPING))
    api.on_create = answers("Refused", "approve refused: step 1 of 3 asks for no approval")
    result = invoke("approve", "podinfo")
    assert result.exit_code == 1
    assert result.stderr == "Error: approve refused: step 1 of 3 asks for no approval\n"


def test_an_answer_that_comes_later_is_waited_for_also_over_a_cut_watch(
    api: FakeApi, invoke: Invoke
) -> None:
    api.put("canaries", canary(STEPPING))
    api.script.extend([FakeApi.cut, answers("Done", "paused")])
    result = invoke("pause", "podinfo")
    assert result.exit_code == 0, result.output
    assert "paused" in result.stdout


def test_no_answer_in_time_says_that_the_request_stays(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(STEPPING))
    result = invoke("pause", "podinfo", "--timeout", "200ms")
    assert result.exit_code == 4
    assert "CanaryRequest demo/podinfo-pause-1 stays" in result.stderr


def test_nobody_has_to_wait(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(STEPPING))
    result = invoke("pause", "podinfo", "--no-wait")
    assert result.exit_code == 0
    assert "canaryrequest.canaryd.io/podinfo-pause-1 created" in result.stdout
    assert api.watches == 0


@pytest.mark.parametrize(
    ("output", "starts"),
    [
        ("name", "canaryrequest.canaryd.io/podinfo-pause-1\n"),
        ("yaml", "apiVersion: canaryd.io/v1beta1\n"),
        ("json", '{\n  "apiVersion": "canaryd.io/v1beta1"'),
    ],
)
def test_programs_get_the_answered_request(
    api: FakeApi, invoke: Invoke, output: str, starts: str
) -> None:
    api.put("canaries", canary(STEPPING))
    api.on_create = answers("Done", "paused")
    result = invoke("pause", "podinfo", "-o", output)
    assert result.exit_code == 0
    assert result.stdout.startswith(starts)
    if output == "json":
        assert orjson.loads(result.stdout)["status"]["state"] == "Done"


@pytest.mark.parametrize(
    ("status", "verb", "message"),
    [
        (IDLE, "approve", "demo/podinfo has no running rollout: there is nothing to approve"),
        (IDLE, "retry", "demo/podinfo has no rejected revision: there is nothing to retry"),
        (STARTED, "approve", "demo/podinfo has not entered its first step"),
        (replace(STEPPING, step=None), "approve", "has not entered its first step"),
    ],
)
def test_what_makes_no_sense_is_not_asked(
    api: FakeApi, invoke: Invoke, status: Status, verb: str, message: str
) -> None:
    api.put("canaries", canary(status))
    result = invoke(verb, "podinfo")
    assert result.exit_code == 1
    assert message in result.stderr
    assert api.created == []


def test_there_is_no_such_canary(api: FakeApi, invoke: Invoke) -> None:
    assert invoke("pause", "nosuch").exit_code == 7
    assert api.created == []
