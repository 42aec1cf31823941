"""Releases of a made-up service that is as busy, and fails as often, as the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import click
import orjson

from canaryd.cli.chance import arrivals, drawn
from canaryd.cli.exits import Stop
from canaryd.cli.past import Wanted
from canaryd.cli.recording import CANARY, WARM_UP, Recording, failing_share
from canaryd.cli.report import document, false_alarms, faults, of
from canaryd.cli.trials import FACTORS, LEAST_SHARE, Caught, Healthy, caught, healthy
from canaryd.decide.narrate import number
from canaryd.decide.trial import Course, Outcome, Source, longest, trial
from canaryd.model.gates import Counted, EvidenceGate
from canaryd.model.spec import Spec, Step
from canaryd.model.tile import USUAL_SCRAPE, Background, Presence, Row, Tile

SERVICE = "service"
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """How busy it is (requests per second, both sides), which share fails, on how many pods."""

    rate: float
    failing: float
    pods: int
    known: Background | None
    evaluated_seconds: float | None = None
    """How long a tile is; None: as the Canary says."""
    late_seconds: float = USUAL_SCRAPE.total_seconds()
    """How late a tile is known."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be expected of releases."""

    healthy: Healthy
    faults: tuple[Caught, ...]


def from_recording(recording: Recording, spec: Spec) -> Service:
    """The service that the last hour shows; raises Stop when it shows none."""
    good = spec.analysis.evidence.grpc_good
    last = recording.columns[-1].end if recording.columns else BEGIN
    known = recording.background(recording.columns, spec.analysis.evidence, at=last)
    if not known.rate:
        message = (
            f"the metrics server knows no request to {recording.workload} in the last hour; check "
            "namespace, Deployments and tenant (--header), or say --rate"
        )
        raise Stop(message)
    failing, pods = failing_share(recording.columns, good), max(1, known.pods)
    every, late = recording.window.total_seconds(), recording.lag.total_seconds()
    return Service(known.rate, failing, pods, known, every, late)


def rehearse(spec: Spec, service: Service, *, rollouts: int, seed: int) -> Expected:
    """Play releases through, healthy ones and faulty ones; shows a bar.

    Raises Stop when no gate counts errors: slowness is not made up.
    """
    if not error_gates(spec):
        message = (
            "spec.analysis.metrics has no gate on errors, and plan makes nothing slower; what its "
            "gates on latency say of the past is told by canaryd backtest"
        )
        raise Stop(message)
    kinds = (1.0, *FACTORS)
    outcomes: dict[float, list[Outcome]] = {factor: [] for factor in kinds}
    jobs = [(factor, index) for factor in kinds for index in range(rollouts)]
    with click.progressbar(
        jobs, label=f"playing {len(jobs)} releases through", file=sys.stderr
    ) as bar:
        for factor, index in bar:
            chance = Random(f"{seed} {factor} {index}")
            outcomes[factor].append(play(spec, service, factor, chance))
    return Expected(
        healthy(outcomes[1.0], told=rollouts),
        tuple(caught(factor, outcomes[factor]) for factor in FACTORS),
    )


def error_gates(spec: Spec) -> tuple[EvidenceGate, ...]:
    """Those that count errors."""
    gates = spec.analysis.evidence.gates
    return tuple(gate for gate in gates if gate.counted is Counted.ERRORS)


def play(spec: Spec, service: Service, factor: float, chance: Random) -> Outcome:
    """One release. Latency is left out: nothing is made slower, and it would only share alpha."""
    rules, gates = spec.analysis.evidence, error_gates(spec)
    seconds = service.evaluated_seconds
    window = rules.evaluate_every if seconds is None else timedelta(seconds=seconds)
    alpha = rules.alpha * len(gates) / len(rules.gates)
    course = Course(
        rules=replace(rules, gates=gates, alpha=alpha, evaluate_every=window),
        steps=spec.analysis.steps,
        canary=CANARY,
        primary=SERVICE,
        lag=timedelta(seconds=service.late_seconds),
        patience=spec.analysis.no_data.after,
    )
    even = Background(BEGIN, service.pods, 1.0 * max(2, service.pods), rate=service.rate)
    source = _source(service, factor, window, BEGIN + longest(course), chance)
    return trial(course, source, service.known or even, begin_at=BEGIN)


def _source(
    service: Service, factor: float, window: timedelta, last: datetime, chance: Random
) -> Source:
    usual = service.failing
    worse = usual if factor == 1 else min(0.99, factor * max(usual, LEAST_SHARE))

    def following(start: datetime, step: Step) -> Tile | None:
        if start >= last:
            return None
        every = service.rate * window.total_seconds()
        share = step.weight / 100
        end = start + window
        sides = ((CANARY, every * share, worse), (SERVICE, every * (1 - share), usual))
        rows = tuple(row for who, mean, bad in sides for row in _rows(who, mean, bad, chance))
        warm = start - BEGIN >= WARM_UP
        pods = (
            Presence(CANARY, CANARY, end, start, warm=warm),
            Presence(SERVICE, SERVICE, end, start, warm=True),
        )
        return Tile(start, end, window, rows, pods)

    return following


def _rows(who: str, mean: float, bad: float, chance: Random) -> Iterator[Row]:
    count = arrivals(mean, chance)
    failed = drawn(count, bad, chance)
    yield Row(who, who, count - failed, "200")
    yield Row(who, who, failed, "500")


def print_plan(
    wanted: Wanted, service: Service, found: Expected, *, releases_per_day: float, output: str
) -> None:
    """Say it to people or to programs."""
    alpha = wanted.spec.analysis.evidence.alpha
    per_day = alpha * releases_per_day
    if output == "json":
        told = {
            **of(wanted),
            "service": document(replace(service, known=None)),
            "falseAlarmsPerRollout": alpha,
            "falseAlarmsPerDay": per_day,
            **document(found),
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    click.echo(
        f"{wanted.key}: {number(service.rate)} requests/s on {service.pods} pods, "
        f"{number(100 * service.failing, 3)} % fail usually"
    )
    for line in (*false_alarms(found.healthy), "", *faults(found.faults, service.failing), ""):
        click.echo(line)
    click.echo(
        f"by design at most {number(100 * alpha)} % of harmless rollouts are rolled back "
        f"(spec.analysis.alpha); at {number(releases_per_day)} releases a day that is "
        + (f"one in {number(1 / per_day, 3)} days or fewer" if per_day else "none")
    )
