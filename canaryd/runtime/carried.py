"""How far a decision was carried out."""

from __future__ import annotations

from enum import Enum


class Carried(Enum):
    """What is left to do after one reconcile."""

    OUT = "out"
    """All of it is written; what came meanwhile is news."""
    STANDS = "stands"
    """All of it is written, and nothing but that came meanwhile."""
    NOT_YET = "not yet"
    """It waits for its turn, and will be queued again."""
