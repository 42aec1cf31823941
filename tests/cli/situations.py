"""Canaries, statuses and Deployments in the situations that the command line meets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from canaryd.model.names import Revision, SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Condition,
    Gate,
    Hold,
    HoldReason,
    Phase,
    Promoted,
    Rejected,
    Rollout,
    Status,
    StepState,
    Verdict,
)
from canaryd.wire.status import render_status

Object = dict[str, Any]

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SERVING, SEEN, PUSHED, NEWER = (Revision(f"{name}-rev") for name in ("old", "seen", "new", "newer"))
V1, V2 = SlotName("v1"), SlotName("v2")
OLD_IMAGE, NEW_IMAGE = "stefanprodan/podinfo:6.7.1", "stefanprodan/podinfo:6.8.0"

SPEC: Object = {
    "slots": [
        {
            "name": name,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"podinfo-{name}"},
            "subset": name,
        }
        for name in ("v1", "v2")
    ],
    "virtualService": {"name": "podinfo"},
    "analysis": {
        "interval": "30s",
        "threshold": 3,
        "steps": [
            {"weight": 10, "for": "1m"},
            {"weight": 50, "for": "1m", "approval": True},
            {"weight": 100, "for": "1m"},
        ],
        "metrics": [
            {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "30s"}
        ],
    },
}


def notice(seq: int, reason: str, revision: str | None = PUSHED, sentence: str = "") -> Notice:
    """One transition, a second after the one before."""
    return Notice(
        seq=seq,
        reason=reason,
        sentence=sentence or f"{reason} of {revision}",
        severity=Severity.INFO,
        at=BEGAN + timedelta(seconds=seq),
        phase="Progressing",
        weight=Weight(0),
        rollout="podinfo-1",
        revision=Revision(revision) if revision else None,
    )


IDLE = Status(
    phase=Phase.IDLE,
    observed_generation=1,
    primary_slot=V1,
    idle_slot=V2,
    idle_revision=SEEN,
    promoted=Promoted(SERVING, BEGAN, {"podinfod": OLD_IMAGE}),
    notices=(notice(1, "TakenOver", None),),
    conditions=(Condition("Ready", "True", "Idle", "idle", BEGAN),),
)
"""Taken over at weight 0; nothing was pushed yet."""

STARTED = replace(
    IDLE,
    phase=Phase.PROGRESSING,
    idle_revision=PUSHED,
    rollout=Rollout("podinfo-1", PUSHED, BEGAN, previous=SEEN, images={"podinfod": NEW_IMAGE}),
    notices=(*IDLE.notices, notice(2, "RolloutStarted")),
)

STEPPING = replace(
    STARTED,
    canary_weight=Weight(10),
    step=StepState(0, 3, Weight(10), BEGAN, live_since=BEGAN, running_since=BEGAN),
    gates=(
        Gate(
            "request-success-rate",
            Verdict.PASS,
            "request-success-rate was 99.9 % over 30s, within its bound of at least 99 %",
            BEGAN,
            99.9,
        ),
    ),
    notices=(*STARTED.notices, notice(3, "StepEntered")),
)

APPROVAL = replace(
    STEPPING,
    canary_weight=Weight(50),
    step=StepState(1, 3, Weight(50), BEGAN, live_since=BEGAN, running_since=BEGAN),
    hold=Hold(HoldReason.APPROVAL_NEEDED, "step 2 of 3 (50 %) waits for approval: …", BEGAN),
    notices=(
        *STEPPING.notices,
        notice(4, "HoldStarted", PUSHED, "held for ApprovalNeeded: step 2"),
    ),
)

PROMOTED = replace(
    IDLE,
    primary_slot=V2,
    idle_slot=V1,
    idle_revision=SERVING,
    promoted=Promoted(PUSHED, BEGAN, {"podinfod": NEW_IMAGE}),
    notices=(*STEPPING.notices, notice(4, "Promoted")),
)

BAD = "podinfo-v2 rolled back from 10 %: failed check 3 of 3"
REJECTED = replace(
    IDLE,
    idle_revision=PUSHED,
    rejected=Rejected(PUSHED, "CheckFailed", BAD, BEGAN),
    notices=(*STEPPING.notices, notice(4, "RolledBack", PUSHED, BAD)),
    conditions=(Condition("Stalled", "True", "CheckFailed", BAD, BEGAN),),
)

PUT_BACK = replace(
    IDLE,
    notices=(*STEPPING.notices, notice(4, "Aborted", PUSHED, "podinfo-v2 was put back")),
)

SUPERSEDED = replace(
    STARTED,
    idle_revision=NEWER,
    rollout=Rollout("podinfo-2", NEWER, BEGAN),
    notices=(
        *STEPPING.notices,
        notice(4, "Superseded"),
        notice(5, "RolloutStarted", NEWER),
    ),
)

SERVING_CHANGED = replace(
    IDLE,
    promoted=Promoted(NEWER, BEGAN),
    notices=(
        *IDLE.notices,
        notice(2, "ServingSlotChanged", None, f"podinfo-v1 was changed ({NEWER}): not guarded"),
    ),
)

STALLED = replace(
    IDLE,
    conditions=(Condition("Stalled", "True", "RouteAmbiguous", "name the route", BEGAN),),
)


def canary(status: Status | None, *, uid: str = "u1", name: str = "podinfo", **spec: Any) -> Object:
    """A Canary in demo."""
    obj: Object = {
        "apiVersion": "canaryd.io/v1beta1",
        "kind": "Canary",
        "metadata": {
            "name": name,
            "namespace": "demo",
            "uid": uid,
            "generation": 1,
            "creationTimestamp": "2026-03-01T11:00:00Z",
        },
        "spec": SPEC | spec,
    }
    return obj if status is None else obj | {"status": render_status(status)}


def deployment(slot: str, image: str = OLD_IMAGE, *, number: int = 1, observed: int = 1) -> Object:
    """A slot's Deployment at its revision of that number; generation 1."""
    return {
        "metadata": {
            "name": f"podinfo-{slot}",
            "namespace": "demo",
            "uid": f"uid-{slot}",
            "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
        },
        "spec": {"replicas": 1, "template": _template(slot, image)},
        "status": {"observedGeneration": observed},
    }


def replicaset(slot: str, revision: str, image: str = OLD_IMAGE, *, number: int = 1) -> Object:
    """The ReplicaSet of a revision."""
    template = _template(slot, image)
    template["metadata"]["labels"]["pod-template-hash"] = revision
    return {
        "metadata": {
            "name": f"podinfo-{slot}-{revision}",
            "namespace": "demo",
            "labels": {"app": "podinfo", "version": slot, "pod-template-hash": revision},
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [
                {"kind": "Deployment", "name": f"podinfo-{slot}", "uid": f"uid-{slot}"}
            ],
        },
        "spec": {"template": template},
    }


def _template(slot: str, image: str) -> Object:
    return {
        "metadata": {"labels": {"app": "podinfo", "version": slot}},
        "spec": {"containers": [{"name": "podinfod", "image": image}]},
    }
