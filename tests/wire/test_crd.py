"""The CRDs are what the models say, are in `crds/`, and explain every field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from canaryd.wire.crd import KINDS, crd_documents, crd_files, crd_yaml
from canaryd.wire.schema import INT_OR_STRING

CRDS = Path(__file__).parents[2] / "crds"
DOCUMENTS = {document["metadata"]["name"]: document for document in crd_documents()}
Node = dict[str, Any]


def version(document: Node) -> Node:
    (only,) = document["spec"]["versions"]
    return dict(only)


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in node:
            yield from nodes(node[inner], f"{path}[]")


NODES = [
    (document["spec"]["names"]["kind"] + path, node)
    for document in DOCUMENTS.values()
    for path, node in nodes(version(document)["schema"]["openAPIV3Schema"])
]


@pytest.mark.parametrize("name", crd_files())
def test_the_files_are_what_the_models_say(name: str) -> None:
    assert (CRDS / name).read_text(encoding="utf-8") == crd_files()[name], "run: make crds"


def test_kustomize_takes_every_file() -> None:
    listed = yaml.safe_load((CRDS / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]

    assert listed == list(crd_files())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_yaml_is_the_document(kind: Any) -> None:
    assert yaml.safe_load(crd_yaml(kind.name)) == DOCUMENTS[f"{kind.plural}.canaryd.io"]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_kind_has_a_status_and_columns_and_rules(document: Node) -> None:
    served = version(document)

    assert served["subresources"] == {"status": {}}
    assert served["additionalPrinterColumns"][-1]["name"] == "Age"
    assert "x-kubernetes-validations" in str(served["schema"])


def test_every_field_is_explained_and_bounded() -> None:
    for path, node in NODES:
        if not path.endswith("[]") and not path.endswith(".metadata"):
            assert node.get("description", "").endswith("."), path
        kind = node.get("type")
        if kind == "array":
            assert "maxItems" in node, path
        if kind == "string" and path.partition(".")[2] not in {"apiVersion", "kind"}:
            assert {"maxLength", "enum", "format"} & node.keys(), path


def test_the_schema_is_structural() -> None:
    foreign = {"$ref", "$defs", "title", "default", "anyOf", "oneOf", "allOf", "const"}
    for path, node in NODES:
        assert not foreign & node.keys(), path
        assert isinstance(node.get("type"), str) != node.get(INT_OR_STRING, False), path
        assert "nullable" not in node or path.endswith(".logs[]"), path
        assert not {"properties", "additionalProperties"} <= node.keys(), path


def test_defaults_and_bounds_are_said() -> None:
    said = {path: node.get("description", "") for path, node in NODES}

    assert said["Canary.spec.analysis.interval"].endswith("A duration of 1s to 168h. Default 1m.")
    assert said["Canary.spec.analysis.threshold"].endswith("From 1 to 1000. Default 5.")
    assert said["Canary.spec.suspend"].endswith("Default false.")
    assert said["Canary.spec.analysis.noData.then"].endswith("Default Hold.")


def test_bounds_are_said_once() -> None:
    for path, node in NODES:
        said = re.findall(r"From \S+ to \S+\.", node.get("description", ""))
        assert len(said) == len(set(said)), path


def test_the_columns_are_those_of_the_design() -> None:
    columns = version(DOCUMENTS["canaries.canaryd.io"])["additionalPrinterColumns"]

    assert [column["name"] for column in columns if "priority" not in column] == [
        "Phase",
        "Weight",
        "Step",
        "Hold",
        "Revision",
        "Age",
    ]
    assert [column["name"] for column in columns if "priority" in column] == [
        "Failed",
        "Image",
        "Since",
    ]
