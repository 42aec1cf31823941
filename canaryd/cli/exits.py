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

    exit_code = int(Code.ERROR)


class NoCanary(Stop):
    """There is no Canary of that name."""

    exit_code = int(Code.NO_CANARY)


class NoAnswer(Stop):
    """A request was not answered in time."""

    exit_code = int(Code.TIMED_OUT)
