"""A bad query on its way to a metrics server: lint, the API, its variables, and what is sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result
from msgspec import Raw

from canaryd.cli.main import main
from canaryd.cli.query_check import SAMPLES
from canaryd.model.answered import Answered
from canaryd.model.query import LONGEST, OWN, render
from canaryd.model.template import TemplateKind
from canaryd.runtime.acceptance import trials
from canaryd.wire.objects import mistakes
from canaryd.wire.template import parse_template
from canaryd.wire.watch import Meta, TemplateObject
from tests.adapters.asking import asking, question
from tests.adapters.bad_queries import PARSED, TURNED_AWAY, Case, distinct, spoilt
from tests.adapters.misbehaving import hang, misbehaving, vector
from tests.wire.objects import TEMPLATED, canary, changed, metric, query, template

SPOILT = spoilt(seed=4, count=200)
ALL = list(dict.fromkeys([*distinct(), *SPOILT]))
VALUES = [text for text in ALL if len(text) <= 512]
CASES = [
    pytest.param(case, id=f"{number} {ascii(case.query)[1:30]}")
    for number, case in enumerate(PARSED)
]
AWAY = [
    pytest.param(text, sentence, id=f"{number} {ascii(text)[1:30]}")
    for number, (text, sentence) in enumerate(TURNED_AWAY)
]
LONGER_THAN_MAY_BE = [
    pytest.param("1{{ variables.queue }}" + "{{ variables.queue }}" * 180, "+1" * 256, id="sums"),
    pytest.param("{{ variables.queue }}1" * 180, "((((" * 128, id="brackets"),
    pytest.param('x{a="' + "{{ variables.queue }}" * 180 + '"}', '"' * 512, id="escapes"),
]


def linted(*documents: dict[str, Any], output: str = "text") -> Result:
    """What lint says; in words or JSON, never in a traceback, and fit for a terminal."""
    result = CliRunner().invoke(
        main, ["lint", "-o", output, "-"], input=yaml.safe_dump_all(documents)
    )
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert all(line.isprintable() for line in result.output.splitlines())
    return result


def in_twenties(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Canaries of as many of these metrics as one may have."""
    named = [entry | {"name": f"m{number}"} for number, entry in enumerate(entries)]
    return [
        canary(f"p{start}", analysis__metrics=named[start : start + 20])
        for start in range(0, len(named), 20)
    ]


def using(values: Iterable[str]) -> list[dict[str, Any]]:
    return in_twenties(changed(TEMPLATED, templateVariables__queue=value) for value in values)


def one_argument(text: str) -> dict[str, Any]:
    return template("queue-depth", args=[{"name": "queue"}], query=text)


def test_a_parser_that_panics_shows_nothing_of_itself(capfd: pytest.CaptureFixture[str]) -> None:
    result = linted(metric("podinfo", query("rate(lone[1e999])")))
    assert "the parser stumbles over it (cannot convert" in result.output
    assert capfd.readouterr().err == ""


def test_there_are_far_more_than_a_hundred_bad_queries() -> None:
    assert len(PARSED) + len(TURNED_AWAY) > 140
    assert len(ALL) > 340


@pytest.mark.parametrize("case", CASES)
def test_lint_names_what_a_parser_can_see(case: Case) -> None:
    result = linted(metric("podinfo", query(case.query)))
    _, _, said = result.output.partition("warning: spec.analysis.metrics[0].query ")
    assert result.exit_code == 0
    assert bool(said) == bool(case.lint)
    assert case.lint in said


@pytest.mark.parametrize(("text", "sentence"), AWAY)
def test_a_query_that_the_api_refuses_is_an_error_that_names_the_field(
    text: str, sentence: str
) -> None:
    result = linted(metric("podinfo", query(text)))
    assert result.exit_code == 1
    assert "error: spec.analysis.metrics[0].query" in result.output
    assert sentence in result.output
    assert len(result.output) < 500, "the query itself is not repeated"


@pytest.mark.parametrize("value", [5, 0.5, True, ["x"], {"a": "b"}, "x\ud800"], ids=ascii)
def test_a_query_that_is_no_text_is_an_error_that_names_the_spec(value: Any) -> None:
    result = linted(metric("podinfo", {**query(""), "query": value}))
    assert result.exit_code == 1
    assert "error: spec" in result.output


def test_lint_never_stumbles_over_a_spoilt_query() -> None:
    alone = [metric(f"a{number}", query(text)) for number, text in enumerate(SPOILT)]
    # An error hides the warnings of the same object.
    fit = [text for text, one in zip(SPOILT, alone, strict=True) if not mistakes(one)]
    unfit = [one for one in alone if mistakes(one)]
    for output in ("text", "json"):
        result = linted(*in_twenties(map(query, fit)), *unfit, output=output)
        assert result.output.count("is not PromQL") > 100


def test_whatever_the_api_lets_in_can_be_asked_or_is_refused_with_words() -> None:
    for text in ALL:
        said = mistakes(metric("podinfo", query(text)))
        assert all(sentence.startswith("spec.analysis.metrics[0].query") for sentence in said)
        if not said:
            assert 0 < len(render(text, SAMPLES)) <= LONGEST


def test_a_template_of_a_bad_query_is_tried_or_refused_with_words() -> None:
    tried, refusals = 0, list[str]()
    for text in ALL:
        obj = TemplateObject(Meta("x", "demo"), Raw(orjson.dumps({"query": text})))
        try:
            tried += all(trials(parse_template(obj, TemplateKind.NAMESPACED)))
        except ValueError as error:
            refusals.append(str(error))
    assert tried + len(refusals) == len(ALL)
    assert len(refusals) >= len(TURNED_AWAY)
    known = ("spec.query", "spec: query uses a {{ variables.NAME }} that args do not declare")
    assert all(words.startswith(known) for words in refusals)


def test_a_bad_value_of_a_variable_stays_in_its_string() -> None:
    result = linted(*using(VALUES), one_argument('sum(depth{queue="{{ variables.queue }}"})'))
    assert result.exit_code == 0
    assert "warning" not in result.output


def test_a_bad_value_outside_of_strings_is_a_warning_at_the_value() -> None:
    result = linted(*using(VALUES), one_argument("x[{{ variables.queue }}]"))
    assert result.exit_code == 0
    assert result.output.count(".templateVariables is no") > 200


@pytest.mark.parametrize(
    "name", ["", "0a", "a-b", "a" * 33, "é", "a\x00", "{{", "}}", "variables.x"]
)
def test_a_bad_name_of_a_variable_is_an_error(name: str) -> None:
    given = changed(TEMPLATED, templateVariables={name: "x"})
    result = linted(metric("podinfo", given), template("queue-depth"))
    assert result.exit_code == 1
    assert "templateVariables must have names of letters" in result.output


@pytest.mark.parametrize(("text", "value"), LONGER_THAN_MAY_BE)
def test_values_that_make_a_query_huge_are_refused_with_what_to_do(text: str, value: str) -> None:
    words = f"more than the {LONGEST} that may be asked: shorten"
    with pytest.raises(ValueError, match=words):
        render(text, {OWN + "queue": value})
    spec = {"args": [{"name": "queue", "value": value}], "query": text}
    obj = TemplateObject(Meta("x", "demo"), Raw(orjson.dumps(spec)))
    template_of_it = parse_template(obj, TemplateKind.NAMESPACED)
    with pytest.raises(ValueError, match=words):
        trials(template_of_it)


def test_lint_outlives_values_that_make_a_query_huge(tmp_path: Path) -> None:
    # Once this ended the process, with no word but "Segmentation fault".
    text, value = "1{{ variables.queue }}" + "{{ variables.queue }}" * 180, "+1" * 256
    file = tmp_path / "canary.yaml"
    file.write_text(yaml.safe_dump_all([*using([value]), one_argument(text)]))
    command = [sys.executable, "-m", "canaryd", "lint", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert told.returncode == 0, told.stderr
    assert "metrics[0].templateVariables cannot be asked: the query has" in told.stdout


def test_a_file_that_is_not_utf8_is_an_error_on_its_line(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_bytes(b'apiVersion: canaryd.io/v1beta1\nspec:\n  query: "x{a=\\"\xff\xfe\\"}"\n')
    result = CliRunner().invoke(main, ["lint", str(file)])
    assert result.exit_code == 1
    assert f"{file}:3: YAML: error: not readable: this is not UTF-8" in result.output


def test_a_file_of_nothing_but_brackets_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_text("spec: " + "[" * 1500)
    result = CliRunner().invoke(main, ["lint", str(file)])
    assert result.exit_code == 1
    assert "YAML: error: not readable: lists or objects are nested too deeply" in result.output


async def test_half_a_character_is_refused_and_blames_no_server() -> None:
    async with misbehaving(vector(({}, "1"))) as server, asking(server) as metrics:
        bad = [question(f"bad{number}", query='x{a="\ud800"}') for number in range(5)]
        samples = await metrics.ask([*bad, question("good")])
        (after,) = (await metrics.ask([question("good")])).values()
        assert len(server.heard) == 2
    told = [samples[one.key, one.metric] for one in bad]
    assert {sample.answered for sample in told} == {Answered.REFUSED}
    assert "holds half a character" in told[0].detail
    assert after.value == 1


async def test_the_server_is_told_to_give_up_before_canaryd_does() -> None:
    async with misbehaving(vector(({}, "1"))) as server, asking(server, deadline=5) as metrics:
        await metrics.ask([question()])
        assert server.heard[0].form["timeout"] == "4500ms"


async def test_slow_queries_do_not_blind_those_of_a_server_that_answers_others() -> None:
    answer = vector(({}, "1"))
    script = (hang, hang, hang, answer)
    async with misbehaving(*script) as server, asking(server, deadline=1) as metrics:
        samples = await metrics.ask([question(f"app{number}") for number in range(4)])
        (after,) = (await metrics.ask([question()])).values()
    told = [sample.answered for sample in samples.values()]
    assert sorted(told, key=str) == [Answered.UNAVAILABLE] * 3 + [Answered.VALUE]
    assert after.answered is Answered.VALUE, after.detail
