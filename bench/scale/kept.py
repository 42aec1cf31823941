"""The results so far, kept after each scenario, so that none is lost."""

from __future__ import annotations

import json
from pathlib import Path

from bench.scale.figures import Result
from bench.scale.plot import svg
from bench.scale.tables import markdown, plain, read


class Kept:
    """Results; with a folder those of earlier runs too, of which newer ones take the place."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder.resolve() if folder else None
        self.results: list[Result] = []
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (known := self.folder / "results.json").exists():
                self.results = read(json.loads(known.read_text()))

    def add(self, one: Result) -> None:
        """Take a result, and write everything down."""
        same = (one.way, one.scenario, one.count)
        others = [it for it in self.results if (it.way, it.scenario, it.count) != same]
        self.results = [*others, one]
        if self.folder:
            (self.folder / "results.json").write_text(self.json())
            (self.folder / "table.md").write_text(self.table())
            (self.folder / "plot.svg").write_text(svg(self.results))

    def table(self) -> str:
        """As Markdown."""
        return markdown(self.results)

    def json(self) -> str:
        """As JSON."""
        return json.dumps(plain(self.results), indent=1)
