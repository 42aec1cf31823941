"""Writes the generated blocks of docs/: `make docs`. A test holds the pages equal to this."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from canaryd.adapters.meters import Meters
from canaryd.cli.run import run
from canaryd.decide.narrate import span
from canaryd.settings import Settings
from canaryd.wire.crd import crd_documents
from canaryd.wire.rules import VALIDATIONS
from canaryd.wire.schema import INT_OR_STRING
from tests.docs.pages import PAGES, ROOT, filled

Schema = Mapping[str, Any]
NONE = "none"
_DURATION = re.compile(r"A duration of (\S+ to \S+) *\.")
_DEFAULT = re.compile(r" *\bDefault:? ?([^.]*(?:\.(?! |$)[^.]*)*)\.(?= |$)")
_BOUNDS = re.compile(
    r" *\b(From -?\d+ to \d+|More than 0 and (?:less than|at most) \d+(?:\.\d+)?"
    r"|0 or more and less than 1|At most \d+ (?:characters|items)|\d+ to \d+ items)\.(?= |$)"
)
_FORMS = re.compile(r"^must be (a Kubernetes name|lower-case letters|a duration)")


def properties(kind: str, part: str) -> Schema:
    """The schema of a kind's spec or status."""
    document = next(d for d in crd_documents() if d["spec"]["names"]["kind"] == kind)
    (version,) = document["spec"]["versions"]
    found: Schema = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def fields(kind: str, part: str) -> str:
    """A table of every field of a spec or a status, and what else the API server refuses."""
    schema = properties(kind, part)
    if part == "status":
        return _status_fields(schema)
    lines = ["| field | type | default | bounds | what it is |", "| --- | --- | --- | --- | --- |"]
    lines += [_row(path, node, needed) for path, node, needed in _walk(schema, part)]
    refused = [*_refusals(schema, part)]
    if refused:
        lines += ["", "The API server also refuses:", "", *refused]
    return "\n".join(lines)


def _status_fields(schema: Schema) -> str:
    """A table without defaults and bounds: nobody but canaryd writes a status."""
    lines = ["| field | type | what it is |", "| --- | --- | --- |"]
    for path, node, _ in _walk(schema, "status"):
        text = _BOUNDS.sub("", _DEFAULT.sub("", str(node.get("description", ""))))
        lines.append(f"| `{path}` | {_type(node)} | {_cell(text)} |")
    return "\n".join(lines)


def _walk(node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    for name, child in node.get("properties", {}).items():
        inner = f"{path}.{name}"
        yield inner, child, name in node.get("required", ())
        item = child.get("items", {})
        yield from _walk(child, inner)
        yield from _walk(item, f"{inner}[]")


def _row(path: str, node: Schema, needed: bool) -> str:
    text = str(node.get("description", ""))
    defaults = [found for found in _DEFAULT.findall(text) if found]
    text = _DEFAULT.sub("", text)
    limits = _BOUNDS.findall(text)
    text = _BOUNDS.sub("", text)
    kind = _type(node)
    if duration := _DURATION.search(text):
        kind, limits = "duration", [duration[1], *limits]
        limits = [limit for limit in limits if "characters" not in limit]
        text = _DURATION.sub("", text)
    default = "**required**" if needed else ", ".join(dict.fromkeys(defaults)) or NONE
    bounds = ", ".join(_bounds(node) + [limit[0].lower() + limit[1:] for limit in limits])
    return f"| `{path}` | {kind} | {_cell(default)} | {_cell(bounds)} | {_cell(text)} |"


def _type(node: Schema) -> str:
    if node.get(INT_OR_STRING):
        return "integer or string"
    kind = str(node.get("type", "object"))
    if kind == "array":
        inner = _type(node["items"])
        return f"list of {inner.replace('list', 'lists', 1) if 'list' in inner else inner + 's'}"
    if "additionalProperties" in node:
        return f"map to {_type(node['additionalProperties'])}s"
    return "time" if node.get("format") == "date-time" else kind


def _bounds(node: Schema) -> list[str]:
    if "enum" in node:
        return [" or ".join(f"`{value}`" for value in node["enum"])]
    return ["a Kubernetes name"] if "Kubernetes name" in str(node.get(VALIDATIONS)) else []


def _refusals(node: Schema, path: str) -> Iterator[str]:
    for rule in node.get(VALIDATIONS, ()):
        if not _FORMS.match(rule["message"]):
            yield f"- `{path}`: {rule['message']}"
    for name, child in node.get("properties", {}).items():
        yield from _refusals(child, f"{path}.{name}")
    if "items" in node:
        yield from _refusals(node["items"], f"{path}[]")


def settings() -> str:
    """A table of every setting."""
    options = {parameter.name for parameter in run.params}
    lines = ["| variable | option | default | what it is |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        option = f"`--{name.replace('_', '-')}`" if name in options else ""
        default = _value(field.get_default())
        text = _cell(field.description or "")
        lines.append(f"| `CANARYD_{name.upper()}` | {option} | {default} | {text} |")
    return "\n".join(lines)


def _value(value: object) -> str:
    match value:
        case None:
            return NONE
        case timedelta():
            days = value // timedelta(days=1)
            return f"{days}d" if days and not value % timedelta(days=1) else span(value)
        case int() if value >= 1 << 20:
            return f"{value} ({value >> 20} MiB)"
        case _:
            assert value is not PydanticUndefined
            return f"`{value}`"


def meters() -> str:
    """A table of canaryd's own metrics."""
    lines = ["| metric | type | labels | what it counts |", "| --- | --- | --- | --- |"]
    for family in own_families():
        suffix = "_total" if family.type == "counter" else ""
        lines.append(
            f"| `{family.name}{suffix}` | {family.type} | {_labels(family)} |"
            f" {_cell(family.documentation)} |"
        )
    return "\n".join(lines)


def own_families() -> list[Any]:
    """What canaryd counts, without what every Python process tells."""
    families = [f for f in Meters().registry.collect() if f.name.startswith("canaryd_")]
    return sorted(families, key=lambda family: str(family.name))


def _labels(family: Any) -> str:
    # Nothing public tells labels: an own collector has none, but the families that it makes do.
    collector = Meters().registry._names_to_collectors[family.name]
    holder = collector if hasattr(collector, "_labelnames") else family
    found: Sequence[str] = holder._labelnames
    return ", ".join(f"`{label}`" for label in found)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


MAKERS = {
    "canary-spec": lambda: fields("Canary", "spec"),
    "canary-status": lambda: fields("Canary", "status"),
    "request-spec": lambda: fields("CanaryRequest", "spec"),
    "request-status": lambda: fields("CanaryRequest", "status"),
    "provider-spec": lambda: fields("AlertProvider", "spec"),
    "template-spec": lambda: fields("AnalysisTemplate", "spec"),
    "template-status": lambda: fields("AnalysisTemplate", "status"),
    "settings": settings,
    "meters": meters,
}
"""Every generated block by its name."""


def write(page: Path) -> bool:
    """Make a page's generated blocks anew; tell whether that changed it."""
    before = page.read_text()
    after = filled(before, MAKERS)
    if after != before:
        page.write_text(after)
    return after != before


def main() -> None:
    for page in PAGES:
        if write(page):
            sys.stdout.write(f"wrote {page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
