"""Numbers that tell whether anything of a kind in a namespace came, went or changed."""

from __future__ import annotations

from itertools import count

NONE_THERE = 0
"""The stamp where there is nothing: it is always the same nothing."""


class Stamps:
    """One count for all, so that no stamp is ever given twice; nothing is kept of what is empty."""

    def __init__(self) -> None:
        self._numbers = count(NONE_THERE + 1)
        self._known: dict[tuple[str, str], tuple[int, int]] = {}
        """How many objects there are, and the stamp at which they are these."""

    def of(self, kind: str, namespace: str) -> int:
        """The stamp as it is now."""
        return self._known.get((kind, namespace), (0, NONE_THERE))[1]

    def change(self, kind: str, namespace: str, *, more: int = 0) -> None:
        """An object changed, or there are so many more of them than before."""
        there = self._known.get((kind, namespace), (0, NONE_THERE))[0] + more
        if there:
            self._known[kind, namespace] = (there, next(self._numbers))
        else:
            self._known.pop((kind, namespace), None)
