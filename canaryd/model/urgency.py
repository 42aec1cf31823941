"""In which order writes that wait for the API server are let through."""

from __future__ import annotations

from enum import IntEnum


class Urgency(IntEnum):
    """What waits for what: the smaller goes first."""

    FALL = 0
    """Traffic leaves a canary; waits for no rate."""
    RISE = 1
    """Traffic goes to a canary."""
    STATE = 2
    """What is written down: a status, the answer to a request."""
    NEWS = 3
    """What is told: Events; and housekeeping."""
