"""What `canaryd lint` says of an objective's latency edge: whether a histogram's bucket ends there.

Without a metrics server it is only doubted, when it is none of those that Istio has by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import timedelta

import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.cli.access import Target
from canaryd.cli.manifest import Manifest
from canaryd.cli.query_check import Remark, Remarks, remark
from canaryd.decide.buckets import absent, nearest, no_such_edge
from canaryd.decide.gates import grid
from canaryd.model.gates import EvidenceGate, Objective
from canaryd.model.names import Key
from canaryd.model.question import Failed, PastQuestion
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Spec
from canaryd.model.tile import ALL
from canaryd.wire.canary import parse_spec
from canaryd.wire.gates import ISTIO_EDGES

SPAN, WINDOW = timedelta(minutes=5), timedelta(minutes=1)
"""So far back pods are looked for, in columns that hold two scrapes or more."""


def look_at_edges(manifest: Manifest, target: Target | None) -> Remarks:
    """Look at the edges of a Canary that is otherwise right; a `target` is asked if there is one.

    Ends the command when the server's address is none.
    """
    found = Remarks()
    spec = _spec(manifest)
    if isinstance(spec, Problem) or not _edges(spec):
        return found
    if target is None:
        found.warnings += _strange(manifest, spec.analysis.evidence.gates)
        return found
    there = asyncio.run(_ask(Key(_place(manifest), manifest.name), spec, target))
    if isinstance(there, Failed):
        # The server's address may hold a login; the detail names it without.
        why = there.detail + target.advice(there.detail)
        message = f"was not checked against the metrics server: {why}"
        found.warnings.append(remark(manifest, ("spec", "analysis", "metrics"), message))
        return found
    if not there:
        names = " and ".join(slot.deployment for slot in spec.slots)
        message = (
            "was not checked against the metrics server: it timed no request to "
            f"{names} in namespace {_place(manifest)} in the last five minutes"
        )
        found.warnings.append(remark(manifest, ("spec", "analysis", "metrics"), message))
        found.warnings += _strange(manifest, spec.analysis.evidence.gates)
        return found
    for rule in spec.analysis.evidence.gates:
        if absent((rule,), there) is not None and isinstance(rule, Objective):
            message = f"is wrong: {no_such_edge(rule.edge or 0, there)}"
            found.errors.append(_at(manifest, rule, message))
    return found


def has_edge(manifest: Manifest) -> bool:
    """Whether an object that is otherwise right is a Canary with an edge to look at."""
    if manifest.kind != "Canary":
        return False
    spec = _spec(manifest)
    return isinstance(spec, Spec) and _edges(spec)


def _spec(manifest: Manifest) -> Spec | Problem:
    raw = orjson.dumps(manifest.document["spec"], option=orjson.OPT_NON_STR_KEYS)
    return parse_spec(raw, _place(manifest))


def _place(manifest: Manifest) -> str:
    return manifest.namespace or "default"


def _edges(spec: Spec) -> bool:
    gates = spec.analysis.evidence.gates
    return any(isinstance(rule, Objective) and rule.edge is not None for rule in gates)


def _strange(manifest: Manifest, rules: Iterable[EvidenceGate]) -> Iterator[Remark]:
    for rule in rules:
        if absent((rule,), ISTIO_EDGES) is not None and isinstance(rule, Objective):
            message = (
                "is the end of no bucket that Istio has by itself"
                f"{nearest(rule.edge or 0, ISTIO_EDGES)}; elsewhere nothing is counted"
            )
            yield _at(manifest, rule, message)


def _at(manifest: Manifest, rule: Objective, message: str) -> Remark:
    metrics = manifest.document["spec"]["analysis"]["metrics"]
    index = next(place for place, metric in enumerate(metrics) if metric["name"] == rule.name)
    path = ("spec", "analysis", "metrics", index, "objective", "latency", "le")
    return remark(manifest, path, message)


async def _ask(key: Key, spec: Spec, target: Target) -> frozenset[float] | Failed:
    """Return the edges that any pod of the Canary had lately; none where nothing was timed."""
    clock = SystemClock()
    question = PastQuestion(
        key=key,
        namespace=key.namespace,
        workloads=tuple(slot.deployment for slot in spec.slots),
        window=WINDOW,
        end=grid(clock.now(), WINDOW),
        span=SPAN,
        reporter=spec.analysis.evidence.reporter,
        latency=True,
    )
    async with target.opened(clock) as metrics:
        told = await metrics.past(question)
    if isinstance(told, Failed):
        return told
    edges = {series.outcome[-1] for series in told.series}
    return frozenset(edge for edge in edges if edge is not None and edge != ALL)
