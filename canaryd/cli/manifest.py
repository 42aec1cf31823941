"""Objects in YAML files, each with the lines on which its fields stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf, isinf
from typing import Any, TextIO, cast

import yaml
from typing_extensions import override
from yaml.constructor import ConstructorError

from canaryd.adapters.prometheus.answers import plain
from canaryd.cli.words import printable
from canaryd.wire.evidence import short

LONGEST = 1024
"""No sane number has more bits; Python does not even write much longer ones."""
MOST = 100_000
"""So many values may aliases add to a document; a few lines of them make billions."""
_TAG = "tag:yaml.org,2002:"
NUMBERS = {
    "int": re.compile(r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"),
    "float": re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$"
        r"|[-+]?0[0-9]*[89][0-9]*$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
    ),
}
"""What looks like a number, as it does to kubectl; not YAML 1.1 to the letter."""
_IS = {
    "bool": "neither true nor false",
    "float": "no number",
    "int": "no whole number",
    "timestamp": "no date",
}
"""What a value is, that is not what its look or its tag says."""
_NONE: dict[type, str] = {
    str: "text",
    list: "a list",
    type(None): "empty",
    bool: "true or false",
    date: "a date",
}
"""What to call a document, or an item of a list, that is no object."""
STDIN = frozenset({"-", "<stdin>"})
"""What a file is called that is standard input."""
LIST = "List"
"""How the kind of a list ends: List, or CanaryList."""
_MARKED = re.compile("^(---.*\n)\ufeff", re.MULTILINE)
"""A byte order mark before another document than the first; kubectl passes over it as well."""
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
    def identity(self) -> tuple[str, ...]:
        """What no two objects of a file share, unless their names are generated."""
        generated = "" if self._metadata.get("name") else str(id(self.node))
        return (self.file, self.kind, self.namespace or "", self.name, generated)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Which fields are missing without which kubectl takes no object of any kind."""
        told = {name: self.document.get(name) for name in ("apiVersion", "kind")}
        return tuple(name for name, said in told.items() if not said or not isinstance(said, str))

    @property
    def _metadata(self) -> Mapping[str, Any]:
        metadata = self.document.get("metadata")
        return metadata if isinstance(metadata, Mapping) else {}

    def line(self, path: Sequence[str | int] = ()) -> int:
        """Return the line of a field, or of the last one on the way that there is."""
        return _at(self.node, path).start_mark.line + 1


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no YAML from this line on, or a document that is no object."""

    file: str
    line: int
    message: str


class _Loader(yaml.SafeLoader):
    """Plain values and nothing else; one that cannot be read is told with its own line.

    Numbers are those of kubectl: 1e-2 and 08 are some, 1:30 is none.
    """

    @override
    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            made: object = super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise _no_value(node) from error
        if isinstance(made, int) and made.bit_length() > LONGEST:
            raise _no_value(node)
        if isinstance(made, float):
            return _as_kubectl_reads(made, str(node.value))
        return made


def _as_kubectl_reads(number: float, written: str) -> float | int | str:
    """1e1 is ten, and 1e999, which no float can hold, is text."""
    if isinf(number) and "inf" not in written.lower():
        return written
    return short(number)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, NUMBERS.get(tag.removeprefix(_TAG), pattern)) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _no_value(node: yaml.Node) -> ConstructorError:
    # The value itself is not shown: it may be a secret, or long.
    what = _IS.get(str(node.tag).removeprefix(_TAG), "not what its tag says")
    return ConstructorError(
        None, None, f"this is {what}; text has to stand in quotes", node.start_mark
    )


def named(file: TextIO) -> str:
    """What to call a file in words, whatever stands in its name."""
    return "standard input" if file.name in STDIN else printable(str(file.name))


def read(file: TextIO) -> Iterator[Manifest | Unreadable]:
    """Return what a file holds, going into lists of objects as `kubectl get -o yaml` prints."""
    name = printable(str(file.name))
    try:
        text = file.read()
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        yield Unreadable(name, line, "not readable: this is not UTF-8, save the file as that")
    except OSError as error:
        yield Unreadable(name, 1, f"not readable: {error.strerror}")
    else:
        yield from _documents(name, text)


def _documents(file: str, text: str) -> Iterator[Manifest | Unreadable]:
    line, loader = 1, None
    try:
        loader = _Loader(_MARKED.sub(r"\1", text))
        while loader.check_node():
            line = loader.get_mark().line + 1
            node = cast("yaml.Node", loader.get_node())
            _refuse_explosion(node)
            yield from (Unreadable(file, *said) for said in _twice(node, set()))
            if (document := loader.construct_document(node)) is not None:
                yield from _items(file, node, document)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = plain(getattr(error, "problem", None) or error)
        yield Unreadable(file, mark.line + 1 if mark else line, f"not readable: {said}")
    except RecursionError:
        yield Unreadable(file, line, "not readable: lists or objects are nested too deeply")
    except (ValueError, OverflowError):  # of the scanner: \U in a text, or %YAML
        line = loader.get_mark().line + 1 if loader else 1
        yield Unreadable(file, line, "not readable: this is no character, or no version of YAML")


def _refuse_explosion(node: yaml.Node) -> None:
    known: dict[int, float] = {}
    if _values(node, known) > len(known) + MOST:
        problem = f"its aliases add more than {MOST:,} values, or one holds itself"
        raise ConstructorError(None, None, problem, node.start_mark)


def _twice(node: yaml.Node, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Fields that stand twice in one object, with the line of the second; the last one would count.

    kubectl refuses such a file, and says less.
    """
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, seen)
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if isinstance(key, yaml.ScalarNode) and key.tag != _TAG + "merge":
            if (first := lines.get(key.value)) is not None:
                yield line, f"{printable(plain(key.value))} stands twice: on line {first} already"
            lines.setdefault(key.value, line)
        yield from _twice(value, seen)


def _values(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values it has with every alias written out; endless if it holds itself."""
    if (found := known.get(id(node))) is not None:
        return found
    known[id(node)] = inf
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        children = [child for pair in node.value for child in pair]
    known[id(node)] = 1 + sum(_values(child, known) for child in children)
    return known[id(node)]


def _items(file: str, node: yaml.Node, document: object) -> Iterator[Manifest | Unreadable]:
    if not isinstance(document, Mapping):
        what = next((say for kind, say in _NONE.items() if isinstance(document, kind)), "a number")
        said = f"this is {what}, no object of Kubernetes; did the command fail that wrote it?"
        yield Unreadable(file, node.start_mark.line + 1, said)
        return
    inner, kind = document.get("items"), document.get("kind")
    if isinstance(kind, str) and kind.endswith(LIST) and isinstance(inner, list):
        for index, item in enumerate(inner):
            typed = _typed(item, document.get("apiVersion"), kind.removesuffix(LIST))
            yield from _items(file, _at(node, ("items", index)), typed)
    else:
        yield Manifest(file, node, document)


def _typed(item: object, version: object, kind: str) -> object:
    """An object of a list like CanaryList need not say of which kind it is."""
    if not kind or not isinstance(item, Mapping) or "apiVersion" in item or "kind" in item:
        return item
    return {"apiVersion": version, "kind": kind} | dict(item)


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
