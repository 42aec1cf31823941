"""What is no name of an object is wrong usage for every command, and is never asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from canaryd.adapters.kube.kinds import Catalogue
from canaryd.cli.main import main
from canaryd.model.errors import RefusedError
from canaryd.wire.watch import CANARIES, CLUSTER_TEMPLATES
from tests.cli.conftest import Invoke
from tests.cli.fake_api import FakeApi, write_kubeconfig
from tests.cli.situations import IDLE, canary

COMMANDS = ["get", "why", "wait", "slot", "approve", "promote", "pause", "resume", "abort", "retry"]
RULE = "must be a Kubernetes name: lower-case letters, digits, '-' and '.', with a letter or digit"
NO_NAMES = ["idle/../podinfo", "podinfo?x=1", "..", "podinfo#a", "Podinfo", "podinfo-", "pod info"]


def said(result: Result) -> str:
    """What stands on stderr, without the usage before it; click breaks no line of it."""
    return result.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_name_is_wrong_usage(api: FakeApi, invoke: Invoke, command: str) -> None:
    result = invoke(command, "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said(result).endswith("it is empty: give a name, like podinfo")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_shows_no_other_object(
    api: FakeApi, invoke: Invoke, command: str, name: str
) -> None:
    result = invoke(command, name)
    assert result.exit_code == 2
    assert "NAME" in said(result)
    assert f"'{name}' {RULE}" in said(result)


def test_a_name_of_any_length_is_not_repeated_whole(api: FakeApi, invoke: Invoke) -> None:
    result = invoke("get", "a" * 5000)
    assert result.exit_code == 2
    assert f"'{'a' * 40}…' has 5000 characters: may have at most 253" in said(result)


def test_a_name_with_dots_is_one(api: FakeApi, invoke: Invoke) -> None:
    api.put("canaries", canary(IDLE, name="podinfo.v2"))
    assert "podinfo.v2" in invoke("get", "podinfo.v2").stdout


@pytest.mark.parametrize("command", ["get", "why"])
def test_a_namespace_that_is_none_is_wrong_usage(
    api: FakeApi, invoke: Invoke, command: str
) -> None:
    result = invoke(command, "podinfo", "-n", "demo/canaries/x?")
    assert result.exit_code == 2
    assert "--namespace': 'demo/canaries/x?' must be lower-case letters, digits" in said(result)


def test_an_empty_namespace_is_the_contexts_as_for_kubectl(api: FakeApi, invoke: Invoke) -> None:
    assert invoke("slot", "podinfo", "-n", "").stdout == "v2\n"


def test_a_contexts_namespace_that_is_none_is_a_sentence(api: FakeApi, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", api.url, namespace="demo/canaries/podinfo?")
    result = CliRunner().invoke(main, ["get", "--kubeconfig", str(path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert "'demo/canaries/podinfo?' is no name that Kubernetes gives an object" in result.stderr


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "%2e%2e", "é", "\udcff"])
def test_no_path_leads_to_another_object(name: str) -> None:
    resource = Catalogue()[CANARIES]
    with pytest.raises(RefusedError, match="is no name that Kubernetes gives an object"):
        resource.one("get", "demo", name)
    if name:
        with pytest.raises(RefusedError):
            resource.within("list", name)
    with pytest.raises(RefusedError):
        Catalogue()[CLUSTER_TEMPLATES].one("get", "", name)


def test_what_a_path_keeps_to_itself_is_quoted() -> None:
    path = Catalogue()[CANARIES].one("get", "demo", "a?b#c d").path
    assert path == "/apis/canaryd.io/v1beta1/namespaces/demo/canaries/a%3Fb%23c%20d"
