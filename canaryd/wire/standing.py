"""The parts of a Canary's status on the wire, but for its evidence and its notices."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from canaryd.model.status import CapReason, HoldReason, Verdict
from canaryd.wire.instants import Finite, Instant, Seconds, Sentence, Word
from canaryd.wire.notice import IMAGES, Images, StatusPart


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
    samples: Finite = Field(
        default=None, description="How many of the canary's requests compare and objective counted."
    )


class ConditionStatus(StatusPart):
    """A Kubernetes condition."""

    type: Word = Field(description="The condition's name.")
    status: Word = Field(description="True, False or Unknown.")
    reason: Word = Field(description="Why, as a name.")
    message: Sentence = Field(description="Why, in a sentence.")
    last_transition_time: Instant = Field(description="When status last changed (RFC 3339).")
    observed_generation: int = Field(
        default=0, description="The object's generation that this is about."
    )


class TargetStatus(StatusPart):
    """What was last seen of the idle slot's workload."""

    observed_generation: int = Field(description="The Deployment's generation.")
    revision: Word | None = Field(
        default=None, description="Its revision; missing while it has none yet."
    )
