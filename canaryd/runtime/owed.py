"""What was decided and done, and is not in a written status yet: decisions go on from there.

A status may wait for the API server, fail, or be overtaken by news. What it says is true all the
same: a failed check was counted, traffic was taken back. Only a crash forgets it.
"""

from __future__ import annotations

from dataclasses import dataclass

from canaryd.model.names import Key
from canaryd.model.status import Status
from canaryd.runtime.view import CanaryView


@dataclass(frozen=True, slots=True)
class _Debt:
    uid: str
    stored: Status
    """Where it holds from: a Canary of which somebody else wrote the status is taken as it is."""
    decided: Status


class Owed:
    """At most one status a Canary, the latest."""

    def __init__(self) -> None:
        self._debts: dict[Key, _Debt] = {}

    def note(self, key: Key, uid: str, stored: Status, decided: Status) -> None:
        """This is about to be written in the place of what is stored."""
        self._debts[key] = _Debt(uid, stored, decided)

    def drop(self, key: Key) -> None:
        """It was written, or the Canary is gone."""
        self._debts.pop(key, None)

    def of(self, canary: CanaryView) -> Status | None:
        """The status that is to be written in the place of the stored one, if there is any."""
        debt = self._debts.get(canary.key)
        if debt is None:
            return None
        if debt.uid == canary.uid and (
            canary.status is debt.stored or canary.status == debt.stored
        ):
            return debt.decided
        del self._debts[canary.key]
        return None
