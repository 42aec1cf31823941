"""Keeps a history in a real file for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from canaryd.adapters.history.writer import SqliteHistory
from canaryd.model.status import Phase, Status
from tests.adapters.fakes import HandClock

MINUTE = timedelta(minutes=1)
IDLE = Status(phase=Phase.IDLE)


class Losses(list[int]):
    """How many rows were lost each time."""


@contextmanager
def history(directory: Path, losses: Losses | None = None) -> Iterator[SqliteHistory]:
    lost = losses if losses is not None else Losses()
    made = SqliteHistory(
        directory,
        clock=HandClock(),
        lost=lost.append,
        pause=timedelta(milliseconds=5),
    )
    made.start()
    try:
        yield made
    finally:
        made.close()
