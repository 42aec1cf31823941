"""The `status` of a Canary: what `model.status.Status` looks like on the wire, both ways.

Reading forgives what it does not know (fields of a later canaryd); writing never says anything that
the CRD would refuse: texts are clipped, and a status that is too large says its sentences shorter.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
import orjson
from pydantic import Field, ValidationError

from canaryd.model.status import CapReason, HoldReason, Phase, Status, Verdict
from canaryd.wire.instants import Finite, Instant, Seconds, Sentence, Word, clip
from canaryd.wire.notice import IMAGES, Images, NoticeStatus, StatusPart
from canaryd.wire.sentences import sentences

LARGEST_STATUS = 32 * 1024
SHORTER = (512, 256, 64)
"""To which lengths sentences are cut, one after the other, while a status is too large."""


class HoldStatus(StatusPart):
    """Why nothing advances."""

    reason: HoldReason = Field(description="The hold's name.")
    message: Sentence = Field(description="The hold in a sentence.")
    since: Instant = Field(description="Since when (RFC 3339).")


class CapStatus(StatusPart):
    """What limits the canary's weight."""

    reason: CapReason = Field(description="The cap's name.")
    message: Sentence = Field(description="The cap in a sentence.")
    since: Instant = Field(description="Since when (RFC 3339).")
    weight: int = Field(default=0, description="The greatest weight allowed, in per cent.")
    ready_since: Instant | None = Field(
        default=None, description="Since when the canary is ready again without a break (RFC 3339)."
    )


class StepStatus(StatusPart):
    """The current step and its clock."""

    index: int = Field(description="The step, counted from 0; -1 before the first step.")
    count: int = Field(description="How many steps there are.")
    weight: int = Field(description="The step's weight, in per cent.")
    entered_at: Instant = Field(description="When the step began (RFC 3339).")
    live_since: Instant | None = Field(
        default=None,
        description="Since when the whole weight is at the router without a break (RFC 3339).",
    )
    running_since: Instant | None = Field(
        default=None,
        description="Since when the step's clock runs; missing while it stands still (RFC 3339).",
    )
    stayed: Seconds = Field(
        default=timedelta(),
        description="How long the step's clock ran before runningSince, in seconds.",
        alias="stayedSeconds",
    )


class FailureStatus(StatusPart):
    """Why the rollout is being taken back."""

    reason: Word = Field(description="The failure's name.")
    message: Sentence = Field(description="The failure in a sentence.")


class PauseStatus(StatusPart):
    """A person's wish that nothing advances."""

    by: Word = Field(description="Who asked.")
    reason: Sentence = Field(description="Why, in the asker's words.")
    at: Instant = Field(description="When (RFC 3339).")


class RolloutStatus(StatusPart):
    """The attempt to bring one revision from push to promoted or rejected."""

    id: Word = Field(description="The rollout's name.")
    revision: Word = Field(description="The revision that is judged (pod-template-hash).")
    started_at: Instant = Field(description="When it began (RFC 3339).")
    previous: Word | None = Field(
        default=None,
        description="The revision that the idle slot held before; putting it back is an abort.",
    )
    images: Images = Field(default={}, description=IMAGES)
    failed_checks: int = Field(default=0, description="How many checks have failed.")
    failed_at: Instant | None = Field(
        default=None, description="When the last check failed (RFC 3339)."
    )
    losses: int = Field(default=0, description="How often the canary lost all its ready pods.")
    unready_since: Instant | None = Field(
        default=None, description="Since when the canary is not ready without a break (RFC 3339)."
    )
    paused: PauseStatus | None = Field(default=None, description="Who paused it, and why.")
    approved_step: int | None = Field(
        default=None, description="The step that a person approved last."
    )
    skip_steps: bool = Field(
        default=False,
        description="Whether a person asked to skip the remaining steps.",
    )
    failure: FailureStatus | None = Field(default=None, description="Why it is being taken back.")


class PromotedStatus(StatusPart):
    """The revision that serves."""

    revision: Word = Field(description="The revision (pod-template-hash).")
    at: Instant = Field(description="When it was promoted (RFC 3339).")
    images: Images = Field(default={}, description=IMAGES)


class RejectedStatus(StatusPart):
    """A revision that is not tried again until it changes or a person asks."""

    revision: Word = Field(description="The revision (pod-template-hash).")
    reason: Word = Field(description="Why, as a name.")
    message: Sentence = Field(description="Why, in a sentence.")
    at: Instant = Field(description="When it was rejected (RFC 3339).")
    previous: Word | None = Field(
        None,
        description="The revision that the idle slot held before; putting it back is no push.",
    )


class ContestStatus(StatusPart):
    """Somebody else writes the weights."""

    writer: Word = Field(description="Who, by field manager.")
    first_at: Instant = Field(description="When it was first seen (RFC 3339).")
    last_at: Instant = Field(description="When it was last seen (RFC 3339).")
    count: int = Field(description="How many foreign writes were seen.")
    weight: int = Field(description="The least weight that was seen, in per cent.")


class MissingStatus(StatusPart):
    """Why a check has no value."""

    reason: HoldReason = Field(description="The hold that it leads to.")
    since: Instant = Field(description="Since when without a break (RFC 3339).")


class GateStatus(StatusPart):
    """What one check says."""

    name: Word = Field(description="The metric's name.")
    verdict: Verdict = Field(description="Pass, Fail, Undecided or NoData.")
    message: Sentence = Field(description="The verdict in a sentence, with value and bound.")
    at: Instant = Field(description="When the deciding sample was asked for (RFC 3339).")
    value: Finite = Field(default=None, description="The value, in the metric's unit.")
    missing: MissingStatus | None = Field(default=None, description="Why there is no value.")


class ConditionStatus(StatusPart):
    """A Kubernetes condition."""

    type: Word = Field(description="The condition's name.")
    status: Word = Field(description="True, False or Unknown.")
    reason: Word = Field(description="Why, as a name.")
    message: Sentence = Field(description="Why, in a sentence.")
    last_transition_time: Instant = Field(description="When status last changed (RFC 3339).")
    observed_generation: int = Field(
        default=0, description="The Canary's generation that this is about."
    )


class TargetStatus(StatusPart):
    """What was last seen of the idle slot's workload."""

    observed_generation: int = Field(description="The Deployment's generation.")
    revision: Word | None = Field(
        default=None, description="Its revision; missing while it has none yet."
    )


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
    idle_revision: Word | None = Field(
        default=None, description="The idle slot's revision that was seen; another one is a push."
    )
    target: TargetStatus | None = Field(default=None, description="The idle slot's workload.")
    step: StepStatus | None = Field(default=None, description="The current step and its clock.")
    rollout: RolloutStatus | None = Field(default=None, description="The running rollout.")
    promoted: PromotedStatus | None = Field(default=None, description="The revision that serves.")
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
    conditions: Annotated[list[ConditionStatus], Field(max_length=50)] = Field(
        default=[],
        description="Kubernetes conditions: Ready, Promoted, Reconciling, Stalled and more.",
    )
    notices: Annotated[list[NoticeStatus], Field(max_length=50)] = Field(
        default=[], description="The last transitions, oldest first."
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
    return msgspec.convert(model, Status, from_attributes=True)


def render_status(status: Status) -> dict[str, Any]:
    """Return the status as JSON values: camelCase, no nulls, at most 32 KiB."""
    model = ShownStatus.model_validate(status)
    rollout = status.rollout or status.promoted
    model.progress = f"{status.step.index + 1}/{status.step.count}" if status.step else None
    model.revision = rollout.revision if rollout else None
    model.image = next(iter(rollout.images.values()), None) if rollout else None
    return _fitting(model)


def _fitting(model: ShownStatus) -> dict[str, Any]:
    wire = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    for limit in SHORTER:
        if len(orjson.dumps(wire)) <= LARGEST_STATUS:
            return wire
        for part in (*wire["gates"], *wire["conditions"]):
            part["message"] = clip(part["message"], limit)
        for notice in wire["notices"]:
            notice["sentence"] = clip(notice["sentence"], limit)
            notice.pop("images", None)
            notice.pop("gates", None)
    return wire
