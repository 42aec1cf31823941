"""Fetches a Canary's past from a metrics server, hour by hour, with a bar; no cluster is needed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TextIO

import click
import orjson
import yaml

from canaryd.adapters.clock import SystemClock
from canaryd.cli.access import Server
from canaryd.cli.exits import Stop
from canaryd.cli.replay import Recording, recorded
from canaryd.decide.gates import grid
from canaryd.model.gates import Counted
from canaryd.model.names import Key
from canaryd.model.question import Failed, PastQuestion
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Spec
from canaryd.model.tile import Column
from canaryd.wire.canary import parse_spec
from canaryd.wire.objects import mistakes

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
    try:
        documents = list(yaml.safe_load_all(file))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"{file.name} is not readable YAML: {error}"
        raise Stop(message) from error
    found = [each for each in documents if isinstance(each, dict) and each.get("kind") == "Canary"]
    if not found:
        message = f"{file.name} holds no Canary"
        raise Stop(message)
    if wrong := mistakes(found[0]):
        message = f"{file.name}: {'; '.join(wrong)}; see canaryd lint {file.name}"
        raise Stop(message)
    meta = found[0]["metadata"]
    place = namespace or meta.get("namespace") or "default"
    spec = parse_spec(orjson.dumps(found[0]["spec"], option=orjson.OPT_NON_STR_KEYS), place)
    if isinstance(spec, Problem):
        message = f"{file.name}: {spec.message}"
        raise Stop(message)
    if not spec.analysis.evidence.gates:
        message = (
            f"{file.name}: no gate compares (errors, latency or an objective), so there is nothing "
            "to replay; leave spec.analysis.metrics out for the defaults"
        )
        raise Stop(message)
    return Wanted(Key(place, meta["name"]), spec)


def fetch(wanted: Wanted, server: Server, *, span: timedelta) -> Recording:
    """The past until now; ends the command with a sentence when the server does not give it."""
    return asyncio.run(_fetch(wanted, server, span))


async def _fetch(wanted: Wanted, server: Server, span: timedelta) -> Recording:
    clock = SystemClock()
    metrics = server.opened(clock, deadline=DEADLINE)
    rules = wanted.spec.analysis.evidence
    window = rules.evaluate_every
    last = grid(clock.now() - server.delay - HOUR / 60, window)
    hours = max(1, ceil(span / HOUR))
    columns: list[Column] = []
    try:
        with click.progressbar(
            range(hours, 0, -1), label=f"fetching {hours} h of {wanted.key}", file=sys.stderr
        ) as bar:
            for hour in bar:
                question = PastQuestion(
                    key=wanted.key,
                    namespace=wanted.key.namespace,
                    workloads=wanted.workloads,
                    window=window,
                    end=last - (hour - 1) * HOUR,
                    span=HOUR,
                    reporter=rules.reporter,
                    latency=any(gate.counted is Counted.LATENCY for gate in rules.gates),
                )
                told = await metrics.past(question)
                if isinstance(told, Failed):
                    advice = server.advice(told.detail)
                    message = f"the past of {wanted.key} could not be fetched: {told.detail}"
                    raise Stop(message + advice)
                columns.extend(told)
    finally:
        await metrics.close()
    return recorded(columns, wanted.workloads, window)
