"""`canaryd lint` and `canaryd crds`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from canaryd.cli.schema import crds, lint
from canaryd.wire.crd import crd_documents
from tests.wire.bad_objects import analysis, canary, metric, query

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo"}}


def linted(*documents: dict[str, Any], output: str = "text") -> Result:
    text = yaml.safe_dump_all(documents)
    return CliRunner().invoke(lint, ["-o", output, "-"], input=text)


def test_good_objects_are_ok_and_other_kinds_are_counted() -> None:
    result = linted(canary("podinfo"), SERVICE, {"kind": "List", "items": [SERVICE, canary("b")]})

    assert result.exit_code == 0
    assert "Canary podinfo: ok" in result.output
    assert "Canary b: ok" in result.output
    assert "2 objects of other kinds ignored" in result.output


def test_a_bad_object_is_told_with_file_and_field_and_exits_with_1(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_text(yaml.safe_dump_all([SERVICE, analysis("podinfo", threshold=0)]))
    result = CliRunner().invoke(lint, [str(file)])

    assert result.exit_code == 1
    assert f"{file}:6: Canary podinfo: error: spec.analysis.threshold must be" in result.output


def test_a_query_that_is_no_promql_is_a_warning_with_its_line() -> None:
    text = yaml.safe_dump(metric("podinfo", query('sum(x{a="{{ name }}"}')))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "query:" in row)
    result = CliRunner().invoke(lint, ["-"], input=text)

    assert result.exit_code == 0
    assert f":{line}: Canary podinfo: warning: spec.analysis.metrics[0].query" in result.output


def test_an_unknown_variable_is_an_error() -> None:
    result = linted(metric("podinfo", query('x{a="{{ pod }}"}')))

    assert result.exit_code == 1
    assert "error: spec.analysis.metrics[0].query" in result.output


def test_the_report_as_json() -> None:
    result = linted(analysis("podinfo", threshold=0), SERVICE, output="json")
    report = json.loads(result.output)

    assert report["ignored"] == 1
    assert report["objects"][0]["name"] == "podinfo"
    assert "spec.analysis.threshold" in report["objects"][0]["errors"][0]


def test_what_is_no_yaml_is_an_error_with_its_line() -> None:
    result = CliRunner().invoke(lint, ["-"], input="a: 1\nb: [\n")

    assert result.exit_code == 1
    assert "not readable" in result.output


def test_strange_documents_do_not_break_lint() -> None:
    strange = [
        "",
        "7\n",
        "- a\n",
        "apiVersion: canaryd.io/v1beta1\n",
        "{kind: List, items: [1, null]}\n",
    ]
    for text in [
        *strange,
        "{apiVersion: canaryd.io/v1beta1, kind: Canary, metadata: 7, spec: 2026-01-01}",
    ]:
        result = CliRunner().invoke(lint, ["-"], input=text)

        assert not isinstance(result.exception, Exception), result.exception


def test_crds_are_printed_and_written(tmp_path: Path) -> None:
    printed = CliRunner().invoke(crds)
    written = CliRunner().invoke(crds, ["--dir", str(tmp_path / "crds")])

    assert list(yaml.safe_load_all(printed.output)) == crd_documents()
    assert written.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "crds").iterdir()) == [
        "alertproviders.yaml",
        "canaries.yaml",
        "canaryrequests.yaml",
    ]
