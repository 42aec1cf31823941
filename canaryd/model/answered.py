"""What became of a question to a metrics server."""

from __future__ import annotations

from enum import Enum


class Answered(Enum):
    """What became of one question to the metrics server."""

    VALUE = "value"
    NO_DATA = "no data"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
