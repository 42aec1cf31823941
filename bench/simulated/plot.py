"""The figures as an SVG: intervals of false rollbacks (logarithmic), and times to detect."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import TypeAlias

from bench.simulated.run import ONSETS
from bench.simulated.tables import DESIGN, TARGET, FalseRollbacks, Found, Share

LEFT, WIDTH, ROW, TOP = 150, 560, 30, 64
COLOURS = {"canaryd": "#0b7a75", "99 %": "#c8553d", "tuned": "#d9a441"}
LEAST = 1e-3
"""The axis begins here; what is less is drawn at its edge."""
LONGEST = 1300.0
"""The axis of times ends here; what was never found is drawn at its edge."""


def svg(rows: Sequence[FalseRollbacks], finds: Sequence[Found]) -> str:
    """One picture, one panel under the other."""
    rows = [row for row in rows if row.pods != "1"]
    finds = [found for found in finds if found.case.onset == ONSETS[0]]
    middle = TOP + ROW * len(rows) + 90
    height = middle + ROW * len(finds) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="{height}" fill="#fff"/>',
        text(10, 20, "False rollbacks per rollout, with 95 % intervals; 3 and 10 pods", bold=True),
        *legend(38),
        *panel(rows),
        text(
            10,
            middle - 36,
            "Median seconds from a regression's onset, once pods are warm,",
            bold=True,
        ),
        text(10, middle - 20, "until it is found; upright: the design's figure"),
        *times(finds, middle),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def text(x: float, y: float, words: str, *, bold: bool = False, anchor: str = "start") -> str:
    """Some words."""
    weight = ' font-weight="bold"' if bold else ""
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{weight}>{words}</text>'


Point: TypeAlias = tuple[float, float]


def line(begin: Point, end: Point, colour: str, more: str = "") -> str:
    """A line."""
    ends = f'x1="{begin[0]:.1f}" y1="{begin[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {ends} stroke="{colour}" {more}/>'


def dot(x: float, y: float, colour: str, *, hollow: bool = False) -> str:
    """A point; hollow where it lies beyond the axis."""
    fill = "#fff" if hollow else colour
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{colour}"/>'


def legend(y: float) -> list[str]:
    """What the colours are."""
    parts: list[str] = []
    for place, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + 190 * place
        words = name if name == "canaryd" else f"Flagger, {name} x 5 checks"
        parts += [dot(x, y - 4, colour), text(x + 10, y, words)]
    return parts


def at(fraction: float) -> float:
    """Where a fraction stands."""
    return LEFT + WIDTH * (log10(max(fraction, LEAST)) - log10(LEAST)) / -log10(LEAST)


def panel(rows: Sequence[FalseRollbacks]) -> list[str]:
    """One row for each scenario."""
    bottom = TOP + ROW * len(rows)
    parts = [line((at(TARGET), TOP - 8), (at(TARGET), bottom), "#888", 'stroke-dasharray="4 3"')]
    parts.append(text(at(TARGET), bottom + 30, "1.5 % target", anchor="middle"))
    for tick in (0.001, 0.01, 0.1, 1.0):
        parts.append(line((at(tick), TOP - 8), (at(tick), bottom), "#ddd"))
        parts.append(text(at(tick), bottom + 14, f"{100 * tick:g} %", anchor="middle"))
    for place, row in enumerate(rows):
        y = TOP + ROW * place + 8
        parts.append(text(10, y + 4, row.scenario))
        for offset, (name, share) in enumerate({"canaryd": row.canaryd, **row.flagger}.items()):
            parts += bar(share, y + 7 * (offset - 1), COLOURS[name])
    return parts


def bar(share: Share, y: float, colour: str) -> list[str]:
    """An interval with its estimate."""
    low, high = share.interval
    estimate = share.hits / share.of
    return [
        line((at(low), y), (at(high), y), colour, 'stroke-width="2"'),
        dot(at(estimate), y, colour, hollow=estimate < LEAST),
    ]


def times(finds: Sequence[Found], top: float) -> list[str]:
    """One row for each regression."""
    bottom = top + ROW * len(finds)
    parts: list[str] = []
    for tick in (0, 300, 600, 900, 1200):
        x = LEFT + WIDTH * tick / LONGEST
        parts.append(line((x, top - 10), (x, bottom), "#ddd"))
        parts.append(text(x, bottom + 14, f"{tick} s", anchor="middle"))
    parts.append(text(LEFT + WIDTH, bottom + 14, "never", anchor="middle"))
    for place, row in enumerate(finds):
        healthy, bad, load, weight = row.key
        y = top + ROW * place + 8
        words = f"{100 * healthy:g} to {100 * bad:g} %, {load}/s x {weight} %"
        parts.append(text(10, y + 4, words))
        for name, seconds in {**row.flagger, "canaryd": row.seconds}.items():
            x = LEFT + WIDTH * min(max(seconds, 0.0), LONGEST) / LONGEST
            parts.append(dot(x, y, COLOURS[name], hollow=not 0 <= seconds <= LONGEST))
        if row.key in DESIGN:
            x = LEFT + WIDTH * DESIGN[row.key] / LONGEST
            parts.append(line((x, y - 9), (x, y + 9), COLOURS["canaryd"], 'stroke-width="2"'))
    return parts
