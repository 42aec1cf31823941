"""Examples can be copied: objects are accepted, commands and make targets exist."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import pytest
import yaml
from pydantic import ValidationError

from canaryd.adapters.providers.webhook import payload
from canaryd.cli.exits import Code
from canaryd.cli.main import main
from canaryd.model.names import Key, Weight
from canaryd.model.notice import Notice
from canaryd.model.query import VARIABLES
from canaryd.model.spec import Severity
from canaryd.wire.analysis import AnalysisModel
from canaryd.wire.objects import is_ours, mistakes
from canaryd.wire.sentences import sentences
from tests.docs.pages import DOCS, ROOT, Block, blocks

FRAGMENT = {"analysis"}
"""A block that has this key only is a part of a Canary's spec."""


def documents() -> list[tuple[Block, dict[str, Any]]]:
    return [
        (block, document)
        for block in blocks("yaml")
        for document in yaml.safe_load_all(block.text)
        if isinstance(document, dict)
    ]


OBJECTS = [
    pytest.param(document, id=f"{block.place} {document['kind']} {document['metadata']}")
    for block, document in documents()
    if is_ours(document)
]
ANALYSES = [
    pytest.param(document["analysis"], id=block.place)
    for block, document in documents()
    if document.keys() == FRAGMENT
]


@pytest.mark.parametrize("document", OBJECTS)
def test_an_object_of_ours_passes_lint(document: dict[str, Any]) -> None:
    assert mistakes(document) == ()


@pytest.mark.parametrize("analysis", ANALYSES)
def test_a_piece_of_analysis_is_accepted(analysis: dict[str, Any]) -> None:
    try:
        AnalysisModel.model_validate_json(json.dumps(analysis))
    except ValidationError as error:
        pytest.fail("; ".join(sentences(error)))


def queries(node: object) -> Iterator[str]:
    """Every query in an object, as a template or a metric has it."""
    match node:
        case {"query": str(query)}:
            yield query
        case dict():
            yield from (query for inner in node.values() for query in queries(inner))
        case list():
            yield from (query for inner in node for query in queries(inner))
        case _:
            pass


QUERIES = [
    pytest.param(query, id=block.place)
    for block, document in documents()
    for query in queries(document)
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_pods_counts_those_of_the_judged_revision_only(query: str) -> None:
    if re.search(r"\bcontainer_|\bpod\b", query):
        assert 'pod=~"{{ canary }}-{{ revision }}-.' in query


def commands() -> list[tuple[str, list[str]]]:
    """Every `canaryd …` in a block of shell, also one inside of $(…)."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks("sh"):
        for line in block.text.splitlines():
            for part in re.findall(r"\bcanaryd ([a-z]+\b[^#|;&)>]*)", line):
                closed = part if part.count("'") % 2 == 0 else part.replace("'", "")
                found.append((block.place, shlex.split(closed)))
    return [(place, words) for place, words in found if words[0] in known()]


def known() -> set[str]:
    return set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(words, id=f"{place}: {words[0]} ({number})")
        for number, (place, words) in enumerate(commands())
    ],
)
def test_a_command_has_the_options_that_an_example_gives_it(words: list[str]) -> None:
    context = click.Context(main)
    command = main.get_command(context, words[0])
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
    assert given <= options


def test_examples_use_commands() -> None:
    assert {words[0] for _, words in commands()} >= {"run", "why", "wait", "approve", "abort"}


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pages = (ROOT / "README.md", *DOCS.rglob("*.md"))
    for page in pages:
        for target in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_the_exit_codes_are_those_of_the_command() -> None:
    text = (DOCS / "how-to" / "wait-in-a-pipeline.md").read_text()
    told = {int(code) for code in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    assert told == set(Code) - {Code.INTERRUPTED}


def test_the_webhook_example_has_the_fields_that_are_sent() -> None:
    (example,) = [block for block in blocks("json") if block.page.name == "notices.md"]
    at = datetime(2026, 5, 4, tzinfo=UTC)
    notice = Notice(
        seq=9,
        reason="RolledBack",
        sentence="",
        severity=Severity.ERROR,
        at=at,
        phase="Idle",
        weight=Weight(0),
    )
    sent = payload(notice, key=Key("demo", "podinfo"), uid="uid")
    assert json.loads(example.text).keys() == sent.keys()


def test_the_variables_of_a_query_are_all_explained() -> None:
    text = (DOCS / "how-to" / "tune-gates.md").read_text()
    assert set(re.findall(r"`(\w+)`", text)) >= set(VARIABLES)
