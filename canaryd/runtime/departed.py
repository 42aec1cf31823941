"""Objects that are gone: a late answer to an own write must not bring them back."""

from __future__ import annotations

from canaryd.wire.watch import Meta

REMEMBERED = 10_000
"""So many are remembered, in order of their end."""


class Departed:
    """By uid; with the version of one that is there but could not be understood, else None."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def note(self, uid: str, at: str | None) -> None:
        """One is gone; or is not to be seen as it was up to that version."""
        self._known.pop(uid, None)
        self._known[uid] = at
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def is_of(self, meta: Meta) -> bool:
        """Whether this is from before its end."""
        if meta.uid not in self._known:
            return False
        until, version = self._known[meta.uid], meta.resource_version
        if until is None:
            return True
        # Kubernetes orders versions as numbers; what is none is taken for new.
        return until.isdigit() and version.isdigit() and int(version) <= int(until)
