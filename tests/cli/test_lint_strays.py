"""What kubectl refuses is not passed in silence, and what it takes is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.wire.objects import canary, cluster_template, request

TEXT = yaml.safe_dump(canary("podinfo"))
BOM = "\ufeff"


def linted(text: str) -> Result:
    result = CliRunner().invoke(main, ["lint", "-"], input=text.encode())
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def labelled(field: str, value: Any) -> str:
    document = canary("podinfo")
    document["metadata"][field] = value
    return yaml.safe_dump(document, sort_keys=False)


def line_of(text: str, words: str) -> int:
    return next(n for n, row in enumerate(text.splitlines(), 1) if words in row)


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("a", 1, ".a is 1: must be text, in quotes"),
        ("a", True, ".a is true: must be text, in quotes"),
        ("a", 1.5, ".a is 1.5: must be text, in quotes"),
        ("example.com/a", 1, '["example.com/a"] is 1: must be text, in quotes'),
        ("a b", 1, '["a b"] is 1: must be text, in quotes'),
    ],
)
def test_a_label_that_is_no_text_is_an_error_with_its_line(
    field: str, key: str, value: Any, said: str
) -> None:
    text = labelled(field, {"fine": "x", key: value})
    result = linted(text)
    assert result.exit_code == 1
    line = line_of(text, f"    {key}:")
    assert f":{line}: Canary podinfo: error: metadata.{field}{said}" in result.output


@pytest.mark.parametrize("value", [[], 7, "a=b", {"a": ["b"]}])
def test_labels_that_are_no_object_are_an_error(value: object) -> None:
    result = linted(labelled("labels", value))
    assert result.exit_code == 1
    assert "Canary podinfo: error: metadata.labels" in result.output


@pytest.mark.parametrize("value", [None, {}, {"a": None}, {"a": ""}, {7: "a", "on": "2026-01-01"}])
def test_labels_that_kubectl_takes_are_taken(value: object) -> None:
    result = linted(labelled("labels", value))
    assert result.exit_code == 0, result.output


def test_a_label_that_looks_like_a_date_is_text() -> None:
    assert linted(labelled("labels", {"a": "DAY"}).replace("DAY", "2026-01-01")).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Error: helm failed\n", "YAML: error: apiVersion and kind are missing"),
        ("helm failed\n", "YAML: error: this is text, no object of Kubernetes"),
        ("7\n", "YAML: error: this is a number, no object"),
        ("- a\n", "YAML: error: this is a list, no object"),
        ("kind: Service\nmetadata: {name: x}\n", "Service x: error: apiVersion is missing"),
        ("apiVersion: v1\nmetadata: {name: x}\n", "YAML x: error: kind is missing"),
        ("apiVersion: v1\nkind: 7\n", "YAML: error: kind is missing"),
        ("apiVersion: v1\nkind: List\nitems: [null]\n", "YAML: error: this is empty, no object"),
    ],
)
@pytest.mark.parametrize("before", ["", TEXT + "---\n"], ids=["alone", "after a Canary"])
def test_what_is_no_object_is_an_error_with_its_line(before: str, text: str, said: str) -> None:
    result = linted(before + text)
    assert result.exit_code == 1
    assert said in result.output
    least = before.count("\n") + 1
    assert any(f":{line}: {said}" in result.output for line in range(least, least + 3))


def test_what_a_failed_pipe_printed_is_no_canary_for_plan_either(tmp_path: Path) -> None:
    path = tmp_path / "canary.yaml"
    for text, said in (("helm failed\n", f"{path}:1: this is text"), ("Error: x\n", "no Canary")):
        path.write_text(text)
        result = CliRunner().invoke(main, ["plan", "-f", str(path), "--rate", "5"])
        assert result.exit_code == 1
        assert said in result.output


def test_a_file_without_any_object_is_no_error_beside_those_that_have_some(tmp_path: Path) -> None:
    values, canary = tmp_path / "values.yaml", tmp_path / "canary.yaml"
    values.write_text("replicas: 3\n")
    canary.write_text(TEXT)
    result = CliRunner().invoke(main, ["lint", str(values), str(canary)])
    assert result.exit_code == 0, result.output
    assert "kind is missing throughout the file: nothing in it is checked" in result.output
    values.write_text(f"{TEXT}---\nError: helm failed\n")
    assert CliRunner().invoke(main, ["lint", str(values), str(canary)]).exit_code == 1


def test_empty_documents_are_well(tmp_path: Path) -> None:
    result = linted(f"---\n---\n# nothing\n---\n{TEXT}---\nnull\n---\n{BOM}\n---\n")
    assert result.exit_code == 0, result.output
    assert "ignored" not in result.output


def test_kustomizations_need_not_say_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "kustomization.yaml"
    path.write_text("resources: [canary.yaml]\n")
    result = CliRunner().invoke(main, ["lint", str(path)])
    assert result.exit_code == 0
    assert "1 objects of other kinds ignored" in result.output


def test_a_document_that_begins_with_a_byte_order_mark_is_checked() -> None:
    wrong = yaml.safe_dump(canary("other", suspend=1))
    text = f"{BOM}{TEXT}---\n{BOM}{wrong}"
    result = linted(text)
    assert result.exit_code == 1
    assert "Canary podinfo: ok" in result.output
    line = line_of(text, "suspend")
    assert f":{line}: Canary other: error: spec.suspend is 1" in result.output


@pytest.mark.parametrize(
    ("version", "said", "word"),
    [
        ("", "apiVersion is required: must be canaryd.io/v1beta1", "kind"),
        ("apiversion: canaryd.io/v1beta1\n", "apiversion is not a known field", "apiversion"),
        ("apiversion: canaryd.io/v1beta1\n", "is apiVersion meant?", "apiversion"),
        ("apiVersion: v1beta1\n", "apiVersion must be canaryd.io/v1beta1", "apiVersion"),
        ("apiVersion: v1\n", "apiVersion must be canaryd.io/v1beta1", "apiVersion"),
        ("apiVersion: canaryd.io\n", "apiVersion must be canaryd.io/v1beta1", "apiVersion"),
        ("apiVersion:\n", "apiVersion must be canaryd.io/v1beta1", "apiVersion"),
    ],
)
@pytest.mark.parametrize("document", [canary("x"), request("x"), cluster_template("x")])
def test_one_of_our_kinds_without_its_group_is_not_passed_over(
    version: str, said: str, word: str, document: dict[str, Any]
) -> None:
    text = yaml.safe_dump(document, sort_keys=False)
    text = f"{TEXT}---\n{text.replace('apiVersion: canaryd.io/v1beta1', version.strip(), 1)}"
    result = linted(text)
    assert result.exit_code == 1
    assert f"{document['kind']} x: error: " in result.output
    assert said in result.output
    assert "ignored" not in result.output


def test_a_list_of_our_kind_is_looked_into_as_kubectl_does() -> None:
    typed = {"metadata": {"name": "b"}, "spec": canary("b")["spec"] | {"suspend": 1}}
    listed = {"apiVersion": "canaryd.io/v1beta1", "kind": "CanaryList", "metadata": {}}
    text = yaml.safe_dump(listed | {"items": [canary("a"), typed]}, sort_keys=False)
    result = linted(text)
    assert result.exit_code == 1
    assert "Canary a: ok" in result.output
    assert f":{line_of(text, 'suspend')}: Canary b: error: spec.suspend is 1" in result.output


def test_a_list_of_our_kind_without_its_group_is_not_passed_over() -> None:
    item = {"metadata": {"name": "b"}, "spec": canary("b")["spec"]}
    result = linted(yaml.safe_dump({"kind": "CanaryList", "items": [item]}))
    assert result.exit_code == 1
    assert "Canary b: error: apiVersion must be canaryd.io/v1beta1" in result.output


def test_a_namespace_of_what_has_none_is_a_warning_with_its_line() -> None:
    document = cluster_template("queue-depth")
    document["metadata"]["namespace"] = "demo"
    text = yaml.safe_dump(document)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row == "  namespace: demo")
    result = linted(text)
    assert result.exit_code == 0
    said = "metadata.namespace is dropped: a ClusterAnalysisTemplate is of the whole cluster"
    assert f":{line}: ClusterAnalysisTemplate queue-depth: warning: {said}" in result.output
