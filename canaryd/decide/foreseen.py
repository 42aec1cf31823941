"""Whether the world after a decision's own writes is the one that it foresaw: then it stands.

The answers of own writes come back as news; deciding on them again would say the same once more.
"""

from __future__ import annotations

from dataclasses import replace

from canaryd.model.decision import Action, Decision
from canaryd.model.names import FIELD_MANAGER
from canaryd.model.packed import NOTHING
from canaryd.model.snapshot import Routing, Snapshot
from canaryd.model.status import Phase, Status
from canaryd.model.tile import Counting


def stands(before: Snapshot, decision: Decision, after: Snapshot) -> bool:
    """Whether deciding upon `after` says nothing but what was decided upon `before`.

    Only what was written may differ between the two, and it must be as it was decided.
    Where a rollout begins or ends, something is held, people were heard or the spec was edited, it
    is looked at again in any case: that is rare.
    """
    return (
        before.generation == before.status.observed_generation
        and decision.status.hold is None
        and goes_on(before.status, decision.status)
        and not decision.answers
        and decided(after.status) == decided(decision.status)
        and routed_as(before.routing, decision.actions, after.routing)
        and nothing_counted(before.counting, after.counting)
        and given(before) == given(after)
    )


def goes_on(before: Status, after: Status) -> bool:
    """Whether one rollout goes on, in a new step or in one that is as live as it was."""
    if before.rollout is None or after.rollout is None:
        return False
    step, known = after.step, before.step
    if step is not None and known is not None and known.entered_at == step.entered_at:
        judged = known.live_since == step.live_since
    else:  # the new step's gates have looked already, unless one has missed something at once
        judged = all(gate.missing is None for gate in after.gates)
    return (
        judged
        and before.phase is after.phase is Phase.PROGRESSING
        and before.rollout.id == after.rollout.id
        and before.cap == after.cap
    )


def decided(status: Status) -> Status:
    """What of a status decisions make, and read again; the rest follows from it."""
    return replace(
        status,
        observed_generation=0,
        target=None,
        conditions=(),
        notices=(),
        delivered={},
    )


def given(snap: Snapshot) -> Snapshot:
    """What no decision makes."""
    return replace(
        snap,
        status=Status(),
        written=NOTHING,
        stored=None,
        resource_version="",
        routing=None,
        counting=Counting(),
    )


def routed_as(before: Routing | None, actions: tuple[Action, ...], after: Routing | None) -> bool:
    """Whether the route is as it was, but for what the actions gave."""
    if before is None or after is None:
        return before is after
    wanted = dict(before.weights)
    for action in actions:
        mine = before.raw(action.weight)
        wanted |= dict.fromkeys(wanted, before.total - mine) | {action.slot: mine}
    writer = FIELD_MANAGER if actions else before.writer
    foreseen = replace(before, weights=wanted, writer=writer, resource_version="")
    return replace(after, weights=dict(after.weights), resource_version="") == foreseen


def nothing_counted(before: Counting, after: Counting) -> bool:
    """Whether no tile came, and nothing else was learnt; tiles that are written are forgotten."""
    left = len(after.tiles)
    kept = before.tiles[len(before.tiles) - left :] if left <= len(before.tiles) else None
    return after.tiles == kept and replace(after, tiles=()) == replace(before, tiles=())
