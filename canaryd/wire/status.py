"""The `status` of a Canary: what `model.status.Status` looks like on the wire, both ways.

Reading forgives what it does not know (fields of a later canaryd); writing never says anything that
the CRD would refuse: texts are clipped, and a status that is too large says its sentences shorter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
import orjson
from pydantic import Field, ValidationError

from canaryd.model.status import Phase, Status
from canaryd.wire.evidence import BackgroundStatus, EvidenceStatus, Forgiven
from canaryd.wire.instants import Instant, Word, clip
from canaryd.wire.notice import NoticeStatus, StatusPart, sharing
from canaryd.wire.sentences import sentences
from canaryd.wire.standing import (
    CapStatus,
    ConditionStatus,
    ContestStatus,
    GateStatus,
    HoldStatus,
    PromotedStatus,
    RejectedStatus,
    RolloutStatus,
    StepStatus,
    TargetStatus,
)

LARGEST_STATUS = 32 * 1024
SHORTER = (512, 256, 64)
"""To which lengths sentences are cut, one after the other, while a status is too large."""
FEWEST_NOTICES = 5
"""So many notices are kept in a status that is too large whatever is cut."""


class CanaryStatus(StatusPart):
    """What is read back of a status."""

    phase: Phase = Field(default=Phase.INITIALIZING, description="Where the Canary is.")
    observed_generation: int = Field(
        default=0, description="The Canary's generation that was last acted on."
    )
    canary_weight: int = Field(
        default=0, description="The canary's weight that was last written or seen, in per cent."
    )
    primary_slot: Word | None = Field(default=None, description="The slot that serves.")
    idle_slot: Word | None = Field(
        default=None, description="The slot to commit the next release to."
    )
    deployments: Annotated[dict[str, Word], Field(max_length=50)] = Field(
        default={}, description="The Deployment of each slot, as the spec last named it."
    )
    idle_revision: Word | None = Field(
        default=None, description="The idle slot's revision that was seen; another one is a push."
    )
    target: TargetStatus | None = Field(default=None, description="The idle slot's workload.")
    step: StepStatus | None = Field(default=None, description="The current step and its clock.")
    rollout: RolloutStatus | None = Field(default=None, description="The running rollout.")
    promoted: PromotedStatus | None = Field(default=None, description="The revision that serves.")
    swapped_at: Instant | None = Field(
        default=None, description="When the slots last changed their roles (RFC 3339)."
    )
    rejected: RejectedStatus | None = Field(
        default=None, description="The revision that was taken back."
    )
    hold: HoldStatus | None = Field(
        default=None, description="Why nothing advances; the most important reason."
    )
    cap: CapStatus | None = Field(default=None, description="What limits the canary's weight.")
    contest: ContestStatus | None = Field(default=None, description="Who else writes the weights.")
    gates: Annotated[list[GateStatus], Field(max_length=50)] = Field(
        default=[], description="What each check says."
    )
    evidence: Annotated[EvidenceStatus | None, Forgiven] = Field(
        default=None,
        description="What compare and objective have counted of this rollout; what cannot be read"
        " back begins anew.",
    )
    background: Annotated[BackgroundStatus | None, Forgiven] = Field(
        default=None,
        description="How much the pods that serve differ from one another, as last seen.",
    )
    conditions: Annotated[list[ConditionStatus], Field(max_length=50)] = Field(
        default=[],
        description="Kubernetes conditions: Ready, Promoted, Reconciling, Stalled and more.",
    )
    notices: Annotated[list[NoticeStatus], Field(max_length=50)] = Field(
        default=[],
        description="The last rollout's transitions and a few from before it, oldest first.",
    )
    delivered: Annotated[dict[str, int], Field(max_length=50)] = Field(
        default={}, description="The number of the last notice that each receiver has got."
    )


class ShownStatus(CanaryStatus):
    """What is true of the Canary; written by canaryd alone. People get some words more."""

    progress: Word | None = Field(
        default=None,
        description="The step for a person's eye, counted from 1: 3/5. Never read back.",
    )
    revision: Word | None = Field(
        default=None, description="The rollout's revision, else the promoted one. Never read back."
    )
    image: Word | None = Field(
        default=None, description="The first image of that revision. Never read back."
    )


def parse_status(raw: bytes) -> Status:
    """Read a status; raises ValueError with a sentence when it cannot be understood."""
    try:
        model = CanaryStatus.model_validate_json(raw)
    except ValidationError as error:
        message = "; ".join(sentences(error, "status"))
        raise ValueError(message) from error
    status = msgspec.convert(model, Status, from_attributes=True)
    return replace(status, notices=sharing(status.notices))


def render_status(status: Status) -> dict[str, Any]:
    """Return the status as JSON values: camelCase, no nulls but lost bets, at most 32 KiB."""
    return _fitting(shown(status))


def shown(status: Status) -> ShownStatus:
    """Return the status with the words for people."""
    model = ShownStatus.model_validate(status)
    rollout = status.rollout or status.promoted
    model.progress = f"{status.step.index + 1}/{status.step.count}" if status.step else None
    model.revision = rollout.revision if rollout else None
    model.image = next(iter(rollout.images.values()), None) if rollout else None
    return model


def _fitting(model: ShownStatus) -> dict[str, Any]:
    """Shorten words, never evidence; at last the oldest notices go.

    More than ten evidence gates over fifty steps can be larger than all words together.
    """
    wire = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    for limit in SHORTER:
        if _fits(wire):
            return wire
        for part in (*wire["gates"], *wire["conditions"]):
            part["message"] = clip(part["message"], limit)
        for notice in wire["notices"]:
            notice["sentence"] = clip(notice["sentence"], limit)
            notice.pop("images", None)
            notice.pop("gates", None)
    while len(wire["notices"]) > FEWEST_NOTICES and not _fits(wire):
        del wire["notices"][0]
    return wire


def _fits(wire: dict[str, Any]) -> bool:
    return len(orjson.dumps(wire)) <= LARGEST_STATUS
