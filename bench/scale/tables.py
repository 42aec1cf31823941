"""The results as Markdown, beside Flagger's, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bench.scale.figures import Result, Spread
from bench.scale.flagger import FIGURES

SHOWN: dict[str, tuple[str, ...]] = {
    "first start": (
        "start to ready s",
        "start to all taken over s",
        "requests each",
        "Events",
        "RSS MiB",
        "others CPU %",
    ),
    "idle": (
        "requests per tick",
        "CPU ms per tick",
        "CPU % of a core",
        "RSS MiB",
        "control plane CPU %",
        "others CPU %",
    ),
    "restart, idle": (
        "start to ready s",
        "start to all decided s",
        "requests from the start",
        "CPU s until then",
        "others CPU %",
    ),
    "release": (
        "requests each",
        "requests per tick",
        "CPU ms per tick",
        "CPU ms each",
        "CPU % of a core",
        "CPU % in the busiest thread",
        "decisions each",
        "push to first weight s",
        "gap between weights s",
        "late s",
        "release s",
        "weight writes each",
        "Prometheus queries",
        "Events",
        "RSS MiB",
        "HWM MiB",
        "control plane CPU %",
        "others CPU %",
    ),
    "10 turn bad": (
        "fault to weight 0 s",
        "first bad answer to weight 0 s",
        "not taken back",
        "late s",
        "Events",
        "others CPU %",
    ),
    "kill -9": (
        "start to ready s",
        "start to all decided s",
        "start to first weight s",
        "weights that fell",
        "promoted",
        "gap between weights s",
        "Events",
        "others CPU %",
    ),
    "receivers hang": (
        "deliveries tried",
        "requests each",
        "CPU ms per tick",
        "late s",
        "release s",
        "Events",
        "RSS MiB",
        "others CPU %",
    ),
}
"""The figures of each scenario's table, in order; `a/b/c` are median, 99 % and most."""


def markdown(results: Sequence[Result]) -> str:
    """One table for each scenario; Flagger's figures in the rows below canaryd's."""
    parts = [table(name, found) for name in SHOWN if (found := of(results, name))]
    return "\n\n".join([*parts, kinds(results)]) + "\n"


def of(results: Iterable[Result], scenario: str) -> list[Result]:
    """The results of one scenario, by N."""
    return sorted((one for one in results if one.scenario == scenario), key=lambda one: one.count)


def table(scenario: str, found: Sequence[Result]) -> str:
    """Figures downwards, N to the right."""
    peers = FIGURES.get(scenario, {})
    lines = [row(f"**{scenario}**, N =", [str(one.count) for one in found])]
    lines.append("| --- |" + " --- |" * len(found))
    for name in SHOWN[scenario]:
        lines.append(row(name, [cell(one, name) for one in found]))
        if name in peers:
            theirs = [peers[name].get(one.count, "") for one in found]
            lines.append(row(f"… Flagger {name}", theirs))
    lines += [
        row(f"… Flagger {name}", [peer.get(one.count, "") for one in found])
        for name, peer in peers.items()
        if name not in SHOWN[scenario]
    ]
    return "\n".join(lines)


def kinds(results: Iterable[Result]) -> str:
    """Which requests a release is made of."""
    found = of(results, "release")
    names = sorted({name for one in found for name in one.requests})
    lines = [row("**requests by kind in a release**, N =", [str(one.count) for one in found])]
    lines.append("| --- |" + " --- |" * len(found))
    lines += [
        row(name, [f"{one.requests.get(name, 0) / one.count:.2f}" for one in found])
        for name in names
    ]
    return "\n".join(lines)


def cell(one: Result, name: str) -> str:
    """One figure as people read it."""
    if name == "Events":
        return f"{one.figures.get('Events there', '-')} of {one.figures.get('Events told', '-')}"
    value = one.figures.get(name, "-")
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def row(name: str, cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {name} | " + " | ".join(cells) + " |"


def plain(results: Iterable[Result]) -> list[dict[str, Any]]:
    """For JSON: every figure, with Flagger's where there is one."""
    return [
        {**asdict(one), "flagger": peers(one)}
        for one in sorted(results, key=lambda one: (one.count, one.scenario))
    ]


def peers(one: Result) -> dict[str, str]:
    """Flagger's figures for the same scenario and N."""
    known = FIGURES.get(one.scenario, {})
    return {name: figures[one.count] for name, figures in known.items() if one.count in figures}


def read(saved: Iterable[dict[str, Any]]) -> list[Result]:
    """Results that `plain` wrote."""
    return [
        Result(
            one["scenario"],
            one["count"],
            {
                name: Spread(**value) if isinstance(value, dict) else value
                for name, value in one["figures"].items()
            },
            one["requests"],
            one["queries"],
        )
        for one in saved
    ]
