"""Where the documentation lies, and how its blocks of code and generated text are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    ROOT / "analysis-templates" / "README.md",
    *sorted(DOCS.rglob("*.md")),
)

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)
_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end of \S+ -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code on a page."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every fenced block of these languages, on all pages."""
    return [block for page in PAGES for block in _blocks(page) if block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(page, line, found["language"], found["text"])


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text())


def filled(text: str, makers: Mapping[str, Callable[[], str]]) -> str:
    """The page's text with each generated block made anew; an unknown name is a KeyError."""

    def made(found: re.Match[str]) -> str:
        return f"{found['begin']}\n{makers[found['name']]().strip()}\n\n{found['end']}"

    return _BLOCK.sub(made, text)


def rows(page: Path, heading: str) -> dict[str, str]:
    """The table under a heading: the word in back quotes that begins each row, and the rest."""
    _, _, after = page.read_text().partition(f"\n## {heading}\n")
    section = after.partition("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE)
    assert found, f"{page.name} has no table under the heading {heading}"
    return dict(found)
