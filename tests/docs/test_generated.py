"""What the documentation says of fields, settings and metrics is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.generate import MAKERS, meters, own_families
from tests.docs.pages import DOCS, PAGES, ROOT, filled


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_generated_blocks_are_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert filled(text, MAKERS) == text, "run `make docs`"


@pytest.mark.parametrize("name", MAKERS)
def test_every_generated_block_stands_on_one_page(name: str) -> None:
    mark = f"<!-- generated: {name} -->"
    assert sum(page.read_text().count(mark) for page in DOCS.rglob("*.md")) == 1


def test_canaryd_has_metrics_of_its_own() -> None:
    assert len(own_families()) > 5


def test_the_labels_of_each_canarys_own_series_are_told() -> None:
    table = meters()
    for name, labels in (
        ("canaryd_canary_phase", "`namespace`, `canary`, `phase`"),
        ("canaryd_canary_weight_percent", "`namespace`, `canary`"),
        ("canaryd_decisions_total", "`phase`"),
        ("canaryd_queue_depth", ""),
    ):
        assert f"| `{name}` | " in table
        assert f"| {labels} |" in next(line for line in table.splitlines() if f"`{name}`" in line)
