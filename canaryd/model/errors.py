"""The tree of errors; adapters translate every foreign error into one of these and chain it.

CanarydError
├── TransientError          goes away by itself: try again with backoff
│   ├── ConflictError       somebody wrote first; the object was re-read, decide again
│   ├── ThrottledError      the server asked for a pause (429, Retry-After)
│   └── UnreachableError    no usable answer at all
└── TerminalError           trying the same again cannot help
    ├── ForbiddenError      a permission is missing; says which
    ├── NotFoundError       the object is gone
    └── RefusedError        the server understood and said no; says why
"""

from __future__ import annotations

from datetime import timedelta


class CanarydError(Exception):
    """Anything canaryd raises on purpose; its text is a sentence for a person."""


class TransientError(CanarydError):
    """Goes away by itself: try again with backoff."""


class ConflictError(TransientError):
    """Somebody else wrote the object first."""


class OvertakenError(TransientError):
    """News came while the write waited for its turn: it was not sent, and is decided anew."""


class ThrottledError(TransientError):
    """The server asked for a pause of `retry_after`."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreachableError(TransientError):
    """The other side gave no usable answer: refused, timed out, cut or nonsense."""


class TerminalError(CanarydError):
    """Trying the same again cannot help."""


class ForbiddenError(TerminalError):
    """A permission is missing; the message names verb and resource."""


class NotFoundError(TerminalError):
    """The object is not there."""


class RefusedError(TerminalError):
    """The server understood and said no; the message says why."""
