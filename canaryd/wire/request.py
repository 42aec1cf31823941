"""A CanaryRequest as people and pipelines write it, and the answer they read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field, ValidationError

from canaryd.model.decision import Answer, RequestState
from canaryd.model.names import Revision
from canaryd.model.snapshot import Request, Verb
from canaryd.wire.fields import INTEGRAL, Label, ObjectName
from canaryd.wire.instants import Instant, clip, instant
from canaryd.wire.rules import Rule, WireModel, always
from canaryd.wire.sentences import sentences
from canaryd.wire.watch import RequestObject


class CanaryRequestSpec(WireModel):
    """What a person or pipeline asks of a Canary; it cannot be changed, only asked anew."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            holds=always,  # only the API server knows what it was before
            cel="self == oldSelf",
            message="spec cannot be changed: create another CanaryRequest",
        ),
        Rule(
            holds=lambda spec: spec.step is not None or spec.verb != "approve",
            cel="has(self.step) || self.verb != 'approve'",
            message="step is required with verb approve: say which step, counted from 1",
        ),
        Rule(
            holds=lambda spec: spec.step is None or spec.verb == "approve",
            cel="!has(self.step) || self.verb == 'approve'",
            message="step only goes with verb approve: remove step",
        ),
    )
    canary: ObjectName = Field(
        description="The Canary's name, in the request's namespace. At most 253 characters."
    )
    verb: Literal["approve", "promote", "pause", "resume", "abort", "retry"] = Field(
        description="What is asked: approve a step, promote (skip the remaining steps), pause,"
        " resume, abort (take traffic back) or retry (try a rejected revision again)."
    )
    revision: Label = Field(
        description="The revision that is meant, as status shows it (pod-template-hash);"
        " a request for another one than is running is refused. At most 63 characters."
    )
    step: Annotated[int, Field(ge=1, le=100), INTEGRAL] | None = Field(
        default=None,
        description="The approved step, counted from 1. Only and always with verb approve.",
    )
    by: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        description="Who asks. At most 253 characters."
    )
    reason: Annotated[str, Field(max_length=1024)] = Field(
        default="",
        description="Why, in the asker's own words. At most 1024 characters. Default: none.",
    )


class CanaryRequestStatus(WireModel):
    """What became of the request; written by canaryd."""

    state: Literal["Pending", "Done", "Refused"] = Field(description="Pending, Done or Refused.")
    message: Annotated[str, Field(max_length=1024)] = Field(
        default="", description="What was done, or why not, in a sentence."
    )
    at: Instant | None = Field(default=None, description="When it was answered (RFC 3339).")


class _Answered(msgspec.Struct):
    state: str = ""


def parse_request(obj: RequestObject) -> Request | None:
    """Read a request; None when it is answered. Raises ValueError with a sentence if unreadable."""
    if answered(obj):
        return None
    created_at = obj.metadata.creation_timestamp
    if created_at is None:
        raise ValueError("metadata.creationTimestamp is missing")
    try:
        spec = CanaryRequestSpec.model_validate_json(bytes(obj.spec))
    except ValidationError as error:
        raise ValueError("; ".join(sentences(error))) from error
    return Request(
        name=obj.metadata.name,
        verb=Verb(spec.verb),
        revision=Revision(spec.revision),
        by=spec.by,
        created_at=created_at,
        step=spec.step,
        reason=spec.reason,
    )


def answered(obj: RequestObject) -> bool:
    """Tell whether the request has its answer; a status that makes no sense is none."""
    try:
        state = msgspec.json.decode(obj.status, type=_Answered | None)
    except msgspec.MsgspecError:
        return False
    return state is not None and state.state in {
        RequestState.DONE.value,
        RequestState.REFUSED.value,
    }


def render_answer(answer: Answer, at: datetime) -> dict[str, Any]:
    """Return the request's status that says the answer."""
    return {
        "state": answer.state.value,
        "message": clip(answer.message),
        "at": instant(at),
    }
