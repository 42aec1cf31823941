"""What the API looks like: `canaryd lint` checks files against it, `canaryd crds` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import click
import orjson
import promql_parser
import yaml

from canaryd.cli.options import example
from canaryd.model.query import VARIABLES, render
from canaryd.wire.crd import crd_files
from canaryd.wire.objects import is_ours, mistakes

SAMPLES = dict.fromkeys(VARIABLES, "sample") | {"interval": "60s", "weight": "10"}
"""Stand-ins, so that a query can be parsed before there is a release."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that may be meant, with the place where it stands."""

    line: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What lint says of one object; it is well when there are no errors."""

    file: str
    line: int
    kind: str
    name: str
    errors: tuple[str, ...] = ()
    warnings: tuple[Remark, ...] = ()


@dataclass(slots=True)
class Report:
    """What lint says of all files."""

    objects: list[Finding] = field(default_factory=list[Finding])
    ignored: int = 0

    @property
    def refused(self) -> bool:
        """Whether any object has an error."""
        return any(finding.errors for finding in self.objects)


@click.command(epilog=example("kubectl kustomize deploy/ | canaryd lint -"))
@click.argument("files", nargs=-1, required=True, type=click.File("r", encoding="utf-8"))
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to say it."
)
@click.pass_context
def lint(context: click.Context, files: Sequence[TextIO], output: str) -> None:
    """Check Canary, CanaryRequest and AlertProvider objects in YAML FILES (- is standard input).

    Other kinds are ignored. Says what the API server would refuse; a query that is not PromQL is a
    warning, because some metrics servers speak a dialect. Exits with 1 when there are errors.
    """
    report = Report()
    for file in files:
        _read(file.name, file.read(), report)
    if output == "json":
        click.echo(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
    else:
        for line in _lines(report):
            click.echo(line)
    context.exit(1 if report.refused else 0)


@click.command(epilog=example("canaryd crds | kubectl apply --server-side -f -"))
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file per kind into this folder instead.",
)
def crds(folder: Path | None) -> None:
    """Print canaryd's CustomResourceDefinitions as YAML."""
    if folder is None:
        click.echo("".join(crd_files().values()), nl=False)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in crd_files().items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"wrote {folder / name}")


def _read(file: str, text: str, report: Report) -> None:
    try:
        for node in yaml.compose_all(text, yaml.SafeLoader):
            document = yaml.SafeLoader("").construct_document(node)
            for position, item in _items(node, document):
                if is_ours(item):
                    report.objects.append(_finding(file, position, item))
                else:
                    report.ignored += 1
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 1
        report.objects.append(Finding(file, line, "YAML", "", (f"not readable: {said}",)))


def _items(node: yaml.Node, document: object) -> Iterator[tuple[yaml.Node, Mapping[str, Any]]]:
    """Go into lists of objects, as `kubectl get -o yaml` prints them."""
    if not isinstance(document, Mapping):
        return
    inner = document.get("items")
    if document.get("kind") == "List" and isinstance(inner, list):
        for index, item in enumerate(inner):
            yield from _items(_at(node, ("items", index)), item)
    else:
        yield node, document


def _finding(file: str, node: yaml.Node, document: Mapping[str, Any]) -> Finding:
    metadata = document.get("metadata")
    names = metadata if isinstance(metadata, Mapping) else {}
    errors = mistakes(document)
    return Finding(
        file=file,
        line=node.start_mark.line + 1,
        kind=str(document.get("kind")),
        name=str(names.get("name") or names.get("generateName") or ""),
        errors=errors,
        warnings=() if errors else tuple(_doubts(node, document)),
    )


def _doubts(node: yaml.Node, document: Mapping[str, Any]) -> Iterator[Remark]:
    """Parse the queries of an object that is otherwise right."""
    metrics = (document["spec"].get("analysis") or {}).get("metrics", ())
    for index, metric in enumerate(metrics):
        if "query" not in metric:
            continue
        try:
            promql_parser.parse(render(metric["query"], SAMPLES))
        except ValueError as error:
            place = _at(node, ("spec", "analysis", "metrics", index, "query"))
            path = f"spec.analysis.metrics[{index}].query"
            yield Remark(place.start_mark.line + 1, path, f"is not PromQL: {error}")


def _at(node: yaml.Node, path: Sequence[str | int]) -> yaml.Node:
    """Return the node at the path, or the last one on the way that there is."""
    for part in path:
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            children = node.value[part : part + 1]
        elif isinstance(node, yaml.MappingNode):
            children = [value for key, value in node.value if key.value == part]
        if not children:
            return node
        node = children[0]
    return node


def _lines(report: Report) -> Iterator[str]:
    for finding in report.objects:
        where = f"{finding.file}:{finding.line}: {finding.kind} {finding.name}".rstrip()
        if not finding.errors:
            yield f"{where}: ok"
        for error in finding.errors:
            yield f"{where}: error: {error}"
        for warning in finding.warnings:
            place = f"{finding.file}:{warning.line}: {finding.kind} {finding.name}"
            yield f"{place}: warning: {warning.field} {warning.message}"
    if report.ignored:
        yield f"{report.ignored} objects of other kinds ignored"
