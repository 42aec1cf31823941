"""What `canaryd lint` says of an objective's latency edge: whether a histogram's bucket ends there.

Without a metrics server it is only doubted, when it is none of those that Istio has by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import timedelta

import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.cli.access import Server
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


def look_at_edges(manifest: Manifest, server: Server | None) -> Remarks:
    """Look at the edges of a Canary that is otherwise right; `server` is asked where there is one.

    Ends the command when the server's address is none.
    """
    found = Remarks()
    named = manifest.namespace or "default"
    spec = parse_spec(
        orjson.dumps(manifest.document["spec"], option=orjson.OPT_NON_STR_KEYS), named
    )
    if isinstance(spec, Problem) or not any(map(_has_edge, spec.analysis.evidence.gates)):
        return found
    if server is None:
        found.warnings += _strange(manifest, spec.analysis.evidence.gates)
        return found
    there = asyncio.run(_ask(Key(named, manifest.name), spec, server))
    if isinstance(there, Failed):
        # The server's address may hold a login; the detail names it without.
        why = there.detail + server.advice(there.detail)
        message = f"was not checked against the metrics server: {why}"
        found.warnings.append(remark(manifest, ("spec", "analysis", "metrics"), message))
        return found
    for rule in spec.analysis.evidence.gates:
        if absent((rule,), there) is not None and isinstance(rule, Objective):
            message = f"is wrong: {no_such_edge(rule.edge or 0, there)}"
            found.errors.append(_at(manifest, rule, message))
    return found


def _has_edge(rule: EvidenceGate) -> bool:
    return isinstance(rule, Objective) and rule.edge is not None


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


async def _ask(key: Key, spec: Spec, server: Server) -> frozenset[float] | Failed:
    """Return the edges that any pod of the Canary had lately; none where nothing was timed."""
    clock = SystemClock()
    metrics = server.opened(clock)
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
    try:
        told = await metrics.past(question)
    finally:
        await metrics.close()
    if isinstance(told, Failed):
        return told
    edges = {row.edge for column in told for row in column.rows}
    return frozenset(edge for edge in edges if edge is not None and edge != ALL)
