"""The figures over N as an SVG: four panels, canaryd's lines, Flagger's, and the target.

Only with Flagger's interval: another one's releases and ticks are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10

from bench.scale.crowd import Way
from bench.scale.figures import Result, Spread
from bench.scale.flagger import FIGURES, INTERVAL
from bench.scale.tables import of

LEFT, WIDTH, HEIGHT, GAP, TOP = 70, 250, 180, 70, 60
OURS, JUDGED, THEIRS, TARGET = "#0b7a75", "#6a51a3", "#c8553d", "#888"
NS = (1, 50, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure of one scenario; the axis is logarithmic."""

    title: str
    scenario: str
    figure: str
    least: float
    most: float
    target: float


PANELS = (
    Panel("CPU ms per tick of a release", "release", "CPU ms per tick", 0.5, 50, 1.2),
    Panel("requests per release", "release", "requests each", 5, 500, 25),
    Panel("median seconds between weights", "release", "gap between weights s", 5, 50, 11),
    Panel("seconds until all are decided", "restart, idle", "start to all decided s", 0.5, 100, 5),
)


def svg(results: Sequence[Result]) -> str:
    """One picture, panels side by side."""
    whole = LEFT + len(PANELS) * (WIDTH + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {TOP + HEIGHT + 50}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for place, (words, colour) in enumerate(
        (
            ("canaryd, thresholds", OURS),
            ("canaryd, evidence", JUDGED),
            ("Flagger 1.44.0 as shipped", THEIRS),
            ("target", TARGET),
        )
    ):
        x = LEFT + 200 * place
        parts += [dot(x, 16, colour), text(x + 10, 20, words)]
    for place, panel in enumerate(PANELS):
        parts += draw(panel, results, LEFT + place * (WIDTH + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw(panel: Panel, results: Sequence[Result], left: float) -> list[str]:
    """One panel."""
    bottom = TOP + HEIGHT
    parts = [text(left, TOP - 14, panel.title, bold=True)]
    tick = panel.least
    while tick <= panel.most * 1.001:
        y = up(panel, tick)
        parts += [line(left, y, left + WIDTH, y, "#ddd"), text(left - 6, y + 4, f"{tick:g}", "end")]
        tick *= 10
    for count in NS:
        parts.append(text(right(left, count), bottom + 16, f"{count:,}", "middle"))
    y = up(panel, panel.target)
    parts.append(line(left, y, left + WIDTH, y, TARGET, more='stroke-dasharray="4 3"'))
    ours, judged = (
        [
            (one.count, number(one.figures[panel.figure]))
            for one in of(results, panel.scenario)
            if one.way == way and one.interval == INTERVAL and panel.figure in one.figures
        ]
        for way in Way
    )
    theirs = [
        (count, float(words.split("/")[0].split("-")[0]))
        for count, words in FIGURES.get(panel.scenario, {}).get(panel.figure, {}).items()
    ]
    for points, colour in ((theirs, THEIRS), (judged, JUDGED), (ours, OURS)):
        places = [(right(left, count), up(panel, value)) for count, value in points]
        for (x1, y1), (x2, y2) in pairwise(places):
            parts.append(line(x1, y1, x2, y2, colour, more='stroke-width="2"'))
        parts += [dot(x, y, colour) for x, y in places]
    return parts


def number(value: object) -> float:
    """A figure's one number: of a spread its median."""
    if isinstance(value, Spread):
        return value.p50
    return float(value) if isinstance(value, int | float) else 0.0


def right(left: float, count: int) -> float:
    """Where N stands."""
    return left + WIDTH * log10(max(count, 1)) / log10(NS[-1])


def up(panel: Panel, value: float) -> float:
    """Where a value stands; beyond the axis at its end."""
    kept = min(max(value, panel.least), panel.most)
    share = (log10(kept) - log10(panel.least)) / (log10(panel.most) - log10(panel.least))
    return TOP + HEIGHT * (1 - share)


def text(x: float, y: float, words: str, anchor: str = "start", *, bold: bool = False) -> str:
    """Some words."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{weight}>{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, *, more: str = "") -> str:
    """A line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" {more}/>'


def dot(x: float, y: float, colour: str) -> str:
    """A point."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
