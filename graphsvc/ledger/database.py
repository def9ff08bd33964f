"""Copies of a whole ledger from one kind of database to another, table by table, through the same table definitions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, insert, select

from graphsvc.ledger.tables import LOCAL, metadata

_ROWS = 500


def copy_database(source: Connection, target: Connection) -> None:
    """Copy all rows, except those about the database itself (version, leases), into a target whose tables are empty."""
    for table in metadata.sorted_tables:
        if table.name in LOCAL:
            continue
        result = source.execution_options(yield_per=_ROWS).execute(select(table))
        for rows in result.mappings().partitions(_ROWS):
            target.execute(insert(table), [dict(row) for row in rows])


def snapshot_head(path: Path) -> tuple[int, str]:
    """The size and the signed note of the newest checkpoint in a snapshot; (0, "") in an empty one."""
    database = sqlite3.connect(path)
    try:
        found = database.execute("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    finally:
        database.close()
    return (0, "") if found is None else (int(found[0]), str(found[1]))


def first_of(path: Path, kind: str, after: int) -> str | None:
    """When the first entry of a type after entry ``after`` was written (RFC 3339), in a SQLite ledger; None: no such.

    Needs no open ledger. A database that can't be read also gives None: opening the ledger then says what is wrong.
    """
    database = sqlite3.connect(path)
    try:
        query = 'SELECT t FROM entries WHERE type = ? AND "index" > ? ORDER BY "index" LIMIT 1'
        found = database.execute(query, (kind, after)).fetchone()
    except sqlite3.Error:
        return None
    finally:
        database.close()
    return None if found is None else str(found[0])
