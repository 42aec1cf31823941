"""`canaryd get`, `why` and `slot`: what a person sees, and what programs get."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import yaml
from click.testing import CliRunner

from canaryd.cli.main import main
from canaryd.model.names import Key
from canaryd.model.status import Condition, Status
from tests.cli.conftest import Invoke
from tests.cli.fake_api import FakeApi, write_kubeconfig
from tests.cli.situations import (
    APPROVAL,
    BAD,
    BEGAN,
    IDLE,
    PROMOTED,
    REJECTED,
    STALLED,
    STEPPING,
    canary,
)

# --- get ---


def test_get_lists_as_kubectl_does(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(APPROVAL))
    api.put("canaries", canary(None, name="fresh"))
    api.put("canaries", canary(STALLED, name="stuck"))
    header, *rows = invoke("get").stdout.splitlines()
    assert header.split() == [
        "NAMESPACE",
        "NAME",
        "PHASE",
        "WEIGHT",
        "STEP",
        "HOLD",
        "REVISION",
        "AGE",
    ]
    assert [row.split()[1] for row in rows] == ["podinfo", "fresh", "stuck"]
    assert rows[0].split()[2:8] == ["Progressing", "50", "%", "2/3", "ApprovalNeeded", "new-rev"]
    assert rows[0].index("ApprovalNeeded") == header.index("HOLD")
    assert rows[1].split()[2:7] == ["-"] * 5
    assert rows[2].split()[6] == "RouteAmbiguous"


def test_get_wide_shows_failures_and_image(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(STEPPING))
    header, row = invoke("get", "podinfo", "-o", "wide").stdout.splitlines()
    assert header.split()[-3:] == ["FAILED", "IMAGE", "SINCE"]
    assert "stefanprodan/podinfo:6.8.0" in row


def test_get_gives_programs_the_objects(api: FakeApi, invoke: Invoke) -> None:
    listed = orjson.loads(invoke("get", "-A", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["podinfo"]
    assert yaml.safe_load(invoke("get", "podinfo", "-o", "yaml").stdout)["kind"] == "Canary"
    assert invoke("get", "-o", "name").stdout == "canary.canaryd.io/podinfo\n"


def test_get_says_that_there_is_none(api: FakeApi, invoke: Invoke) -> None:
    api.delete("canaries", "podinfo")
    result = invoke("get")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "there is no Canary in namespace demo\n"
    assert invoke("get", "podinfo").exit_code == 7


def test_a_name_and_all_namespaces_do_not_go_together(api: FakeApi, invoke: Invoke) -> None:
    assert invoke("get", "podinfo", "-A").exit_code == 2


# --- why ---


def test_why_is_one_screen(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(APPROVAL))
    result = invoke("why", "podinfo")
    assert result.exit_code == 0
    for words in (
        "demo/podinfo   Progressing",
        "Where      step 2 of 3 (50 %), entered",
        "Serving    slot v1 (Deployment podinfo-v1): old-rev (podinfo:6.7.1)",
        "Canary     slot v2 (Deployment podinfo-v2): new-rev (podinfo:6.8.0)",
        "Held       ApprovalNeeded, for",
        "Evidence   Pass       request-success-rate was 99.9 % over 30s",
        "0 failed checks; the one with number 3 rolls back",
        "Next       waits for approval: canaryd approve podinfo -n demo --step 2",
        "Lately",
        "StepEntered of new-rev",
    ):
        assert words in result.stdout
    assert len(result.stdout.splitlines()) <= 24


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (IDLE, "Next       a push to slot v2 (Deployment podinfo-v2) starts the next rollout"),
        (REJECTED, "rejected "),
        (REJECTED, BAD),
        (STALLED, "Held       RouteAmbiguous, for"),
        (PROMOTED, "Idle       slot v1 (Deployment podinfo-v1): old-rev"),
        (None, "nothing before canaryd has seen it"),
    ],
)
def test_why_in_other_situations(
    api: FakeApi, invoke: Invoke, status: Status | None, words: str
) -> None:
    api.put("canaries", canary(status))
    assert words in invoke("why", "podinfo").stdout


def test_why_passes_on_advice_and_an_unseen_edit(api: FakeApi, invoke: Invoke) -> None:
    advice = Condition("MeshTrafficNotSplit", "True", "NoMesh", "add mesh to gateways", BEGAN)
    obj = canary(replace(IDLE, conditions=(*IDLE.conditions, advice)))
    obj["metadata"]["generation"] = 2
    api.put("canaries", obj)
    said = invoke("why", "podinfo").stdout
    assert "Note       MeshTrafficNotSplit: add mesh to gateways" in said
    assert "canaryd has not yet acted on the latest change" in said


def test_why_gives_programs_the_same(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(APPROVAL))
    said = orjson.loads(invoke("why", "podinfo", "-o", "json").stdout)
    assert said["hold"]["reason"] == "ApprovalNeeded"
    assert said["moving"] is False
    assert said["threshold"] == 3
    assert said["next"][0].startswith("waits for approval")
    assert Key(said["namespace"], said["name"]) == Key("demo", "podinfo")


def test_why_can_be_watched(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(STEPPING))
    api.script.extend(
        [
            lambda api: api.put("canaries", canary(APPROVAL)),
            FakeApi.cut,
            lambda api: api.put("canaries", canary(PROMOTED)),
            FakeApi.cut,
            lambda _: os.kill(os.getpid(), signal.SIGINT),
        ]
    )
    result = invoke("why", "podinfo", "--watch")
    assert result.exit_code == 130
    screens = result.stdout.split("demo/podinfo   ")[1:]
    assert screens[0].startswith("Progressing")
    assert "Held       ApprovalNeeded" in screens[1]
    assert screens[-1].startswith("Idle")


def test_watching_ends_with_the_canary(api: FakeApi, invoke: Invoke) -> None:
    api.script.append(lambda api: api.delete("canaries", "podinfo"))
    result = invoke("why", "podinfo", "--watch", "-o", "json")
    assert result.exit_code == 7
    assert result.stderr == "Error: Canary demo/podinfo was deleted\n"


def test_a_spec_that_cannot_be_read_is_said(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(IDLE, analysis={"threshold": "many"}))
    result = invoke("why", "podinfo")
    assert result.exit_code == 1
    assert "spec.analysis.threshold" in result.stderr


# --- slot ---


def test_slot_tells_pipelines_where_to_commit(api: FakeApi, invoke: Invoke) -> None:
    assert invoke("slot", "podinfo").stdout == "v2\n"
    assert invoke("slot", "podinfo", "--deployment").stdout == "podinfo-v2\n"
    said = orjson.loads(invoke("slot", "podinfo", "-o", "json").stdout)
    assert said == {"idle": "v2", "primary": "v1", "deployment": "podinfo-v2"}


def test_slot_warns_while_a_rollout_runs_there(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(STEPPING))
    result = invoke("slot", "podinfo")
    assert (result.exit_code, result.stdout) == (0, "v2\n")
    assert "a push there supersedes it" in result.stderr


def test_slot_does_not_guess(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(Status()))
    result = invoke("slot", "podinfo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not taken over demo/podinfo yet" in result.stderr


# --- where it looks ---


def test_the_namespace_is_the_contexts_unless_named(api: FakeApi, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", api.url, namespace="shop")
    for options, namespace in (
        ((), "shop"),
        (("--context", "bare"), "default"),
        (("-n", "demo"), "demo"),
    ):
        args = ("slot", "nosuch", "--kubeconfig", str(path), *options)
        assert f"no Canary {namespace}/nosuch" in CliRunner().invoke(main, args).stderr


def test_kubeconfig_comes_from_the_environment_too(api: FakeApi, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", api.url)
    runner = CliRunner(env={"KUBECONFIG": f"{tmp_path}/absent:{path}"})
    assert runner.invoke(main, ["slot", "podinfo"]).stdout == "v2\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no kubeconfig"),
        ("{", "cannot use the kubeconfig"),
        ("kind: Config", "cannot use the kubeconfig"),
        ("", "it is empty"),
        ("- a", "it is no mapping"),
        ("a: \xff", "it is not text in UTF-8"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    result = CliRunner().invoke(main, ["get", "--kubeconfig", str(path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_api_server_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
    result = CliRunner().invoke(main, ["get", "--kubeconfig", str(path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr


def test_colours_are_for_terminals_that_want_them(api: FakeApi, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", api.url)
    args = ["why", "podinfo", "--kubeconfig", str(path)]
    assert "\x1b[" in CliRunner().invoke(main, args, color=True).stdout
    assert "\x1b[" not in CliRunner().invoke(main, args).stdout
    assert "\x1b[" not in CliRunner(env={"NO_COLOR": "1"}).invoke(main, args, color=True).stdout
