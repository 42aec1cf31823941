"""The database file: opened, written in batches, pruned; lives in one thread, knows no queue."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog
from sqlite_utils import Database

from canaryd.adapters.history.rows import Insert, Update, Value, Write, stamp
from canaryd.adapters.history.schema import TIMES, migrations

_log = structlog.stdlib.get_logger("canaryd.history")

PRUNED_AT_ONCE = 1_000
"""So few rows are removed in one transaction that writing goes on in between."""
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def broken(error: sqlite3.Error) -> bool:
    """Tell whether the file's content is damaged, as opposed to a full disk and the like."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BROKEN


class HistoryFile:
    """One open SQLite file in write-ahead mode."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; a damaged one is moved aside. Raises sqlite3.Error, OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            if not broken(error):
                raise
            self._db = self._anew(error)
        self.usable = True

    def write(self, batch: Sequence[Write]) -> None:
        """Write all rows in one transaction, or none; raises sqlite3.Error."""
        try:
            self._write(batch)
        except sqlite3.DatabaseError as error:
            if not broken(error):
                raise
            self.close()
            self._db = self._anew(error)
            self.usable = True
            self._write(batch)

    def prune(self, *, older_than: datetime, max_bytes: int) -> int:
        """Remove at most 1,000 rows that are too old or, oldest first, too many; say how many."""
        left = PRUNED_AT_ONCE
        with self._db.atomic():
            for table, column in TIMES.items():
                left -= self._remove(table, f'where "{column}" < ?', [stamp(older_than)], left)
            if left == PRUNED_AT_ONCE and self.size() > max_bytes:
                for table in TIMES:
                    left -= self._remove(table, "", [], PRUNED_AT_ONCE // len(TIMES))
        if left < PRUNED_AT_ONCE:
            # Gives back one page a step; `execute` takes only the first step.
            self._db.executescript("pragma incremental_vacuum")
        return PRUNED_AT_ONCE - left

    def size(self) -> int:
        """Bytes in use, without pages that wait to be given back."""
        pages, free, size = (
            int(self._db.execute(f"pragma {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def close(self) -> None:
        """Close the file; what it cannot do any more it leaves to the next opening."""
        self.usable = False
        with suppress(sqlite3.Error):
            self._db.close()

    def _open(self) -> Database:
        db = Database(self._path, execute_plugins=False)
        try:
            db.execute("pragma auto_vacuum = incremental")
            db.enable_wal()
            db.execute("pragma synchronous = normal")
            db.execute("pragma journal_size_limit = 8388608").fetchall()
            _check(db)
            migrations.apply(db)
        except BaseException:
            with suppress(sqlite3.Error):
                db.close()
            raise
        return db

    def _anew(self, error: sqlite3.Error) -> Database:
        aside = self._path.with_name(self._path.name + ".damaged")
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.replace(aside)
        _log.error(
            "the history file is damaged; moved aside, a new one is started",
            file=str(self._path),
            moved_to=str(aside),
            error=str(error),
        )
        return self._open()

    def _write(self, batch: Sequence[Write]) -> None:
        inserts: defaultdict[str, list[dict[str, Value]]] = defaultdict(list)
        updates: list[Update] = []
        for one in batch:
            if isinstance(one, Insert):
                inserts[one.table].append(one.row)
            else:
                updates.append(one)
        with self._db.atomic():
            for table, rows in inserts.items():
                self._db.table(table).insert_all(rows, ignore=True)
            for update in updates:
                self._update(update)

    def _update(self, update: Update) -> None:
        sets = ", ".join(f'"{name}" = ?' for name in update.changes)
        where = " and ".join(f'"{name}" = ?' for name in update.key)
        self._db.execute(
            f'update "{update.table}" set {sets} where {where} and "{update.only_null}" is null',  # noqa: S608 - names are ours
            [*_values(update.changes), *_values(update.key)],
        )

    def _remove(self, table: str, where: str, values: list[Value], most: int) -> int:
        if most <= 0:
            return 0
        oldest = f'select rowid from "{table}" {where} order by "{TIMES[table]}" limit {most}'  # noqa: S608
        return self._db.execute(f'delete from "{table}" where rowid in ({oldest})', values).rowcount  # noqa: S608


def _values(row: Mapping[str, Value]) -> list[Value]:
    return list(row.values())


def _check(db: Database) -> None:
    """Raise what SQLite itself raises when it meets a damaged page."""
    verdict = db.execute("pragma quick_check(1)").fetchone()[0]
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
