"""The decision in the making: a status that each stage replaces, and what to say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from canaryd.model.decision import Answer
from canaryd.model.names import ALL_TRAFFIC, NO_TRAFFIC, SlotName, Weight
from canaryd.model.notice import TOLD_GATES, Tidings
from canaryd.model.snapshot import Routing, Snapshot, Workload
from canaryd.model.spec import Severity
from canaryd.model.status import Gate, HoldReason, Phase, Rollout, Status


@dataclass(frozen=True, slots=True)
class EnterStep:
    """Go on to the step of this index."""

    index: int


@dataclass(frozen=True, slots=True)
class Promote:
    """Give the canary everything and swap the roles."""


Advance: TypeAlias = EnterStep | Promote
T = TypeVar("T")


def sure(value: T | None) -> T:
    """Return what must be there by now; that it is missing would be a bug of the engine."""
    if value is None:
        raise LookupError("the engine asked for something that is not there yet")
    return value


def _is(had: object, value: object) -> bool:
    return had is value or had == value


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything decided so far.

    `ceiling` and `floor` are what the brakes leave of a rise or a fall.
    `advance` is what comes next if no brake takes it away.
    """

    snap: Snapshot
    now: datetime
    status: Status
    advance: Advance | None = None
    holds: tuple[tuple[HoldReason, str], ...] = ()
    tidings: tuple[Tidings, ...] = ()
    answers: tuple[Answer, ...] = ()
    wakes: tuple[datetime, ...] = ()
    ceiling: Weight = ALL_TRAFFIC
    floor: Weight = NO_TRAFFIC

    @property
    def rollout(self) -> Rollout:
        """The running rollout; only asked for when there is one."""
        return sure(self.status.rollout)

    @property
    def slot(self) -> SlotName:
        """The idle slot, which is the canary's."""
        return sure(self.status.idle_slot)

    @property
    def canary(self) -> Workload:
        """The workload of the idle slot."""
        return self.snap.workloads[self.slot]

    @property
    def primary(self) -> Workload:
        """The workload of the serving slot."""
        return self.snap.workloads[sure(self.status.primary_slot)]

    @property
    def routing(self) -> Routing:
        """The router's state; a missing one is a problem that stops before this is asked."""
        return sure(self.snap.routing)

    @property
    def observed(self) -> Weight:
        """The canary's share that the router shows, in the terms it was written in.

        Where the pair's sum is not 100, the share that comes back is a rounded one.
        """
        if self.snap.routing is None:
            return self.status.canary_weight
        step = self.status.step
        for weight in (self.status.canary_weight, step.weight if step else NO_TRAFFIC):
            if self.routing.shows(self.slot, weight):
                return weight
        return self.routing.share(self.slot)

    @property
    def running(self) -> bool:
        """Whether a rollout wants to go forward."""
        return self.status.phase in (Phase.PROGRESSING, Phase.PROMOTING)

    @property
    def ready(self) -> bool:
        """Whether enough of the canary's pods are ready for a rise."""
        return self.canary.ready >= self.needed

    @property
    def needed(self) -> int:
        """How many of the canary's pods must be ready; at least one, always."""
        per_cent = self.snap.spec.analysis.ready_threshold
        return max(1, -(-self.canary.replicas * per_cent // 100))

    def change(self, **changes: Any) -> Draft:  # noqa: ANN401 - the fields of a Status
        """Return a draft whose status has these fields replaced; itself if it has them already."""
        if all(_is(getattr(self.status, name), value) for name, value in changes.items()):
            return self
        return replace(self, status=replace(self.status, **changes))

    def change_rollout(self, **changes: Any) -> Draft:  # noqa: ANN401 - the fields of a Rollout
        """Return a draft whose rollout has these fields replaced; itself if it has them already."""
        if all(_is(getattr(self.rollout, name), value) for name, value in changes.items()):
            return self
        return self.change(rollout=replace(self.rollout, **changes))

    def tell(
        self,
        reason: str,
        sentence: str,
        severity: Severity = Severity.INFO,
        *,
        gates: tuple[Gate, ...] | None = None,
    ) -> Draft:
        """Return a draft that tells of a transition of the running rollout, if there is one."""
        rollout, judged = self.status.rollout, self.status.gates if gates is None else gates
        tidings = Tidings(
            reason=reason,
            sentence=sentence,
            severity=severity,
            rollout=rollout.id if rollout else None,
            revision=rollout.revision if rollout else None,
            gates=tuple(gate.message for gate in judged[:TOLD_GATES]),
        )
        return replace(self, tidings=(*self.tidings, tidings))

    def hold(self, reason: HoldReason, message: str) -> Draft:
        """Return a draft that does not advance, and says why."""
        return replace(self, advance=None, holds=(*self.holds, (reason, message)))

    def brake(self, reason: HoldReason, message: str) -> Draft:
        """Return a draft that holds and keeps the weight from rising."""
        return replace(self.hold(reason, message), ceiling=min(self.ceiling, self.observed))

    def wake(self, at: datetime) -> Draft:
        """Return a draft that asks to be decided again at that instant."""
        return replace(self, wakes=(*self.wakes, at))


Stage: TypeAlias = Callable[[Draft], Draft]
"""A small fact about the world, turned into a changed draft."""
