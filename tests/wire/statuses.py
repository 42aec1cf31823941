"""Statuses of every kind, and what it means that two are the same."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from canaryd.model.evidence import (
    Bets,
    Evidence,
    GateEvidence,
    Refused,
    Strand,
    Tally,
)
from canaryd.model.gates import Counted
from canaryd.model.names import Revision, SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import (
    Condition,
    Gate,
    Hold,
    HoldReason,
    Phase,
    Rollout,
    Status,
    StepState,
    Verdict,
)
from canaryd.model.tile import Background, Edge

NOW = datetime(2026, 11, 21, 4, 10, 0, 7, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SECOND = timedelta(seconds=1)
NUMBERS = st.integers(-(2**53), 2**53)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: NUMBERS,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of the type, with nothing left at its default."""
    hint = getattr(hint, "__supertype__", hint)
    inner = get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(
            hint, **{field.name: values_of(hints[field.name]) for field in fields(hint)}
        )
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if get_origin(hint) is Mapping:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=3)
    if get_origin(hint) is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    return st.one_of(*map(values_of, inner))


STATUSES = values_of(Status)
EVIDENCE = values_of(Evidence)

STRAND = Strand(
    edge=None,
    worse=Bets((-math.inf, 0.1 + 0.2, 1e-300, 1.7976931348623157e308, math.log(1 / 3)), 0.5),
    fine=Bets((0.0, -1e16, 2.0**53, 123456789.125, -math.pi), 1 / 7),
    steps=(Tally(8.0, 1834.0, 31.0, 9911.0), Tally(0.5, 1e15, 1e22, 3.0)),
)
"""Numbers that are easily lost on the way."""

FULL = Status(
    phase=Phase.PROGRESSING,
    observed_generation=3,
    canary_weight=Weight(20),
    primary_slot=SlotName("v1"),
    idle_slot=SlotName("v2"),
    step=StepState(2, 5, Weight(20), NOW, stayed=timedelta(seconds=1, microseconds=500)),
    rollout=Rollout(
        "podinfo-7f9c-1",
        Revision("7f9c"),
        NOW,
        images={"podinfo": "ghcr.io/stefanprodan/podinfo:6.7.0"},
        failed_checks=1,
    ),
    hold=Hold(HoldReason.APPROVAL_NEEDED, "step 3 of 5 (20 %) waits for approval", NOW),
    gates=(Gate("queue", Verdict.FAIL, "0.333 is above 0.1", NOW, 1 / 3),),
    conditions=(Condition("Ready", "Unknown", "Progressing", "rolling out", NOW),),
    notices=(Notice(7, "StepEntered", "step 3", Severity.INFO, NOW, "Progressing", Weight(20)),),
    delivered={"ops": 6},
    evidence=Evidence(
        window=timedelta(seconds=10),
        counted_until=NOW,
        step=NOW,
        entered=3,
        gates=(
            GateEvidence("errors", Counted.ERRORS, (STRAND,)),
            GateEvidence("latency", Counted.LATENCY, (replace(STRAND, edge=0.5),)),
        ),
        changes=(NOW, NOW + timedelta(microseconds=1)),
        tiles=9,
        refused=Refused("WeightChanged", "the weight was changed in it", NOW, 2),
        expected=2**0.5,
        followed=Tally(0.0, 1834.0, 31.0, 2.0**60),
    ),
    background=Background(NOW, 3, 2.9999999999999996, 1.1, (Edge(250.0, 1 / 3, 5e-324),), 1e21),
)
"""The podinfo 90/10 case in mid-rollout."""


def bits(value: Any) -> Any:
    """The value with its floats as their bits."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if is_dataclass(value):
        return [bits(getattr(value, field.name)) for field in fields(value)]
    return [bits(inner) for inner in value] if isinstance(value, tuple) else value


def applied(before: Any, patch: Any) -> Any:
    """RFC 7386, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = applied(result.get(key), value)
    return result


def no_nulls(value: Any) -> bool:
    """Nor does a merge patch touch what is inside of a list; lost bets are nulls there."""
    if isinstance(value, dict):
        return all(name == "logs" or no_nulls(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(no_nulls(inner) for inner in value)
    return value is not None
