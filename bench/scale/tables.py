"""The results as Markdown, beside Flagger's, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.scale.census import BLOCKS, HEAP_FREE, HEAP_USED
from bench.scale.figures import Figures, Result, Spread
from bench.scale.flagger import BOTH, NOTE

COMPARED = "thresholds"
"""The way of Flagger's figures."""
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
        "weights written together",
        "debounce kept open s",
        "seconds without a weight written %",
        "tiles each",
        "CPU ms per tile",
        "Prometheus queries",
        "Prometheus queries per tick",
        "Events",
        "RSS MiB",
        "HWM MiB",
        "control plane CPU %",
        "others CPU %",
    ),
    "10 turn bad": (
        "fault to weight 0 s",
        "first bad answer to weight 0 s",
        "deciding answer to weight 0 s",
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
    "churn": (
        "minutes",
        "released",
        "made and deleted",
        "RSS after warm-up MiB",
        "RSS at the end MiB",
        "RSS a line says, MiB per hour",
        "objects after warm-up",
        "objects at the end",
        f"{BLOCKS}, then and at the end",
        f"{HEAP_USED}, then and at the end",
        f"{HEAP_FREE}, then and at the end",
        "more of",
        "requests each",
        "CPU ms each",
        "HWM MiB",
        "others CPU %",
    ),
}
"""The figures of each scenario's table, in order; `a/b/c` are median, 99 % and most."""


STRAIN = (
    "ended",
    "late s",
    "machine busy %",
    "free MiB at the least",
    "API read ms",
    "API write ms",
    "refused for being too many",
    "CPU % of a core",
    "CPU % in the busiest thread",
    "RSS MiB",
)
"""What says, over N, which part gives first; below them each part's processor and memory."""


def markdown(results: Sequence[Result]) -> str:
    """One table for each scenario and way; Flagger's figures in the rows below canaryd's."""
    parts: list[str] = []
    for way in sorted({one.way for one in results}, reverse=True):
        of_way = [one for one in results if one.way == way]
        parts += [table(name, way, found) for name in SHOWN if (found := of(of_way, name))]
        parts += [kinds(way, of_way), strain(way, of(of_way, "release"))]
    if any(peers(one) for one in results):
        parts.append(NOTE)
    return "\n\n".join(filter(None, parts)) + "\n"


def of(results: Iterable[Result], scenario: str) -> list[Result]:
    """The results of one scenario, by N."""
    return sorted((one for one in results if one.scenario == scenario), key=lambda one: one.count)


def table(scenario: str, way: str, found: Sequence[Result]) -> str:
    """Figures downwards, N to the right."""
    measured = BOTH if way == COMPARED else {}
    of_peers = {who: figures.get(scenario, {}) for who, figures in measured.items()}
    lines = head(f"{scenario}, {way}", found)
    for name in SHOWN[scenario]:
        cells = [cell(one, name) for one in found]
        if {*cells} != {"-"}:
            lines.append(row(name, cells))
        lines += theirs(name, of_peers, found)
    others = {name for figures in of_peers.values() for name in figures} - {*SHOWN[scenario]}
    for name in sorted(others):
        lines += theirs(name, of_peers, found)
    return "\n".join(lines)


def theirs(
    name: str, of_peers: Mapping[str, Mapping[str, Mapping[int, str]]], found: Sequence[Result]
) -> list[str]:
    """The lines of whoever was measured for any of these N."""
    told = {
        who: [figures.get(name, {}).get(one.count, "") for one in found]
        for who, figures in of_peers.items()
    }
    return [row(f"… {who}: {name}", cells) for who, cells in told.items() if any(cells)]


def strain(way: str, found: Sequence[Result]) -> str:
    """What the machine and the parts of the control plane were at while all were released."""
    if not found:
        return ""
    parts = {name for one in found for name in one.figures if name.endswith((" CPU %", " MiB"))}
    parts -= {*STRAIN, *SHOWN["release"]}
    names = [*STRAIN, *sorted(parts)]
    cells = {name: [cell(one, name) for one in found] for name in names}
    rows = [row(name, told) for name, told in cells.items() if {*told} != {"-"}]
    told = [f"N = {one.count:,}: {gives(one)}" for one in found]
    return "\n".join([*head(f"what gives first, {way}", found), *rows, "", "; ".join(told)])


def gives(one: Result) -> str:
    """Which bounds a release of all ran into, the one that is passed by most first."""
    figures = one.figures
    late, written = figures.get("late s"), figures.get("API write ms")
    found = {
        "canaryd's loop (% of a core)": (value(figures, "CPU % in the busiest thread"), 90.0),
        "the machine's processors (%)": (value(figures, "machine busy %"), 90.0),
        "the API server's writes (99 %, ms)": (
            written.p99 if isinstance(written, Spread) else 0.0,
            500.0,
        ),
        "canaryd's time (99 % of what is late, s)": (
            late.p99 if isinstance(late, Spread) and one.way == COMPARED else 0.0,
            1.0,
        ),
        "releases that did not end": (one.count - value(figures, "ended"), 1.0),
    }
    ordered = sorted(found.items(), key=lambda each: -each[1][0] / each[1][1])
    over = [f"{name} {seen:.0f}, bound {most:g}" for name, (seen, most) in ordered if seen >= most]
    others = f"(others used {value(figures, 'others CPU %'):.0f} % of a core)"
    return f"{' and '.join(over) or 'nothing gives'} {others}"


def value(figures: Figures, name: str) -> float:
    """A figure that is one number, else 0."""
    found = figures.get(name, 0.0)
    return float(found) if isinstance(found, int | float) else 0.0


def head(title: str, found: Sequence[Result]) -> list[str]:
    """The first two lines of a table."""
    numbers = row(f"**{title}**, N =", [f"{one.count:,}" for one in found])
    return [numbers, "| --- |" + " --- |" * len(found)]


def kinds(way: str, results: Iterable[Result]) -> str:
    """Which requests a release is made of."""
    found = of(results, "release")
    names = sorted({name for one in found for name in one.requests})
    rows = [
        row(name, [f"{one.requests.get(name, 0) / one.count:.2f}" for one in found])
        for name in names
    ]
    return (
        "\n".join([*head(f"requests by kind in a release, {way}", found), *rows]) if found else ""
    )


def cell(one: Result, name: str) -> str:
    """One figure as people read it."""
    if name == "Events":
        return f"{one.figures.get('Events there', '-')} of {one.figures.get('Events told', '-')}"
    known = one.figures.get(name, "-")
    if isinstance(known, float):
        return f"{known:.2f}" if abs(known) < 100 else f"{known:,.0f}"
    return f"{known:,}" if isinstance(known, int) else str(known)


def row(name: str, cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {name} | " + " | ".join(cells) + " |"


def plain(results: Iterable[Result]) -> list[dict[str, Any]]:
    """For JSON: every figure, with those of others where there are some."""
    return [
        asdict(one) | ({"others": others, "note": NOTE} if (others := peers(one)) else {})
        for one in sorted(results, key=lambda one: (one.way, one.count, one.scenario))
    ]


def peers(one: Result) -> dict[str, dict[str, str]]:
    """What others measured in the same scenario and N, by who it was."""
    found: dict[str, dict[str, str]] = {}
    for who, measured in BOTH.items() if one.way == COMPARED else ():
        of_scenario = measured.get(one.scenario, {}).items()
        known = {name: by_n[one.count] for name, by_n in of_scenario if one.count in by_n}
        if known:
            found[who] = known
    return found


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
            one.get("way", COMPARED),
        )
        for one in saved
    ]
