"""The results as Markdown, beside Flagger's, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.scale.figures import Figures, Result, Spread
from bench.scale.flagger import ADVANCING, BOTH, INTERVAL, NOTE
from bench.scale.requests import work
from bench.scale.shown import SHOWN, STRAIN

COMPARED = "thresholds"
"""The way of Flagger's figures."""
OTHER_INTERVAL = (
    "Where seconds stand beside N, that was the interval. Flagger was measured with 10 s, and has "
    "no figures beside those."
)


def markdown(results: Sequence[Result]) -> str:
    """One table for each scenario and way; Flagger's figures in the rows below canaryd's."""
    parts: list[str] = []
    for way in sorted({one.way for one in results}, reverse=True):
        of_way = [one for one in results if one.way == way]
        parts += [table(name, way, found) for name in SHOWN if (found := of(of_way, name))]
        parts += [asked(name, way, of(of_way, name)) for name in ("idle", "release", "churn")]
        parts.append(strain(way, of(of_way, "release")))
    if any(peers(one) for one in results):
        parts.append(NOTE)
    if any(one.interval != INTERVAL for one in results):
        parts.append(OTHER_INTERVAL)
    return "\n\n".join(filter(None, parts)) + "\n"


def of(results: Iterable[Result], scenario: str) -> list[Result]:
    """The results of one scenario, by N; of the same N those with Flagger's interval first."""
    found = (one for one in results if one.scenario == scenario)
    return sorted(found, key=lambda one: (one.count, one.interval != INTERVAL, one.interval))


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
        who: [figures.get(name, {}).get(one.count, "") if alike(one) else "" for one in found]
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
    told = [f"N = {number(one)}: {gives(one)}" for one in found]
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
    numbers = row(f"**{title}**, N =", [number(one) for one in found])
    return [numbers, "| --- |" + " --- |" * len(found)]


def number(one: Result) -> str:
    """N, with the interval when it is not Flagger's."""
    return f"{one.count:,}" + ("" if one.interval == INTERVAL else f" ({one.interval:g} s)")


def alike(one: Result) -> bool:
    """Whether Flagger's figures may stand beside it."""
    return one.way == COMPARED and one.interval == INTERVAL


def asked(scenario: str, way: str, found: Sequence[Result]) -> str:
    """The requests by verb and resource, those that are not counted elsewhere too."""
    names = sorted({name for one in found for name in one.requests})
    if not names:
        return ""
    what = "in all" if scenario == "idle" else "a release / an advancing tick"
    known = {name for one in found for name in one.advancing}
    rows = [row(counted(name), [shares(one, [name], known) for one in found]) for name in names]
    sums = [shares(one, work(Counter(one.requests)), known) for one in found]
    rows.append(row("all that are counted", sums))
    if scenario == "release" and any(map(alike, found)):
        rows += [
            row(f"… Flagger: {name}", [f"- / {each:g}" if alike(one) else "" for one in found])
            for name, each in ADVANCING.items()
        ]
    return "\n".join([*head(f"requests, {what}: {scenario}, {way}", found), *rows])


def counted(name: str) -> str:
    """The name, marked where it does not count as work."""
    return name if work(Counter([name])) else f"{name} (not counted)"


def shares(one: Result, names: Iterable[str], of_canaries: Container[str]) -> str:
    """How many of these there were for each release and each tick of a step; else in all.

    Those that are of no Canary are of no tick either; and no run has ticks that did not note when.
    """
    chosen = list(names)
    if not one.releases:
        return f"{sum(one.requests.get(name, 0) for name in chosen):,}"
    release = share(sum(one.per_release(name) for name in chosen))
    known = [name for name in chosen if name in of_canaries] if one.advancing_ticks else []
    tick = share(sum(one.per_tick(name) or 0.0 for name in known)) if known else "-"
    return f"{release} / {tick}"


def share(number: float) -> str:
    """A small number, of which nobody is to think that it is none."""
    return "<0.01" if 0 < number < 0.005 else f"{number:.2f}"


def cell(one: Result, name: str) -> str:
    """One figure as people read it."""
    if name == "Events":
        return f"{one.figures.get('Events there', '-')} of {one.figures.get('Events told', '-')}"
    known = one.figures.get(name, "-")
    if isinstance(known, float):
        return share(known) if abs(known) < 100 else f"{known:,.0f}"
    return f"{known:,}" if isinstance(known, int) else str(known)


def row(name: str, cells: Sequence[str]) -> str:
    """One line of a table."""
    return (
        f"| {name} | "
        + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in cells)
        + " |"
    )


def plain(results: Iterable[Result]) -> list[dict[str, Any]]:
    """For JSON: every figure, with those of others where there are some."""
    return [
        asdict(one)
        | ({"requests_by": by(one)} if one.releases else {})
        | ({"others": others, "note": NOTE} if (others := peers(one)) else {})
        for one in sorted(results, key=lambda one: (one.way, one.count, one.scenario, one.interval))
    ]


def by(one: Result) -> dict[str, dict[str, float | None]]:
    """By verb and resource: how many for each release, and for each tick of a step, if of one."""
    return {
        name: {"release": one.per_release(name), "advancing tick": one.per_tick(name)}
        for name in one.requests
    }


def peers(one: Result) -> dict[str, dict[str, str]]:
    """What others measured in the same scenario and N, by who it was."""
    found: dict[str, dict[str, str]] = {}
    for who, measured in BOTH.items() if alike(one) else ():
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
            one.get("interval", INTERVAL),
            one.get("releases", one["count"] if one["scenario"] == "release" else 0),
            one.get("advancing", {}),
            one.get("advancing_ticks", 0),
        )
        for one in saved
    ]
