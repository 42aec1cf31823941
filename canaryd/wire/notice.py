"""A status's notices on the wire, and what all parts of a status share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from canaryd.model.spec import Severity
from canaryd.wire.instants import Instant, Sentence, Word

Images = Annotated[dict[str, Word], Field(max_length=50)]
IMAGES = "The container images, by container."


class StatusPart(BaseModel):
    """A part of a status: written by canaryd alone, read back forgivingly."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", from_attributes=True
    )


class NoticeStatus(StatusPart):
    """One transition, as it was told."""

    seq: int = Field(description="The notice's number, rising, never used twice.")
    reason: Word = Field(description="The transition's name.")
    sentence: Sentence = Field(description="The transition in a sentence.")
    severity: Severity = Field(description="info, warn or error.")
    at: Instant = Field(description="When (RFC 3339).")
    phase: Word = Field(description="The phase afterwards.")
    weight: int = Field(description="The canary's weight afterwards, in per cent.")
    rollout: Word | None = Field(default=None, description="The rollout's name.")
    revision: Word | None = Field(default=None, description="The revision (pod-template-hash).")
    images: Images = Field(default={}, description=IMAGES)
    gates: Annotated[list[Sentence], Field(max_length=20)] = Field(
        default=[], description="What the gates said at that moment."
    )
