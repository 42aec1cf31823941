"""Many releases in thought over one recording: healthy ones, and ones with a fault."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from canaryd.adapters.prometheus.times import UNTIMED
from canaryd.cli.exits import Stop
from canaryd.cli.playing import Play, Regression
from canaryd.cli.recording import CANARY, WARM_UP, Recording, failing_share, pods, usual_load
from canaryd.cli.trials import FACTORS, LEAST_SHARE, Caught, Healthy, apart, caught, healthy
from canaryd.decide.buckets import absent, no_such_edge
from canaryd.decide.trial import Course, Outcome, longest, trial
from canaryd.model.gates import Counted, EvidenceGate, Reporter
from canaryd.model.past import Column
from canaryd.model.spec import Spec, Step
from canaryd.model.tile import ALL, Background, Tile

HOUR = timedelta(hours=1)
LEAST_PODS = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What a backtest found."""

    columns: int
    requests_per_second: float
    failing: float
    pods: int
    dispersion: float
    healthy: Healthy
    faults: tuple[Caught, ...]
    left_out: int = 0
    """So many releases would have begun with fewer than two pods."""


class Replay:
    """Releases of one Canary at regular times of the past."""

    def __init__(self, spec: Spec, recording: Recording, *, every: timedelta, seed: int) -> None:
        """Raises Stop when the past does not suffice."""
        self._analysis = spec.analysis
        self._recording = recording
        self._every = every
        self._seed = seed
        self._course = Course(
            rules=replace(self._analysis.evidence, evaluate_every=recording.window),
            steps=self._analysis.steps,
            canary=CANARY,
            primary=recording.workload,
            lag=recording.lag,
            patience=self._analysis.no_data.after,
        )
        self._longest = longest(self._course)
        self._begins = self._all_begins()
        self._timed = self._look_at_edges(spec.analysis.evidence.gates)

    def run(self) -> Report:
        """Walk through all of them; shows a bar."""
        good: list[Outcome] = []
        counted = any(gate.counted is Counted.ERRORS for gate in self._course.rules.gates)
        bad: dict[float, list[Outcome]] = {factor: [] for factor in FACTORS if counted}
        known: list[Background] = []
        begins: list[datetime] = []
        with click.progressbar(
            self._begins, label=f"replaying {len(self._begins)} releases", file=sys.stderr
        ) as bar:
            for index, begin in enumerate(bar):
                release = self._release(index, begin)
                if release is None:
                    continue
                begins.append(begin)
                known.append(release.known)
                good.append(self._walk(release, None))
                for factor, found in bad.items():
                    usual = max(release.failing, LEAST_SHARE)
                    chance = min(0.99, (factor - 1) * usual / (1 - usual))
                    found.append(self._walk(release, Regression(factor, chance)))
        if not known:
            message = (
                f"none of the {len(self._begins)} releases began when {self._recording.workload} "
                "had two pods with requests: one pod cannot play the canary beside itself; if it "
                "had two at other times, give a shorter --every, or --last"
            )
            if self._analysis.evidence.reporter is Reporter.SOURCE:
                message += " (with reporter: source these are the callers' pods)"
            raise Stop(message)
        whole = self._recording.columns
        return Report(
            columns=len(whole),
            requests_per_second=sum(each.rate for each in known) / len(known),
            failing=failing_share(whole, self._analysis.evidence.grpc_good),
            pods=max(each.pods for each in known),
            dispersion=max(each.errors for each in known),
            healthy=healthy(good, told=apart(begins, good)),
            faults=tuple(caught(factor, outcomes) for factor, outcomes in bad.items()),
            left_out=len(self._begins) - len(known),
        )

    def _look_at_edges(self, gates: Sequence[EvidenceGate]) -> bool:
        """Whether a gate asks how long requests took, to which the past has an answer."""
        slow = [gate.name for gate in gates if gate.counted is Counted.LATENCY]
        rows = (row for column in self._recording.columns for row in column.rows)
        edges = {row.edge for row in rows if row.edge is not None and row.edge != ALL}
        if slow and not edges:
            message = f"{slow[0]}: every release would be held, because {UNTIMED}"
            raise Stop(message)
        if (unknown := absent(gates, edges)) is not None:
            name, edge = unknown
            message = f"{name}: {no_such_edge(edge, edges)}"
            raise Stop(message)
        return bool(slow)

    def _all_begins(self) -> list[datetime]:
        columns = self._recording.columns
        if not any(column.rows for column in columns):
            message = (
                f"the metrics server knows no request to {self._recording.workload} in that time;"
                " check the namespace, the Deployments' names, the tenant (--header) and --last"
            )
            raise Stop(message)
        first, last = columns[0].end + HOUR, columns[-1].end - self._longest / 2
        begins: list[datetime] = []
        while first <= last:
            begins.append(first)
            first += max(self._every, self._recording.window)
        if not begins:
            needed = "an hour before the first release and half of its steps' longest times"
            message = f"that is too short a past: {needed} have to fit into --last, like --last 24h"
            raise Stop(message)
        return begins

    def _release(self, index: int, begin: datetime) -> _Release | None:
        columns = self._recording.between(begin, begin + self._longest)
        before = self._recording.between(begin - HOUR, begin)
        serving = pods(columns[:1])
        if len(serving) < LEAST_PODS:
            return None
        known = self._recording.background(before, self._analysis.evidence, at=begin)
        failing = failing_share(before, self._analysis.evidence.grpc_good)
        first = index % len(serving)
        order = (*serving[first:], *serving[:first])
        return _Release(index, columns, order, usual_load(columns), known, failing)

    def _walk(self, release: _Release, worse: Regression | None) -> Outcome:
        play = Play(
            self._recording,
            release.columns,
            release.order,
            load=release.load,
            seed=f"{self._seed} {release.index}",
            warm_up=WARM_UP,
            worse=worse,
            timed=self._timed,
        )

        def following(_: datetime, step: Step) -> Tile | None:
            return play.tile(step.weight)

        begin = release.columns[0].end - self._recording.window
        return trial(self._course, following, release.known, begin_at=begin)


@dataclass(frozen=True, slots=True)
class _Release:
    """One release that was never made."""

    index: int
    columns: Sequence[Column]
    order: Sequence[str]
    """The pods, those first that play the canary."""
    load: Mapping[str, float]
    """How many requests each pod usually gets in a column."""
    known: Background
    failing: float
