"""Objects in YAML files, each with the lines on which its fields stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""From an object's root to a field, like ("spec", "analysis", "metrics", 0)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a file."""

    file: str
    node: yaml.Node
    document: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The object's kind, or what stands there instead."""
        return str(self.document.get("kind"))

    @property
    def name(self) -> str:
        """The object's name, or how a generated one begins."""
        metadata = self._metadata
        return str(metadata.get("name") or metadata.get("generateName") or "")

    @property
    def namespace(self) -> str | None:
        """The object's namespace; None when it is left to whoever applies it."""
        found = self._metadata.get("namespace")
        return str(found) if found else None

    @property
    def _metadata(self) -> Mapping[str, Any]:
        metadata = self.document.get("metadata")
        return metadata if isinstance(metadata, Mapping) else {}

    def line(self, path: Sequence[str | int] = ()) -> int:
        """Return the line of a field, or of the last one on the way that there is."""
        return _at(self.node, path).start_mark.line + 1


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no YAML from this line on."""

    file: str
    line: int
    message: str


def read(file: str, text: str) -> Iterator[Manifest | Unreadable]:
    """Return what a file holds, going into lists of objects as `kubectl get -o yaml` prints."""
    try:
        for node in yaml.compose_all(text, yaml.SafeLoader):
            document = yaml.SafeLoader("").construct_document(node)
            yield from _items(file, node, document)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        yield Unreadable(file, mark.line + 1 if mark else 1, f"not readable: {said}")
    except RecursionError:
        yield Unreadable(file, 1, "not readable: lists or objects are nested too deeply")


def _items(file: str, node: yaml.Node, document: object) -> Iterator[Manifest]:
    if not isinstance(document, Mapping):
        return
    inner = document.get("items")
    if document.get("kind") == "List" and isinstance(inner, list):
        for index, item in enumerate(inner):
            yield from _items(file, _at(node, ("items", index)), item)
    else:
        yield Manifest(file, node, document)


def _at(node: yaml.Node, path: Sequence[str | int]) -> yaml.Node:
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
