"""What was decided and done, and is not in a written status yet: decisions go on from there.

A status may wait for the API server, fail, or be overtaken by news. What it says is true all the
same: a failed check was counted, traffic was taken back. Only a crash forgets it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from canaryd.model.names import Key
from canaryd.model.status import Status
from canaryd.runtime.view import CanaryView

TRIED = 8
"""So many different statuses are known again, if one of their writes was done after all."""


@dataclass(frozen=True, slots=True)
class _Debt:
    uid: str
    stored: Status
    """Where it holds from: a Canary of which somebody else wrote the status is taken as it is."""
    decided: Status
    tried: tuple[Status, ...]


def _nobody(key: Key, before: Status, after: Status) -> None:
    """Nobody is told."""


class Owed:
    """At most one status a Canary, the latest."""

    def __init__(self) -> None:
        self.settled: Callable[[Key, Status, Status], object] = _nobody
        """Told of a write that was done although no answer came: the status before and after."""
        self._debts: dict[Key, _Debt] = {}

    def note(
        self, key: Key, uid: str, stored: Status, decided: Status, *, sent: bool = True
    ) -> None:
        """This is about to be written in the place of what is stored, or is not sent yet."""
        known = self._debts.get(key)
        tried = known.tried if known is not None and known.uid == uid else ()
        if sent and decided not in tried:
            tried = (*tried, decided)[-TRIED:]
        self._debts[key] = _Debt(uid, stored, decided, tried)

    def drop(self, key: Key) -> None:
        """It was written, or the Canary is gone."""
        self._debts.pop(key, None)

    def of(self, canary: CanaryView) -> Status | None:
        """The status that is to be written in the place of the stored one, if there is any."""
        key, status = canary.key, canary.status
        debt = self._debts.get(key)
        if debt is None or not isinstance(status, Status):
            return None
        if debt.uid == canary.uid and (status is debt.stored or status == debt.stored):
            return debt.decided
        del self._debts[key]
        if debt.uid != canary.uid or status not in debt.tried:
            return None
        self.settled(key, debt.stored, status)
        if status == debt.decided:
            return None
        self._debts[key] = replace(debt, stored=status)
        return debt.decided
