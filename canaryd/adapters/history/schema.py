"""The tables, as migrations: each runs once per file, in order, in a transaction of its own."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("canaryd")

TIMES = {"samples": "at", "steps": "entered_at", "notices": "at", "rollouts": "started_at"}
"""Every table, with the column that tells a row's age; what is missed least comes first."""

_OWNER = {"namespace": str, "canary": str}


@migrations()
def first(db: Database) -> None:
    """Make the tables.

    A notice's key holds its time: a Canary that is made anew counts from 1 again, while the same
    notice written twice is one row.
    """
    db.table("rollouts").create(
        {
            **_OWNER,
            "id": str,
            "revision": str,
            "images": str,
            "started_at": str,
            "ended_at": str,
            "outcome": str,
            "reason": str,
            "sentence": str,
        },
        pk=("namespace", "canary", "id"),
    )
    db.table("steps").create(
        {
            **_OWNER,
            "rollout": str,
            "step": int,
            "weight": int,
            "entered_at": str,
            "left_at": str,
        },
        pk=("namespace", "canary", "rollout", "step", "entered_at"),
    )
    db.table("notices").create(
        {
            **_OWNER,
            "seq": int,
            "at": str,
            "reason": str,
            "sentence": str,
            "severity": str,
            "phase": str,
            "weight": int,
            "rollout": str,
            "revision": str,
        },
        pk=("namespace", "canary", "seq", "at"),
    )
    db.table("samples").create(
        {
            **_OWNER,
            "rollout": str,
            "gate": str,
            "at": str,
            "verdict": str,
            "value": float,
            "sentence": str,
        },
        pk=("namespace", "canary", "rollout", "gate", "at"),
    )


@migrations()
def by_age(db: Database) -> None:
    """Find the oldest rows without reading all."""
    for table, column in TIMES.items():
        db.table(table).create_index([column])
