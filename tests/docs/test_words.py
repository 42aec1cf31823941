"""Every word that canaryd can say of a Canary is explained, and no word that it cannot say."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
import yaml

from canaryd.decide.moves import TOLD_AS
from canaryd.model.status import NOT_THE_STEPS_TIME, CapReason, HoldReason, Phase, Verdict
from canaryd.wire.canary import INVALID_SPEC
from tests.docs.pages import DOCS, ROOT, rows

CODE = ROOT / "canaryd"
STATUS = DOCS / "reference" / "status.md"
TROUBLE = DOCS / "how-to" / "troubleshoot.md"
PERMISSIONS = DOCS / "reference" / "permissions.md"
OF_TEMPLATES = {"InvalidTemplate"}
"""Never a Canary's: the metric that needs the template is refused instead, and holds."""


def first_arguments(folder: Path, function: str) -> Iterator[ast.expr]:
    """What calls of a function, or of a method of that name, are given first."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else None
            if isinstance(node.func, ast.Name):
                name = node.func.id
            if name == function:
                yield node.args[0]


def words(folder: Path, function: str) -> set[str]:
    """The reasons among them; one that is a name is looked up by the test itself."""
    return {
        node.value
        for argument in first_arguments(folder, function)
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize(
    ("heading", "kind"),
    [("Phases", Phase), ("Holds", HoldReason), ("Caps", CapReason), ("Verdicts", Verdict)],
)
def test_every_word_of_a_closed_list_is_explained(heading: str, kind: type[Enum]) -> None:
    assert set(rows(STATUS, heading)) == {word.value for word in kind}


def test_holds_stand_in_the_order_in_which_they_are_shown() -> None:
    assert list(rows(STATUS, "Holds")) == [reason.value for reason in HoldReason]


def test_the_page_says_during_which_holds_the_clock_stands_still() -> None:
    standing = {name for name, row in rows(STATUS, "Holds").items() if row.endswith("| stands ")}
    assert standing == {reason.value for reason in NOT_THE_STEPS_TIME}


def test_every_reason_of_a_notice_is_explained() -> None:
    told = words(CODE / "decide", "tell") | set(TOLD_AS.values())
    assert set(rows(STATUS, "Notices")) == told


def test_every_hold_has_advice() -> None:
    headings = TROUBLE.read_text()
    for reason in HoldReason:
        assert f"\n### {reason.value}\n" in headings


def test_every_reason_why_a_canary_cannot_be_worked_on_has_advice() -> None:
    said = (words(CODE, "Problem") - OF_TEMPLATES) | {INVALID_SPEC}
    assert set(rows(TROUBLE, "Stalled: it cannot be worked on")) == said


def failures() -> set[str]:
    """The reasons that rollbacks are given, by themselves or by a name of the same function."""
    found: set[str] = set()
    for file in (CODE / "decide").glob("*.py"):
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef):
                found.update(given(function))
    return found


def given(function: ast.FunctionDef) -> Iterator[str]:
    """What the calls of roll_back in one function may be given as their reason."""
    for call in ast.walk(function):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        if call.func.id != "roll_back":
            continue
        reason = call.args[1]
        values: list[ast.expr] = [reason]
        if isinstance(reason, ast.Name):
            values += [
                node.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign)
                and any(isinstance(to, ast.Name) and to.id == reason.id for to in node.targets)
            ]
        for value in values:
            for node in ast.walk(value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_reason_of_a_rejection_is_explained() -> None:
    silence = {HoldReason.NO_CANARY_DATA.value, HoldReason.METRICS_UNAVAILABLE.value}
    explained = set(rows(TROUBLE, "Stalled: it was taken back"))
    assert explained == failures() | silence | {"Aborted"}


def test_every_advising_condition_is_explained() -> None:
    said = words(CODE / "adapters" / "routers", "Advice")
    kinds = {word for word in said if word in rows(STATUS, "Conditions")}
    assert set(rows(TROUBLE, "Conditions that only advise")) == said == kinds


def granted(kind: str, name: str) -> dict[str, set[str]]:
    """What a role of deploy/ grants, by resource and group."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "base" / "rbac.yaml").read_text())
    (role,) = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    grants: dict[str, set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                whole = f"{resource}.{group}" if group else resource
                grants.setdefault(whole, set()).update(rule["verbs"])
    return grants


@pytest.mark.parametrize(
    ("heading", "kind", "name"),
    [
        ("The daemon, in the whole cluster", "ClusterRole", "canaryd"),
        ("The daemon, in its own namespace", "Role", "canaryd-lease"),
        ("Secrets", "ClusterRole", "canaryd-secrets"),
    ],
)
def test_the_page_of_permissions_is_what_is_granted(heading: str, kind: str, name: str) -> None:
    told = {
        resource: {verb.strip() for verb in row.partition("|")[0].split(",")}
        for resource, row in rows(PERMISSIONS, heading).items()
    }
    assert told == granted(kind, name)


def test_every_role_for_people_is_told() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy" / "base" / "rbac-users.yaml").read_text())
    names = {document["metadata"]["name"] for document in documents}
    assert set(rows(PERMISSIONS, "People and pipelines")) == names


def test_every_role_is_told_beside_the_manifests() -> None:
    documents = [
        document
        for file in ("rbac.yaml", "rbac-users.yaml")
        for document in yaml.safe_load_all((ROOT / "deploy" / "base" / file).read_text())
    ]
    names = {d["metadata"]["name"] for d in documents if d["kind"] in ("Role", "ClusterRole")}
    assert set(rows(ROOT / "deploy" / "README.md", "Who may do what")) == names


LAYERED = (ROOT / "CONTRIBUTING.md", DOCS / "explanation" / "architecture.md")


@pytest.mark.parametrize("page", LAYERED, ids=lambda page: page.name)
def test_the_layers_are_told_as_they_are_enforced(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    told = [f"({layer})" if "|" in layer else layer for layer in layers]
    assert f"\n{' > '.join(told)}\n" in page.read_text()


def test_the_explanation_of_the_layout_has_the_names_of_the_folders() -> None:
    text = (DOCS / "explanation" / "architecture.md").read_text()
    parts = {path.stem for path in CODE.iterdir() if not path.name.startswith("_")}
    for part in parts - {"py"}:
        assert f"\n## {part}\n" in text or f"`{part}.py`" in text, part
