"""Reads the history for people, beside the daemon that writes it; changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

from canaryd.adapters.history.rows import Value
from canaryd.model.names import Key

Row = Mapping[str, Value]


@contextmanager
def read_only(path: Path) -> Iterator[Database]:
    """Open the file for reading; raises sqlite3.Error when it is not there or not ours."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    try:
        yield Database(connection, execute_plugins=False, recursive_triggers=False)
    finally:
        connection.close()


def rollouts(db: Database, key: Key, *, limit: int = 50) -> list[Row]:
    """A Canary's rollouts, the latest first."""
    return _of(db, "rollouts", key, "started_at desc, rowid desc", limit)


def notices(db: Database, key: Key, *, limit: int = 50) -> list[Row]:
    """A Canary's notices, the latest first."""
    return _of(db, "notices", key, "at desc, seq desc", limit)


def steps(db: Database, key: Key, rollout: str) -> list[Row]:
    """A rollout's steps in the order in which they were entered."""
    return _within(db, "steps", key, rollout, "entered_at, rowid")


def samples(db: Database, key: Key, rollout: str) -> list[Row]:
    """What the gates said at a rollout's transitions, in order."""
    return _within(db, "samples", key, rollout, "at, rowid")


def _of(db: Database, table: str, key: Key, order: str, limit: int) -> list[Row]:
    found = db.table(table).rows_where(
        "namespace = ? and canary = ?", [key.namespace, key.name], order_by=order, limit=limit
    )
    return list(found)


def _within(db: Database, table: str, key: Key, rollout: str, order: str) -> list[Row]:
    found = db.table(table).rows_where(
        "namespace = ? and canary = ? and rollout = ?",
        [key.namespace, key.name, rollout],
        order_by=order,
    )
    return list(found)
