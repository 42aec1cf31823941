"""How commands end: exit codes, and the one sentence that goes to stderr with them."""

from __future__ import annotations

from enum import IntEnum

import click


class Code(IntEnum):
    """What a command's exit code says; pipelines branch on it, so that none changes its meaning."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    TAKEN_BACK = 3
    TIMED_OUT = 4
    SUPERSEDED = 5
    HELD = 6
    NO_CANARY = 7
    INTERRUPTED = 130


class Stop(click.ClickException):
    """Ends a command with a sentence on stderr."""

    def __init__(self, message: str, code: Code = Code.ERROR) -> None:
        super().__init__(message)
        self.exit_code = int(code)
