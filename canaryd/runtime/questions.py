"""From what a decision wants observed to what a metrics server is asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

from canaryd.model.answered import Answered
from canaryd.model.decision import Observe
from canaryd.model.gates import MetricsServer
from canaryd.model.query import OWN, promql_duration, render
from canaryd.model.question import Failed, Question
from canaryd.model.snapshot import Sample, Snapshot
from canaryd.model.spec import Metric, Spec

SMALLEST_SLOT = timedelta(milliseconds=200)
LARGEST_SLOT = timedelta(seconds=1)
SLOTS = 50
"""So many slots in an interval: an answer is late by a fiftieth of it at most."""
LEFT_OUT = Failed(Answered.UNAVAILABLE, "the metrics server's answer left this Canary out")

Asked: TypeAlias = tuple[Metric | None, MetricsServer | None]
"""What a sample answers: the metric as it was complete then, and the Canary's own server."""


def asked_for(spec: Spec, name: str) -> Asked:
    """What a complete spec asks under a metric's name: once edited, it is another question."""
    named = (metric for metric in spec.analysis.metrics if metric.name == name)
    return next(named, None), spec.analysis.server


def aligned(at: datetime, interval: timedelta) -> datetime:
    """The first slot boundary not before `at`: Canaries with one rhythm share their queries."""
    slot = max(SMALLEST_SLOT, min(LARGEST_SLOT, interval / SLOTS)).total_seconds()
    seconds = at.timestamp()
    late = -seconds % slot
    return at + timedelta(seconds=late)


def question(snap: Snapshot, observe: Observe, due: datetime) -> Question | Sample:
    """The question, or at once the refusal of one that cannot be asked."""
    if observe.refusal:
        return Sample(
            observe.metric, Answered.REFUSED, due, observe.interval, detail=observe.refusal
        )
    spec, namespace = snap.spec, snap.key.namespace
    workload = spec.slot(observe.slot).deployment
    revision = snap.status.rollout.revision if snap.status.rollout else None
    query = observe.query
    if query is not None:
        variables = {
            "name": snap.key.name,
            "namespace": namespace,
            "target": workload,
            "canary": workload,
            "primary": spec.other(observe.slot).deployment,
            "service": snap.key.name,
            "revision": revision or "",
            "interval": promql_duration(observe.interval),
            "weight": str(snap.status.canary_weight),
            **{f"{OWN}{name}": value for name, value in observe.variables.items()},
        }
        try:
            query = render(query, variables)
        except ValueError as error:
            return Sample(
                observe.metric, Answered.REFUSED, due, observe.interval, detail=str(error)
            )
    return Question(
        key=snap.key,
        metric=observe.metric,
        query=query,
        namespace=namespace,
        workload=workload,
        revision=revision,
        window=observe.interval,
        due=due,
    )


def unanswered(question: Question, failed: Failed) -> Sample:
    """The sample of a question that never reached a metrics server."""
    return Sample(
        question.metric, failed.answered, question.due, question.window, detail=failed.detail
    )
