"""What `canaryd lint` says of queries: whether they are PromQL, and whether templates fit.

A query is parsed with stand-ins for its variables. One that does not parse is only doubted: some
metrics servers speak a dialect.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import promql_parser

from canaryd.adapters.prometheus.answers import plain
from canaryd.cli.manifest import Manifest, Path
from canaryd.model.query import VARIABLES, own_variables, render, stand_ins
from canaryd.model.template import TemplateKind
from canaryd.wire.sentences import path_of

SAMPLES = dict.fromkeys(VARIABLES, "sample") | {"interval": "60s", "weight": "10"}
"""Stand-ins, so that a query can be parsed before there is a release."""
GUESSES = ("1", "1m", "sample")
"""What a template's own variable without a value may stand for: a number, a time, a name."""
STDERR = 2
DEEPEST = 500
"""So many signs that may nest are parsed; the parser needs stack and, squared, time for each."""
_NESTING = re.compile(r"[-+*/%^(\[=<>!]|(?<![\w:])(?:and|or|unless|atan2)(?![\w:])", re.IGNORECASE)
_APART = re.compile(
    r"""(?P<whole>#[^\n]*|`[^`]*`)|"(?:[^"\\\n]|\\.)*(?P<two>"?)|'(?:[^'\\\n]|\\.)*(?P<one>'?)"""
)
"""Comments and strings, in which nothing nests; and what follows a quote without its end."""
KINDS = tuple(kind.value for kind in TemplateKind)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a field that stands on this line."""

    line: int
    field: str
    message: str


@dataclass(slots=True)
class Remarks:
    """What is wrong with an object, and what may be meant."""

    errors: list[Remark] = field(default_factory=list[Remark])
    warnings: list[Remark] = field(default_factory=list[Remark])


def templates(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return the templates among them."""
    return tuple(one for one in manifests if one.kind in KINDS)


def look(manifest: Manifest, known: Sequence[Manifest]) -> Remarks:
    """Look at the queries of an object that is otherwise right; `known` are usable templates."""
    found = Remarks()
    if manifest.kind in KINDS:
        found.warnings += _of_template(manifest)
    elif manifest.kind == "Canary":
        metrics = (manifest.document["spec"].get("analysis") or {}).get("metrics") or ()
        for index, metric in enumerate(metrics):
            path = ("spec", "analysis", "metrics", index)
            if metric.get("query") is not None:
                found.warnings += _parsed(manifest, (*path, "query"), metric["query"], {})
            if metric.get("templateRef") is not None:
                _use(manifest, path, metric, known, found)
    return found


def _of_template(manifest: Manifest) -> Iterator[Remark]:
    spec = manifest.document["spec"]
    yield from _parsed(manifest, ("spec", "query"), spec["query"], _arguments(manifest))
    used = own_variables(spec["query"])
    for index, argument in enumerate(spec.get("args") or ()):
        if argument["name"] not in used:
            path = ("spec", "args", index)
            yield remark(manifest, path, f"{argument['name']} is not used by the query")


def _use(
    manifest: Manifest,
    path: Path,
    metric: Mapping[str, Any],
    known: Sequence[Manifest],
    found: Remarks,
) -> None:
    """Check a metric against the template that it names, if that is in the same input."""
    ref: Mapping[str, Any] = metric["templateRef"]
    kind = ref.get("kind") or TemplateKind.NAMESPACED.value
    place = None if kind == TemplateKind.CLUSTER.value else ref.get("namespace")
    of_canary = None if kind == TemplateKind.CLUSTER.value else manifest.namespace
    namespace = place or of_canary
    template = next((one for one in known if _is(one, kind, namespace, ref["name"])), None)
    named = f"{kind} {namespace + '/' if namespace else ''}{ref['name']}"
    if template is None:
        said = f"names {named}, which is not in these files: its variables are not checked"
        found.warnings.append(remark(manifest, (*path, "templateRef"), said))
        return
    wanted = _arguments(template)
    given: Mapping[str, str] = metric.get("templateVariables") or {}
    where = (*path, "templateVariables")
    missing = [name for name, value in wanted.items() if value is None and name not in given]
    unknown = [name for name in given if name not in wanted]
    for name in missing:
        found.errors.append(remark(manifest, where, f"lacks {name}, which {named} needs"))
    for name in unknown:
        declared = ", ".join(wanted) or "none"
        said = f"gives {name}, which {named} does not know: it knows {declared}"
        found.errors.append(remark(manifest, (*where, name), said))
    if not (missing or unknown):
        query = template.document["spec"]["query"]
        sound = not [*_parsed(template, (), query, wanted)]
        if sound and given:
            found.warnings += _parsed(manifest, where, query, {**wanted, **given})


def _is(template: Manifest, kind: str, namespace: str | None, name: str) -> bool:
    """Tell whether a reference means this template; a namespace that nobody names fits all."""
    somewhere = namespace is None or template.namespace is None
    return (template.kind, template.name) == (kind, name) and (
        somewhere or template.namespace == namespace
    )


def _arguments(template: Manifest) -> dict[str, str | None]:
    declared = template.document["spec"].get("args") or ()
    return {argument["name"]: argument.get("value") for argument in declared}


def _parsed(
    manifest: Manifest, path: Path, query: str, arguments: Mapping[str, str | None]
) -> Iterator[Remark]:
    """Parse a query; it is PromQL if it is for any guess at what has no value."""
    refusals: list[str] = []
    for values in stand_ins(arguments, GUESSES):
        try:
            rendered = render(query, SAMPLES | values)
        except ValueError as error:
            refusal: str | None = f"cannot be asked: {error}"
        else:
            refusal = _refusal(rendered)
        if refusal is None:
            return
        refusals.append(refusal)
    yield remark(manifest, path, refusals[0])


def _refusal(query: str) -> str | None:
    """What is to be said of it, in the parser's words; None if it is PromQL."""
    signs = sum(1 for _ in _NESTING.finditer(_APART.sub(_emptied, query)))
    if signs > DEEPEST:
        return (
            f"is not checked: it has {signs} brackets and operators, more than the {DEEPEST} that"
            " are looked at; make a recording rule of a part of it"
        )
    said = _parsers_words(query)
    return None if said is None else f"is not PromQL: {plain(said)}"


def _emptied(found: re.Match[str]) -> str:
    return " " if found["whole"] or found["two"] or found["one"] else found[0]


def _parsers_words(query: str) -> str | None:
    try:
        with _no_panic_shown():
            promql_parser.parse(query)
    except ValueError as error:
        return str(error)
    except OverflowError as error:
        return f"a time in it is beyond what can be counted ({error})"
    except BaseException as error:
        # The parser is written in Rust: when it panics, what it raises is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        return f"the parser stumbles over it ({error})"
    return None


@contextmanager
def _no_panic_shown() -> Iterator[None]:
    """Keep off the terminal what a parser that panics writes there itself, past Python."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # there is none
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDERR)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)


def remark(manifest: Manifest, path: Path, message: str) -> Remark:
    """Say something of a field, with the line where it stands."""
    return Remark(manifest.line(path), path_of("", path), message)
