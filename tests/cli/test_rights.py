"""A person who lacks a right is told which, and in which role for people it is."""

from __future__ import annotations

import pytest
import yaml

from tests.cli.conftest import Invoke
from tests.cli.fake_api import FakeApi
from tests.cli.situations import STEPPING, canary
from tests.docs.pages import ROOT

PEOPLE = "deploy/base/rbac-users.yaml"
ASKING = (
    "create canaryrequests.canaryd.io in namespace demo is forbidden for ann: the role "
    f"canaryd-release-manager has that right ({PEOPLE})"
)


@pytest.mark.parametrize(
    ("kind", "command", "said"),
    [
        ("canaryrequests", ("pause", "podinfo"), ASKING),
        (
            "canaries",
            ("why", "podinfo"),
            "get canaries.canaryd.io demo/podinfo is forbidden for ann: the role canaryd-view has",
        ),
        (
            "canaries",
            ("get",),
            "list canaries.canaryd.io in namespace demo is forbidden for ann: the role canaryd-vi",
        ),
        (
            "canaries",
            ("get", "-A"),
            "list canaries.canaryd.io in all namespaces is forbidden for ann: the role canaryd-vi",
        ),
        (
            "selfsubjectreviews",
            ("pause", "podinfo"),
            "create selfsubjectreviews.authentication.k8s.io is forbidden for ann: the role"
            " system:basic-user has that right (Kubernetes' own)",
        ),
    ],
)
def test_a_right_that_is_missing_is_named_with_the_role_for_people(
    api: FakeApi, invoke: Invoke, kind: str, command: tuple[str, ...], said: str
) -> None:
    api.put("canaries", canary(STEPPING))
    api.forbidden.add(kind)
    result = invoke(*command)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "whoever administers the cluster can bind it to you" in result.stderr
    assert "rbac.yaml" not in result.stderr


def test_the_rights_to_read_deployments_are_in_kubernetes_own_role(
    api: FakeApi, invoke: Invoke
) -> None:
    api.forbidden.add("deployments")
    said = invoke("wait", "podinfo").stderr
    assert "get deployments.apps demo/podinfo-v1 is forbidden for ann: the role view has" in said


def test_the_roles_that_are_named_are_there_and_have_those_rights() -> None:
    documents = yaml.safe_load_all((ROOT / PEOPLE).read_text())
    roles = {each["metadata"]["name"]: each for each in documents}
    assert {"canaryd-view", "canaryd-release-manager"} <= roles.keys()
    (view,) = roles["canaryd-view"]["rules"]
    assert {"canaries", "canaryrequests"} <= set(view["resources"])
    (ask,) = roles["canaryd-ask"]["rules"]
    assert ask["resources"] == ["canaryrequests"]
    (labels,) = roles["canaryd-release-manager"]["aggregationRule"]["clusterRoleSelectors"]
    for part in ("canaryd-view", "canaryd-ask"):
        assert labels["matchLabels"].items() <= roles[part]["metadata"]["labels"].items()
