"""Fetches a Canary's past from a metrics server, hour by hour, with a bar; no cluster is needed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import TextIO

import click
import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.prometheus.answers import plain
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


def read_canary(file: TextIO, name: str | None, namespace: str | None) -> Wanted:
    """The Canary of the file; ends the command with a sentence unless there is just one."""
    manifest = _meant(file, _canaries_in(file), name, namespace)
    if wrong := mistakes(manifest.document):
        said = printable("; ".join(wrong))
        message = f"{named(file)}: {said}; see canaryd lint {manifest.file}"
        raise Stop(message)
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


def _canaries_in(file: TextIO) -> list[Manifest]:
    """The Canaries as lint would find them; ends the command when there is none."""
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
    return manifests


def _meant(
    file: TextIO, found: list[Manifest], name: str | None, namespace: str | None
) -> Manifest:
    """The one that is meant: the only one, or that of the name; guesses nothing."""
    picked = [one for one in found if name in {None, one.name}]
    if not picked:
        message = f"{named(file)} holds no Canary {name}; it holds {_listed(found)}"
        raise Stop(message)
    if name is not None and namespace and len(picked) > 1:
        picked = [one for one in picked if one.namespace == namespace] or picked
    if len(picked) > 1:
        called, lacks = (" " + name, "--namespace") if name is not None else ("", "NAME")
        message = (
            f"{named(file)} holds {len(picked)} Canaries{called}: {_listed(picked)};"
            f" give the {lacks} of the one that is meant"
        )
        raise click.UsageError(message)
    return picked[0]


def _listed(found: Sequence[Manifest]) -> str:
    """Name Canaries of a file, with their lines."""
    return ", ".join(f"{_called(one)} (line {one.line()})" for one in found)


def _called(one: Manifest) -> str:
    """Its namespace, if the file says that, and its name."""
    key = f"{one.namespace}/{one.name}" if one.namespace else one.name
    return plain(printable(key))


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
