"""A status's notices on the wire, and what all parts of a status share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from sys import intern
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from canaryd.model.names import Revision
from canaryd.model.notice import Notice
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


def sharing(notices: Iterable[Notice], before: Notice | None = None) -> tuple[Notice, ...]:
    """The same notices, with one copy of what each says like the one before it.

    A Canary's twenty are half of the memory that it takes, and mostly of the same rollout.
    """
    made: list[Notice] = []
    for notice in notices:
        before = _like(notice, before)
        made.append(before)
    return tuple(made)


def _like(notice: Notice, before: Notice | None) -> Notice:
    same = before is not None and before.images == notice.images
    return replace(
        notice,
        reason=intern(notice.reason),
        phase=intern(notice.phase),
        rollout=notice.rollout and intern(notice.rollout),
        revision=notice.revision and Revision(intern(notice.revision)),
        images=before.images if before is not None and same else notice.images,
    )
