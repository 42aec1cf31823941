"""What the API looks like: `canaryd lint` checks files against it, `canaryd crds` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TextIO

import click
import orjson

from canaryd.adapters.prometheus.answers import plain
from canaryd.cli.access import OPTION, Target, login_from
from canaryd.cli.bounds_check import look_at_bounds
from canaryd.cli.console import note
from canaryd.cli.edge_check import has_edge, look_at_edges
from canaryd.cli.manifest import STDIN, Manifest, Unreadable, named, read
from canaryd.cli.options import Access, access_options, example
from canaryd.cli.query_check import Remark, look, templates
from canaryd.cli.words import printable
from canaryd.wire.crd import BY_NAME, CLUSTER, crd_files
from canaryd.wire.objects import is_ours, mistakes
from canaryd.wire.sentences import path_in

KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
"""Kustomize does not ask of these what they are."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A sentence about what stands on this line; it begins with the field."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What lint says of one object; it is well when there are no errors."""

    file: str
    line: int
    kind: str
    name: str
    errors: tuple[Mistake, ...] = ()
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


@click.command(
    epilog=example(
        "canaryd lint canary.yaml",
        "canaryd lint analysis-templates/*.yaml canary.yaml   # also whether they fit together",
        "canaryd lint --metrics-server http://localhost:9090 canary.yaml",
        "kubectl kustomize analysis-templates | canaryd lint -o json -",
    )
)
@click.argument("files", nargs=-1, required=True, type=click.File("r", encoding="utf-8"))
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to say it."
)
@click.option(
    "--metrics-server",
    metavar="URL",
    help="Prometheus: also check that latency.le of objectives are edges of the buckets there.",
)
@access_options
@click.pass_context
def lint(
    context: click.Context,
    files: Sequence[TextIO],
    output: str,
    metrics_server: str | None,
    access: Access,
) -> None:
    """Check canaryd's objects in YAML FILES (- is standard input).

    Knows Canary, CanaryRequest, AlertProvider, AnalysisTemplate and ClusterAnalysisTemplate; other
    kinds are ignored. Asks no cluster.

    An error is what kubectl or the API server would refuse, so also a document that is no object,
    and one of these kinds without its apiVersion; and a metric that does not give a template in
    the same files what it needs; with --metrics-server also a latency.le where no bucket of the
    Canary's pods ends.

    A warning is a query that is not PromQL, because some metrics servers speak a dialect (each is
    parsed with stand-ins for its variables, up to 500 brackets and operators), a template that is
    not in the files, an argument that its template's query does not use, a latency.le that is no
    bucket's end in Istio as it is, a success rate that looks like a fraction instead of per cent,
    a duration that looks like seconds, a name that stands twice in one file, a namespace of a
    ClusterAnalysisTemplate, which has none, and a file (not standard input) without any object.

    Exits with 1 when there are errors, and when the FILES hold no object at all, so that a pipe
    from a command that failed does not pass; else with 0, also when all are of other kinds.
    """
    target: Target | None = None
    if metrics_server is not None:
        target = Target(metrics_server, login_from(access), access, OPTION)
    elif access.options:
        message = f"{' and '.join(access.options)}: only with {OPTION}, or no server is asked"
        raise click.UsageError(message)
    held = {file: tuple(read(file)) for file in files}
    found = [one for each in held.values() for one in each]
    report = _report(found, target)
    if output == "json":
        click.echo(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2))
    else:
        for line in _lines(report):
            click.echo(line)
    for words in _notes(held, report, target):
        note(words)
    context.exit(1 if report.refused or not found else 0)


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


def _report(found: Sequence[Manifest | Unreadable], target: Target | None) -> Report:
    report = Report()
    manifests = [one for one in found if isinstance(one, Manifest) and is_ours(one.document)]
    usable = templates(one for one in manifests if not mistakes(one.document))
    meant = {*STDIN, *(one.file for one in found if isinstance(one, Manifest) and not one.lacks)}
    lines: dict[tuple[str, ...], int] = {}
    for one in found:
        if isinstance(one, Unreadable):
            report.objects.append(
                Finding(one.file, one.line, "YAML", "", (Mistake(one.line, one.message),))
            )
        elif is_ours(one.document):
            finding = _finding(one, usable, target)
            if one.name and (first := lines.setdefault(one.identity, one.line())) != one.line():
                said = f"is that of the {one.kind} on line {first} as well: only one can be there"
                again = Remark(one.line(("metadata", "name")), "metadata.name", said)
                finding = replace(finding, warnings=(*finding.warnings, again))
            report.objects.append(finding)
        elif one.lacks and Path(one.file).name not in KUSTOMIZATIONS:
            other = len(one.lacks) > 1 and one.file not in meant
            report.objects.append(_other_yaml(one) if other else _unkinded(one))
        else:
            report.ignored += 1
    return report


def _unkinded(one: Manifest) -> Finding:
    """What lint says of a document of which nobody can tell what it is."""
    verb = "is" if len(one.lacks) == 1 else "are"
    said = f"{' and '.join(one.lacks)} {verb} missing: no object of Kubernetes, or misspelt"
    kind = "YAML" if "kind" in one.lacks else plain(printable(one.kind))
    error = Mistake(one.line(one.lacks[:1]), said)
    return Finding(one.file, one.line(), kind, plain(printable(one.name)), (error,))


def _other_yaml(one: Manifest) -> Finding:
    """What lint says of a file without any object: values of a chart, a patch."""
    said = "is missing throughout the file: nothing in it is checked"
    remark = Remark(one.line(), "kind", said)
    return Finding(one.file, one.line(), "YAML", plain(printable(one.name)), (), (remark,))


def _unspaced(one: Manifest) -> Iterator[Remark]:
    """Say that the API server drops the namespace of what belongs to the whole cluster."""
    if one.namespace is not None and BY_NAME[one.kind].scope == CLUSTER:
        said = f"is dropped: a {one.kind} is of the whole cluster"
        yield Remark(one.line(("metadata", "namespace")), "metadata.namespace", said)


def _finding(one: Manifest, usable: Sequence[Manifest], target: Target | None) -> Finding:
    errors = [Mistake(one.line(path_in(said)), said) for said in mistakes(one.document)]
    warnings: list[Remark] = []
    if not errors:
        remarks = look(one, usable)
        remarks.warnings += _unspaced(one)
        if one.kind == "Canary":
            remarks.warnings += look_at_bounds(one)
            edges = look_at_edges(one, target)
            remarks.errors += edges.errors
            remarks.warnings += edges.warnings
        errors = [
            Mistake(remark.line, f"{remark.field} {remark.message}") for remark in remarks.errors
        ]
        warnings = remarks.warnings
    # Fields and names are a stranger's words as well, and some messages repeat them.
    return Finding(
        one.file,
        one.line(),
        plain(printable(one.kind)),
        plain(printable(one.name)),
        tuple(Mistake(each.line, printable(each.message)) for each in errors),
        tuple(
            Remark(each.line, plain(printable(each.field)), printable(each.message))
            for each in warnings
        ),
    )


def _notes(
    held: Mapping[TextIO, Sequence[Manifest | Unreadable]], report: Report, target: Target | None
) -> Iterator[str]:
    """What was not checked though somebody may think so."""
    manifests = [one for each in held.values() for one in each if isinstance(one, Manifest)]
    if not report.objects:
        files = ", ".join(dict.fromkeys(map(named, held)))
        yield f"no object of canaryd in {files}" + ("" if manifests else ": nothing was checked")
        return
    for file, each in held.items():
        if not each:
            yield f"{named(file)}: no object in it"
    if target is None or report.refused:
        return
    if not any(is_ours(one.document) and has_edge(one) for one in manifests):
        yield f"{OPTION} was not asked: no latency.le to check with it"


def _lines(report: Report) -> Iterator[str]:
    for finding in report.objects:
        what = f"{finding.kind} {finding.name}".rstrip()
        if not finding.errors:
            yield f"{finding.file}:{finding.line}: {what}: ok"
        for error in finding.errors:
            yield f"{finding.file}:{error.line}: {what}: error: {error.message}"
        for warning in finding.warnings:
            words = f"{warning.field} {warning.message}"
            yield f"{finding.file}:{warning.line}: {what}: warning: {words}"
    if report.ignored:
        yield f"{report.ignored} objects of other kinds ignored"
