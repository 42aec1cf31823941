"""The results so far, kept after each scenario, so that none is lost."""

from __future__ import annotations

import json
from pathlib import Path

from bench.scale.figures import Result
from bench.scale.plot import svg
from bench.scale.tables import markdown, plain, read


def what(one: Result) -> tuple[str, str, int, float, int]:
    """What was measured: a later result of the same takes its place; of as much churn, too."""
    minutes = round(one.number("minutes")) if "minutes" in one.figures else 0
    return one.way, one.scenario, one.count, one.interval, minutes


class Kept:
    """Results in a folder, also those of earlier runs there; newer ones take their place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.results: list[Result] = []
        if (known := self.folder / "results.json").exists():
            self.results = read(json.loads(known.read_text()))

    def add(self, one: Result) -> None:
        """Take a result, and write everything down."""
        self.results = [*(it for it in self.results if what(it) != what(one)), one]
        unready = self.folder / "results.json.new"
        unready.write_text(self.json())
        unready.replace(self.folder / "results.json")
        (self.folder / "table.md").write_text(self.table())
        (self.folder / "plot.svg").write_text(svg(self.results))

    def table(self) -> str:
        """As Markdown."""
        return markdown(self.results)

    def json(self) -> str:
        """As JSON."""
        return json.dumps(plain(self.results), indent=1)
