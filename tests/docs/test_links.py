"""Every relative link leads to a file, and every anchor to a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, prose

LINKING = (*PAGES, ROOT / "deploy" / "README.md", ROOT / "tests" / "world" / "README.md")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def links() -> Iterator[tuple[Path, str]]:
    for page in LINKING:
        for target in _LINK.findall(prose(page)):
            if "://" not in target:
                yield page, target


def anchors(page: Path) -> set[str]:
    """The anchors that a page has on the common code hosts."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {words.replace(" ", "-") for words in kept}


LINKS = sorted(set(links()))


@pytest.mark.parametrize(
    ("page", "target"),
    [
        pytest.param(page, target, id=f"{page.relative_to(ROOT)}: {target}")
        for page, target in LINKS
    ],
)
def test_a_relative_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    assert found.exists(), f"{target} does not exist"
    if anchor:
        assert anchor in anchors(found), f"{found.name} has no heading {anchor}"


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md", DOCS / "README.md"]
    known = {page: [t for p, t in links() if p == page] for page in LINKING}
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        waiting += [(page.parent / t.partition("#")[0]).resolve() for t in known.get(page, ())]
    assert {page for page in PAGES if page not in reached} == set()
