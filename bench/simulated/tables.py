"""What was found, as tables for people and as figures for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from statistics import median

from bench.simulated.bounds import clopper_pearson, wald
from bench.simulated.run import FLAGGER, Played
from bench.simulated.scenario import Case
from canaryd.model.gates import TOLERATED, Counted, Preset

TARGET = 0.015
"""The upper end of the interval of false rollbacks is to be at most this."""
LEAST_TILES = 3
"""No regression is found in fewer evaluations: one counts for at most half of what is needed."""
DESIGN = {
    (0.001, 0.01, 100, 5): 180,
    (0.001, 0.01, 100, 10): 100,
    (0.001, 0.01, 1000, 5): 30,
    (0.01, 0.05, 100, 5): 60,
    (0.01, 0.05, 100, 10): 40,
    (0.01, 0.05, 1000, 5): 30,
}
"""The design's median seconds from onset on: healthy rate, bad rate, requests/s, weight."""
ERRORS = TOLERATED[Preset.DEFAULT, Counted.ERRORS]


@dataclass(frozen=True, slots=True)
class Share:
    """So many rollouts of so many, with a 95 % interval."""

    hits: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper and Pearson's."""
        return clopper_pearson(self.hits, self.of)

    def text(self) -> str:
        """For a table, in per cent."""
        low, high = self.interval
        return f"{100 * self.hits / self.of:.2g} ({100 * low:.2g}-{100 * high:.2g})"


@dataclass(frozen=True, slots=True)
class FalseRollbacks:
    """False rollbacks of one scenario, by canaryd and by each of Flagger's rules."""

    scenario: str
    pods: str
    canaryd: Share
    flagger: dict[str, Share]
    why: dict[str, int]
    """How many of canaryd's each gate made."""
    counted: float
    """The median number of tiles that counted."""
    known: float
    """In how many rollouts the background was sufficient for a rollback."""

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.canaryd.interval[1] <= TARGET


@dataclass(frozen=True, slots=True)
class Found:
    """How soon one regression was found; infinity is never."""

    case: Case
    rollouts: int
    missed: int
    seconds: float
    requests: float
    flagger: dict[str, float]

    @property
    def key(self) -> tuple[float, float, int, int]:
        """As the design's table names it."""
        case = self.case
        return case.error_rate, case.bad_rate or 0.0, int(case.load), case.weights[0]

    @property
    def bound(self) -> float:
        """Wald's."""
        return wald(self.case.error_rate, self.case.bad_rate or 0.0, ERRORS)

    @property
    def ratio(self) -> float | None:
        """Requests over that bound; None: the fewest evaluations that are needed hold more."""
        case = self.case
        least = LEAST_TILES * case.load * case.weights[0] / 100 * case.window
        return None if least >= self.bound else self.requests / self.bound

    @property
    def met(self) -> bool | None:
        """Whether it is found within one evaluation of the design's figure, if there is one."""
        design = DESIGN.get(self.key)
        return None if design is None else self.seconds <= design + self.case.window


def falses(played: Iterable[Played]) -> list[FalseRollbacks]:
    """One row for each scenario and for one pod or more."""
    groups: dict[tuple[str, str], list[Played]] = {}
    for each in played:
        pods = "1" if each.case.pods == 1 else "3, 10"
        groups.setdefault((each.case.scenario.name, pods), []).append(each)
    return [false(name, pods, group) for (name, pods), group in groups.items()]


def false(scenario: str, pods: str, group: Sequence[Played]) -> FalseRollbacks:
    """One row."""
    back = [each for each in group if each.taken_back]
    return FalseRollbacks(
        scenario,
        pods,
        Share(len(back), len(group)),
        {
            name: Share(sum(each.flagger[name] is not None for each in group), len(group))
            for name in FLAGGER
        },
        dict(Counter(each.outcome.why for each in back)),
        median(each.outcome.tiles for each in group),
        sum(each.outcome.sufficient for each in group) / len(group),
    )


def founds(played: Iterable[Played]) -> list[Found]:
    """One row for each regression."""
    groups: dict[Case, list[Played]] = {}
    for each in played:
        groups.setdefault(each.case, []).append(each)
    return [found(case, group) for case, group in groups.items()]


def found(case: Case, group: Sequence[Played]) -> Found:
    """One row."""
    outcomes = [each.outcome for each in group]
    return Found(
        case,
        len(group),
        sum(each.at is None for each in outcomes),
        median(since(case, each.at) for each in outcomes),
        median(inf if each.at is None else each.requests for each in outcomes),
        {name: median(since(case, each.flagger[name]) for each in group) for name in FLAGGER},
    )


def since(case: Case, at: float | None) -> float:
    """Seconds from the onset; less than 0: a healthy canary was taken back."""
    return inf if at is None else at - case.onset


def number(value: float) -> str:
    """A figure, or never; or before the onset."""
    return "never" if value == inf else "before" if value < 0 else f"{value:,.0f}"


def false_table(rows: Sequence[FalseRollbacks]) -> str:
    """Markdown."""
    heads = [f"Flagger {name}" for name in FLAGGER]
    lines = [
        f"| false rollbacks, % (95 %) | pods | rollouts | canaryd | {' | '.join(heads)} | target |",
        "| --- | --- | --- | --- |" + " --- |" * (len(heads) + 1),
    ]
    for row in rows:
        cells = [row.scenario, row.pods, str(row.canaryd.of), row.canaryd.text()]
        cells += [share.text() for share in row.flagger.values()]
        cells += ["-" if row.pods == "1" else "met" if row.met else "**missed**"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def found_table(rows: Sequence[Found], onset: float) -> str:
    """Markdown: the regressions that began then."""
    heads = [f"Flagger {name}" for name in FLAGGER]
    lines = [
        "| errors | requests/s x weight | rollouts | canaryd, s | design, s | within 10 s |"
        f" {' | '.join(f'{head}, s' for head in heads)} | requests | Wald | ratio |",
        "| --- | --- | --- | --- | --- | --- |" + " --- |" * (len(heads) + 3),
    ]
    for row in rows:
        if row.case.onset != onset:
            continue
        healthy, bad, load, weight = row.key
        cells = [f"{100 * healthy:g} to {100 * bad:g} %", f"{load:,} x {weight} %"]
        cells += [str(row.rollouts), number(row.seconds), str(DESIGN.get(row.key, "-"))]
        cells += ["-" if row.met is None else "yes" if row.met else "**no**"]
        cells += [number(each) for each in row.flagger.values()]
        cells += [number(row.requests), number(row.bound)]
        cells += ["floor" if row.ratio is None else f"{row.ratio:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def figures(rows: Sequence[FalseRollbacks], finds: Sequence[Found]) -> dict[str, object]:
    """For JSON."""
    return {
        "false": [
            {
                **asdict(row),
                "interval": row.canaryd.interval,
                "met": row.met,
                "flaggerIntervals": {name: each.interval for name, each in row.flagger.items()},
            }
            for row in rows
        ],
        "found": [
            {
                "errors": row.key[:2],
                "load": row.key[2],
                "weight": row.key[3],
                "rollouts": row.rollouts,
                "missed": row.missed,
                "onset": row.case.onset,
                "seconds": finite(row.seconds),
                "design": DESIGN.get(row.key),
                "requests": finite(row.requests),
                "wald": row.bound,
                "ratio": row.ratio,
                "flagger": {name: finite(each) for name, each in row.flagger.items()},
            }
            for row in finds
        ],
    }


def finite(value: float) -> float | None:
    """JSON knows no infinity."""
    return None if value == inf else value
