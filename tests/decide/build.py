"""Builders: a Canary of two slots as one decision sees it, at rest or in mid-rollout."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from canaryd.model.answered import Answered
from canaryd.model.decision import Decision
from canaryd.model.names import FIELD_MANAGER, Key, Revision, SlotName, Weight
from canaryd.model.snapshot import Request, Routing, Sample, Snapshot, Verb, Workload
from canaryd.model.spec import (
    SUCCESS_RATE,
    Analysis,
    Bounds,
    Metric,
    MissingPolicy,
    Otherwise,
    Slot,
    Spec,
    Step,
)
from canaryd.model.status import HoldReason, Phase, Promoted, Rollout, Status, StepState, Target

T0 = datetime(2030, 1, 1, tzinfo=UTC)
V1, V2 = SlotName("v1"), SlotName("v2")
OLD, NEW, SEEN, OTHER = Revision("old"), Revision("new"), Revision("seen"), Revision("other")
MINUTE = timedelta(minutes=1)
RATE = Metric(SUCCESS_RATE, Bounds(minimum=99), MINUTE)


def sec(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def steps(*weights: int, least: timedelta = MINUTE) -> tuple[Step, ...]:
    return tuple(Step(Weight(weight), least) for weight in weights)


HOLD = MissingPolicy(timedelta(minutes=10), Otherwise.HOLD)


def an_analysis(**changes: Any) -> Analysis:
    base = Analysis(
        interval=MINUTE,
        threshold=2,
        steps=steps(10, 50, 100),
        metrics=(RATE,),
        ready_threshold=100,
        no_data=HOLD,
        unavailable=replace(HOLD, after=timedelta(minutes=30)),
    )
    return replace(base, **changes)


def a_spec(analysis: Analysis | None = None, **changes: Any) -> Spec:
    base = Spec(
        slots=(Slot(V1, "podinfo-v1", "v1"), Slot(V2, "podinfo-v2", "v2")),
        virtual_service="podinfo",
        route=None,
        analysis=analysis or an_analysis(),
        progress_deadline=timedelta(minutes=10),
    )
    return replace(base, **changes)


def a_workload(name: str, revision: Revision | None, ready: int = 3, **changes: Any) -> Workload:
    base = Workload(
        name=name,
        revision=revision,
        last_revision=revision,
        images={"podinfo": f"ghcr.io/podinfo:{revision}"},
        replicas=3,
        ready=ready,
        generation=1,
    )
    return replace(base, **changes)


PRIMARY, CANARY = a_workload("podinfo-v1", OLD), a_workload("podinfo-v2", NEW)


def weights(canary: int, total: int = 100, writer: str | None = FIELD_MANAGER) -> Routing:
    return Routing({V1: total - canary, V2: canary}, total, "1", writer)


IDLE = Status(
    phase=Phase.IDLE,
    primary_slot=V1,
    idle_slot=V2,
    idle_revision=SEEN,
    promoted=Promoted(OLD, T0, PRIMARY.images),
    target=Target(1, NEW),
)


def a_snapshot(**changes: Any) -> Snapshot:
    """v1 serves `old`, v2 is idle and was just pushed `new`; nothing has been decided about it."""
    base = Snapshot(
        key=Key("demo", "podinfo"),
        uid="u",
        generation=1,
        spec=a_spec(),
        status=IDLE,
        workloads={V1: PRIMARY, V2: CANARY},
        routing=weights(0),
    )
    return replace(base, **changes)


def with_work(
    snap: Snapshot, *, canary: Workload = CANARY, primary: Workload = PRIMARY
) -> Snapshot:
    return replace(snap, workloads={V1: primary, V2: canary})


ROLLOUT = Rollout("podinfo-new-1", NEW, T0, previous=SEEN, images=CANARY.images)


def started(**rollout: Any) -> Status:
    """A rollout of `new` that has not entered a step."""
    return replace(
        IDLE, phase=Phase.PROGRESSING, idle_revision=NEW, rollout=replace(ROLLOUT, **rollout)
    )


def step_state(index: int = 0, weight: int = 10, count: int = 3) -> StepState:
    return StepState(index, count, Weight(weight), T0, live_since=T0, running_since=T0)


def at_step(index: int = 0, *, rollout: Any = None, status: Any = None, **changes: Any) -> Snapshot:
    """In a step of the default walk since T0, its weight live."""
    weight = (10, 50, 100)[index] if index >= 0 else 5
    state = replace(
        started(**(rollout or {})), step=step_state(index, weight), canary_weight=Weight(weight)
    )
    known = {"status": replace(state, **(status or {})), "routing": weights(weight)}
    return a_snapshot(**(known | changes))


def at_rest(**changes: Any) -> Snapshot:
    """Nothing new: the idle slot holds what was seen."""
    snap = a_snapshot(**changes)
    return with_work(snap, canary=a_workload("podinfo-v2", SEEN))


def a_sample(value: float | None = 100.0, at: float = 60, **changes: Any) -> Sample:
    """An answer of the success rate, asked for `at` seconds after T0."""
    answered = Answered.VALUE if value is not None else Answered.NO_DATA
    detail = "" if value is not None else "no series"
    base = Sample(SUCCESS_RATE, answered, T0 + sec(at), MINUTE, value, detail)
    return replace(base, **changes)


def answers(*samples: Sample) -> dict[str, Sample]:
    return {sample.metric: sample for sample in samples or (a_sample(),)}


def ask(verb: Verb, revision: Revision = NEW, **changes: Any) -> Request:
    base = Request(f"podinfo-{verb.value}-1", verb, revision, "ann@example.com", T0)
    return replace(base, **changes)


def told(decision: Decision) -> list[str]:
    """The reasons of the notices, in order."""
    return [news.reason for news in decision.tidings]


def written(decision: Decision) -> list[int]:
    """The weights that are written."""
    return [action.weight for action in decision.actions]


def held(decision: Decision) -> HoldReason | None:
    """The hold that is shown."""
    return decision.status.hold.reason if decision.status.hold else None
