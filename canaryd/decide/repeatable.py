"""Whether a status that waits to be written may be left unwritten when there is news."""

from __future__ import annotations

from canaryd.model.status import Rollout, Status


def repeatable(before: Status, after: Status) -> bool:
    """Whether a decision on newer answers comes to all that `after` says.

    It does not where the answers before them were counted: failed checks, losses of the canary's
    pods, since when something is missing; nor where a rollout failed or ended by them.
    """
    if (before.cap, before.contest) != (after.cap, after.contest):
        return False
    if after.rollout is None:
        return before.rollout is None
    return _missing(before) == _missing(after) and (
        _counted(before.rollout, after.rollout.id) == _counted(after.rollout, after.rollout.id)
    )


def _counted(rollout: Rollout | None, wanted: str) -> object:
    if rollout is None or rollout.id != wanted:
        return (0, None, 0, None)
    return (rollout.failed_checks, rollout.failed_at, rollout.losses, rollout.failure)


def _missing(status: Status) -> object:
    return {gate.name: gate.missing for gate in status.gates if gate.missing is not None}
