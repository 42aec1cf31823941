"""Fetches a Canary's past from a metrics server, hour by hour, with a bar; no cluster is needed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import TextIO

import click
import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.metrics import PrometheusMetrics
from canaryd.cli.access import Target
from canaryd.cli.exits import Stop
from canaryd.cli.manifest import Manifest, Unreadable, named, read
from canaryd.cli.recording import Recording, recorded
from canaryd.cli.words import printable
from canaryd.decide.gates import grid, tile_length
from canaryd.model.gates import Counted
from canaryd.model.names import Key, Revision
from canaryd.model.past import Column, by_column
from canaryd.model.question import Failed, PastQuestion, TileQuestion
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Spec
from canaryd.model.tile import USUAL_SCRAPE
from canaryd.wire.canary import parse_spec
from canaryd.wire.crd import GROUP
from canaryd.wire.objects import is_ours, mistakes

HOUR = timedelta(hours=1)
DEADLINE = timedelta(seconds=60)
"""How long one hour of the past may take to come."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Canary as its file says."""

    key: Key
    spec: Spec

    @property
    def workloads(self) -> tuple[str, ...]:
        """The Deployments that take turns."""
        return tuple(slot.deployment for slot in self.spec.slots)


def read_canary(file: TextIO, namespace: str | None) -> Wanted:
    """The first Canary of the file; ends the command with a sentence when there is none."""
    manifest = _canary_in(file)
    if not manifest.document["metadata"].get("name"):
        message = f"{named(file)}: metadata.name is required here: what is generated is not known"
        raise Stop(message)
    place = namespace or manifest.namespace or "default"
    raw = orjson.dumps(manifest.document["spec"], option=orjson.OPT_NON_STR_KEYS)
    spec = parse_spec(raw, place)
    if isinstance(spec, Problem):
        message = f"{named(file)}: {spec.message}"
        raise Stop(message)
    if not spec.analysis.evidence.gates:
        message = (
            f"{named(file)}: no gate compares (errors, latency or an objective), so there is "
            "nothing to replay; leave spec.analysis.metrics out for the defaults"
        )
        raise Stop(message)
    return Wanted(Key(place, manifest.name), spec)


def _canary_in(file: TextIO) -> Manifest:
    """The first Canary as lint would find it, and without a mistake; else ends the command."""
    manifests: list[Manifest] = []
    for one in read(file):
        if isinstance(one, Unreadable):
            message = f"{one.file}:{one.line}: {one.message}"
            raise Stop(message)
        if is_ours(one.document) and one.kind == "Canary":
            manifests.append(one)
    if not manifests:
        message = f"{named(file)} holds no Canary of {GROUP}"
        raise Stop(message)
    if wrong := mistakes(manifests[0].document):
        said = printable("; ".join(wrong))
        message = f"{named(file)}: {said}; see canaryd lint {manifests[0].file}"
        raise Stop(message)
    return manifests[0]


def fetch(wanted: Wanted, target: Target, *, span: timedelta) -> Recording:
    """The past until now; ends the command with a sentence when the server does not give it."""
    return asyncio.run(_fetch(wanted, target, span))


async def _fetch(wanted: Wanted, target: Target, span: timedelta) -> Recording:
    clock = SystemClock()
    rules = wanted.spec.analysis.evidence
    async with target.opened(clock, deadline=DEADLINE) as metrics:
        scrape = await _scrape(metrics, wanted, clock.now() - target.delay)
        if isinstance(scrape, Failed):
            raise _no_past(wanted, target, scrape, spans=span > HOUR)
        window = tile_length(rules, scrape)
        last = grid(clock.now() - target.delay - HOUR / 60, window)
        columns: list[Column] = []
        part = HOUR // window * window  # all parts end on one grid
        parts, hours = max(1, ceil(span / part)), max(1, ceil(span / HOUR))
        with click.progressbar(
            range(parts, 0, -1), label=f"fetching {hours} h of {wanted.key}", file=sys.stderr
        ) as bar:
            for number in bar:
                end = last - (number - 1) * part
                told = await metrics.past(_part_of(wanted, window, end, part))
                if isinstance(told, Failed):
                    raise _no_past(wanted, target, told, spans=span > HOUR)
                columns.extend(by_column(told))
    found = recorded(columns, wanted.workloads, window)
    return replace(found, lag=scrape + target.delay)


def _part_of(wanted: Wanted, window: timedelta, end: datetime, span: timedelta) -> PastQuestion:
    rules = wanted.spec.analysis.evidence
    return PastQuestion(
        key=wanted.key,
        namespace=wanted.key.namespace,
        workloads=wanted.workloads,
        window=window,
        end=end,
        span=span,
        reporter=rules.reporter,
        latency=any(gate.counted is Counted.LATENCY for gate in rules.gates),
    )


async def _scrape(metrics: PrometheusMetrics, wanted: Wanted, end: datetime) -> timedelta | Failed:
    """How often the workloads are scraped; the usual interval where no series tells."""
    rules, workloads = wanted.spec.analysis.evidence, wanted.workloads
    sample = TileQuestion(
        key=wanted.key,
        namespace=wanted.key.namespace,
        canary=workloads[-1],
        primary=workloads[0],
        revision=Revision(""),
        window=rules.evaluate_every,
        end=end,
        edges=(),
        warm_up=timedelta(),
        reporter=rules.reporter,
    )
    told = await metrics.time(sample)
    return told if isinstance(told, Failed) else told.scrape or USUAL_SCRAPE


def _no_past(wanted: Wanted, target: Target, told: Failed, *, spans: bool) -> Stop:
    advice = target.advice(told.detail, spans=spans)
    return Stop(f"the past of {wanted.key} could not be fetched: {told.detail}{advice}")
