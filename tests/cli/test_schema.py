"""`canaryd lint` and `canaryd crds`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from canaryd.wire.crd import crd_documents
from tests.wire.objects import (
    GONE,
    TEMPLATED,
    analysis,
    canary,
    changed,
    cluster_template,
    metric,
    query,
    template,
)

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo"}}


def linted(*documents: dict[str, Any], output: str = "text") -> Result:
    text = yaml.safe_dump_all(documents)
    return CliRunner().invoke(main, ["lint", "-o", output, "-"], input=text)


def test_good_objects_are_ok_and_other_kinds_are_counted() -> None:
    result = linted(canary("podinfo"), SERVICE, {"kind": "List", "items": [SERVICE, canary("b")]})

    assert result.exit_code == 0
    assert "Canary podinfo: ok" in result.output
    assert "Canary b: ok" in result.output
    assert "2 objects of other kinds ignored" in result.output


def test_a_bad_object_is_told_with_file_and_field_and_exits_with_1(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_text(yaml.safe_dump_all([SERVICE, analysis("podinfo", threshold=0)]))
    result = CliRunner().invoke(main, ["lint", str(file)])

    assert result.exit_code == 1
    line = 1 + file.read_text().splitlines().index("    threshold: 0")
    assert f"{file}:{line}: Canary podinfo: error: spec.analysis.threshold is " in result.output


def test_a_query_that_is_no_promql_is_a_warning_with_its_line() -> None:
    text = yaml.safe_dump(metric("podinfo", query('sum(x{a="{{ name }}"}')))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "query:" in row)
    result = CliRunner().invoke(main, ["lint", "-"], input=text)

    assert result.exit_code == 0
    assert f":{line}: Canary podinfo: warning: spec.analysis.metrics[0].query" in result.output


def test_an_unknown_variable_is_an_error() -> None:
    result = linted(metric("podinfo", query('x{a="{{ pod }}"}')))

    assert result.exit_code == 1
    assert "error: spec.analysis.metrics[0].query" in result.output


def queue_depth(namespace: str = "monitoring", **changes: Any) -> dict[str, Any]:
    """The template that `using` names."""
    document = template("queue-depth", **changes)
    document["metadata"]["namespace"] = namespace
    return document


def using(**changes: Any) -> dict[str, Any]:
    return metric("podinfo", changed(TEMPLATED, **changes))


def test_a_template_and_a_canary_that_fit_are_ok() -> None:
    result = linted(using(), queue_depth())

    assert result.exit_code == 0
    assert "Canary podinfo: ok" in result.output
    assert "AnalysisTemplate queue-depth: ok" in result.output
    assert "warning" not in result.output


def test_a_template_that_is_not_in_the_files_is_a_warning() -> None:
    for other in (queue_depth("elsewhere"), cluster_template("queue-depth"), SERVICE):
        result = linted(using(), other)

        assert result.exit_code == 0
        assert "warning: spec.analysis.metrics[0].templateRef names AnalysisTemplate" in (
            result.output
        )
        assert "monitoring/queue-depth, which is not in these files" in result.output


def test_an_argument_that_is_not_given_is_an_error() -> None:
    result = linted(using(templateVariables=GONE), queue_depth())

    assert result.exit_code == 1
    assert (
        "error: spec.analysis.metrics[0].templateVariables lacks queue,"
        " which AnalysisTemplate monitoring/queue-depth needs" in result.output
    )


def test_an_argument_that_the_template_does_not_know_is_an_error() -> None:
    result = linted(using(templateVariables__queues="a"), queue_depth())

    assert result.exit_code == 1
    assert "templateVariables.queues gives queues, which" in result.output
    assert "it knows queue, vhost" in result.output


def test_a_template_is_found_in_the_canarys_own_namespace() -> None:
    canary = using(templateRef={"name": "queue-depth"}, templateVariables=GONE)
    canary["metadata"]["namespace"] = "shop"

    assert linted(canary, queue_depth("shop")).exit_code == 1
    assert linted(canary, queue_depth("other")).exit_code == 0


def test_a_cluster_template_is_found_from_everywhere() -> None:
    ref = {"name": "queue-depth", "kind": "ClusterAnalysisTemplate"}
    canary = using(templateRef=ref, templateVariables=GONE)
    canary["metadata"]["namespace"] = "shop"

    assert linted(canary, cluster_template("queue-depth")).exit_code == 1


def test_a_templates_query_that_is_no_promql_is_a_warning_with_its_line() -> None:
    text = yaml.safe_dump(template("x", query="sum({{ variables.queue }}"))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "query:" in row)
    result = CliRunner().invoke(main, ["lint", "-"], input=text)

    assert result.exit_code == 0
    assert f":{line}: AnalysisTemplate x: warning: spec.query is not PromQL:" in result.output


def test_values_that_break_a_good_query_are_a_warning_of_the_canary() -> None:
    good = queue_depth(query="quantile_over_time({{ variables.queue }}, x[5m])", args___1=GONE)
    canary = using(templateVariables={"queue": "often"})
    result = linted(canary, good)

    assert result.exit_code == 0, result.output
    assert "Canary podinfo: warning: spec.analysis.metrics[0].templateVariables" in result.output
    assert "AnalysisTemplate queue-depth: warning" not in result.output


def test_variables_may_stand_for_numbers_times_and_names() -> None:
    query = "quantile_over_time({{ variables.q }}, {{ variables.x }}[{{ variables.t }}])"
    result = linted(template("x", args=[{"name": name} for name in "qxt"], query=query))

    assert "warning" not in result.output


def test_an_argument_that_is_not_used_is_a_warning() -> None:
    result = linted(template("x", query="vector(1)"))

    assert result.exit_code == 0
    assert "warning: spec.args[0] queue is not used by the query" in result.output


def test_an_undeclared_variable_is_an_error() -> None:
    result = linted(template("x", args=GONE))

    assert result.exit_code == 1
    assert "error: spec: query uses a {{ variables.NAME }} that args do not declare" in (
        result.output
    )


def test_a_broken_template_is_not_used_for_a_canary() -> None:
    result = linted(using(), queue_depth(unit=7))

    assert result.exit_code == 1
    assert "which is not in these files" in result.output


def test_the_report_as_json() -> None:
    result = linted(analysis("podinfo", threshold=0), SERVICE, output="json")
    report = json.loads(result.output)

    assert report["ignored"] == 1
    assert report["objects"][0]["name"] == "podinfo"
    (error,) = report["objects"][0]["errors"]
    assert "spec.analysis.threshold" in error["message"]
    assert error["line"] > report["objects"][0]["line"]


def test_an_error_names_the_line_of_its_field() -> None:
    document = analysis("podinfo", stepWeights=[10, 500], metrics=[{"name": "a"}, {"name": 7}])
    output, text = linted(document).output, yaml.safe_dump(document)
    for field, words in (("stepWeights[1]", "500"), ("metrics[1].name", "name: 7")):
        line = 1 + next(n for n, row in enumerate(text.splitlines()) if words in row)
        assert f":{line}: Canary podinfo: error: spec.analysis.{field}" in output


def test_a_query_at_which_the_parser_panics_is_said_and_the_rest_is_checked() -> None:
    result = linted(queue_depth(query="x offset NaN"), analysis("podinfo"))
    assert "warning: spec.query is not PromQL" in result.output
    assert "Canary podinfo: ok" in result.output


def test_brackets_and_operators_in_strings_and_names_do_not_nest() -> None:
    words, name = "(+and-or*" * 120, "_".join(["and", "or", "border"] * 100)
    for text in (
        f'x{{a="{words}"}}',
        f"x{{a='{words}'}}",
        f"x{{a=`{words}`}}",
        f'x{{a="\\"{words}"}}',
        name,
    ):
        assert "is not checked" not in linted(template("x", args=GONE, query=text)).output


def test_a_quote_in_a_comment_hides_no_brackets() -> None:
    for text in (
        "x # don't\n + " + "(" * 600 + "y # won't",
        'x{a="\n' + "(" * 600 + '"}',
        "x + " * 600 + "y",
        "x and " * 600 + "y",
        'x{a="b"}*' * 100 + "x+" * 550 + "y",
    ):
        assert "is not checked: it has" in linted(template("x", args=GONE, query=text)).output


def test_warnings_as_json_have_line_and_field() -> None:
    report = json.loads(linted(using(), output="json").output)

    (warning,) = report["objects"][0]["warnings"]
    assert warning["field"] == "spec.analysis.metrics[0].templateRef"
    assert warning["line"] > 1


def test_what_is_no_yaml_is_an_error_with_its_line() -> None:
    result = CliRunner().invoke(main, ["lint", "-"], input="a: 1\nb: [\n")

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
        result = CliRunner().invoke(main, ["lint", "-"], input=text)

        assert not isinstance(result.exception, Exception), result.exception


def test_crds_are_printed_and_written(tmp_path: Path) -> None:
    printed = CliRunner().invoke(main, ["crds"])
    written = CliRunner().invoke(main, ["crds", "--dir", str(tmp_path / "crds")])

    assert list(yaml.safe_load_all(printed.output)) == crd_documents()
    assert written.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "crds").iterdir()) == [
        "alertproviders.yaml",
        "analysistemplates.yaml",
        "canaries.yaml",
        "canaryrequests.yaml",
        "clusteranalysistemplates.yaml",
    ]
