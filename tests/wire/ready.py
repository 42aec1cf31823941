"""The ready templates of `analysis-templates/`, and their queries as a Canary would ask them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml
from msgspec import Raw

from canaryd.model.query import OWN, render
from canaryd.model.template import QueryTemplate, TemplateKind
from canaryd.wire.template import parse_template
from canaryd.wire.watch import Meta, TemplateObject

FOLDER = Path(__file__).parents[2] / "analysis-templates"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "kustomization")
NAMES = [path.stem for path in FILES]


def document(name: str) -> dict[str, Any]:
    """The object as it stands in its file."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return found


def parsed(name: str) -> QueryTemplate:
    """The template as canaryd knows it."""
    found = document(name)
    spec = Raw(orjson.dumps(found["spec"]))
    return parse_template(TemplateObject(Meta(name=name), spec), TemplateKind(found["kind"]))


def asked(name: str, variables: Mapping[str, str], **given: str) -> str:
    """The query with the Canary's variables, and with values for the template's own."""
    template = parsed(name)
    own = {**template.arguments, **given}
    values = {OWN + argument: value for argument, value in own.items() if value is not None}
    return render(template.query, {**variables, **values})
