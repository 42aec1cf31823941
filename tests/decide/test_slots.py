"""Slots that get other names in the spec: other slots, or the same ones exchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.decide.outcome import next_status
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Snapshot
from tests.decide.build import (
    CANARY,
    IDLE,
    OTHER,
    PRIMARY,
    T0,
    V1,
    V2,
    a_spec,
    at_rest,
    at_step,
    told,
    weights,
    written,
)


def test_slots_of_another_name_are_taken_over_anew() -> None:
    spec = a_spec()
    blue = SlotName("blue")
    snap = at_step(1, spec=replace(spec, slots=(spec.slots[0], replace(spec.slots[1], name=blue))))
    routing = replace(weights(50), weights={V1: 50, blue: 50})
    work = {V1: PRIMARY, blue: CANARY}
    decision = decide(replace(snap, workloads=work, routing=routing), T0)
    assert (decision.status.idle_slot, told(decision)) == (blue, ["RolloutStarted", "WeightSet"])


@pytest.mark.parametrize(
    "idle",
    [
        {},
        {"revision": OTHER},
        {"revision": None, "moved": True},
        {"revision": None, "paused": True},
    ],
    ids=["nothing else", "with a push", "with a push that has no name", "paused"],
)
@pytest.mark.parametrize(
    ("before", "weight"),
    [(at_rest(status=IDLE), 0), (at_step(1), 50)],
    ids=["at rest", "in a step"],
)
def test_slots_that_exchange_their_names_in_the_spec_keep_their_roles(
    before: Snapshot, weight: int, idle: dict[str, Any]
) -> None:
    first, second = before.spec.slots
    known = next_status(before, decide(before, T0), T0, problems=(), delivered={})
    turned = replace(
        before,
        spec=replace(before.spec, slots=(replace(second, name=V1), replace(first, name=V2))),
        status=known,
        workloads={V1: replace(before.workloads[V2], **idle), V2: before.workloads[V1]},
        routing=weights(100 - weight),
    )
    decision = decide(turned, T0)
    assert (decision.status.primary_slot, decision.status.idle_slot) == (V2, V1)
    assert {action.slot for action in decision.actions} <= {V1}
    assert max(written(decision), default=0) == 0, "a push gets no traffic, and nothing rises"
    assert "ServingSlotChanged" not in told(decision)
    if not idle:
        assert (written(decision), told(decision)) == ([], [])
    written_down = next_status(turned, decision, T0, problems=(), delivered={})
    assert written_down.deployments == {V1: "podinfo-v2", V2: "podinfo-v1"}
