"""The ready templates can be applied as they are, and say what they need."""

from __future__ import annotations

import re

import promql_parser
import pytest
import yaml
from click.testing import CliRunner

from canaryd.cli.main import main
from canaryd.model.query import VARIABLES
from canaryd.wire.objects import mistakes
from tests.wire.ready import FILES, FOLDER, NAMES, asked, document, parsed

README = (FOLDER / "README.md").read_text()
SAMPLES = dict.fromkeys(VARIABLES, "sample") | {"interval": "60s", "weight": "10"}
OF_THE_JUDGED = 'pod=~"{{ canary }}-{{ revision }}-.+"'
WITHOUT_PODS = {"ingress-gateway-success-rate", "kafka-consumer-lag", "rabbitmq-queue-depth"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_accepted_and_for_all_namespaces(name: str) -> None:
    found = document(name)

    assert mistakes(found) == ()
    assert (found["kind"], found["metadata"]) == ("ClusterAnalysisTemplate", {"name": name})


@pytest.mark.parametrize("name", NAMES)
def test_its_query_is_promql(name: str) -> None:
    needed = [argument for argument, value in parsed(name).arguments.items() if value is None]

    promql_parser.parse(asked(name, SAMPLES, **dict.fromkeys(needed, "sample")))


@pytest.mark.parametrize("name", NAMES)
def test_it_explains_itself_and_each_of_its_arguments(name: str) -> None:
    spec = document(name)["spec"]

    assert spec["description"]
    assert spec["unit"]
    assert all(argument.get("description") for argument in spec.get("args", ()))


@pytest.mark.parametrize("name", NAMES)
def test_every_series_is_of_the_judged_revision_where_series_have_pods(name: str) -> None:
    query = parsed(name).query
    series = len(re.findall(r"(?<!\{)\{(?!\{)", query))

    assert query.count(OF_THE_JUDGED) == (0 if name in WITHOUT_PODS else series)


def test_lint_has_nothing_to_say_of_them() -> None:
    result = CliRunner().invoke(main, ["lint", *map(str, FILES)])

    assert result.exit_code == 0
    assert "warning" not in result.output


def test_kustomize_takes_all_of_them() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]

    assert listed == [file.name for file in FILES]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_how_it_is_used(name: str) -> None:
    assert f"`{name}`" in README
    for argument in parsed(name).arguments:
        assert f"`{argument}`" in README, argument
