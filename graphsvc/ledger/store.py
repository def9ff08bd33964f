"""The ledger's database as the rest of the ledger sees it: one writer engine, readers that can't write, a lease.

:func:`graphsvc.ledger.opening.open_store` chooses the database; each kind has a module of its own
(:mod:`graphsvc.ledger.sqlite`, :mod:`graphsvc.ledger.postgres`).
"""

from __future__ import annotations

import errno
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from graphsvc.ledger.tables import metadata, schema_info
from graphsvc.model.errors import IntegrityError, Unavailable

SCHEMA_VERSION = 7
"""Goes up with every change to the tables that an older database lacks; see ADR 0032."""
_EACH, _TOGETHER = 8, 64
"""Up to so many rows there is a statement for each number; above, for powers of two, up to the second.

Eight tables have 88 statements so, and SQLite's driver keeps 128 prepared.
"""
_DISK_FULL = "53100"
_FAILING = ("08", "53", "57", "58", "XX")
"""Classes of SQLSTATE that mean that the server failed: connection, resources, intervention, system, internal."""


class Store(ABC):
    """One ledger's database. Only the sequencer writes; everyone may read."""

    def __init__(self, writer: Engine, readers: Engine) -> None:
        self.writer = writer
        self._readers = readers

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and cannot write."""
        with self._readers.connect() as connection:
            try:
                yield connection
            except BaseException:
                # A half-read cursor would keep its old snapshot alive for the connection's next user.
                connection.invalidate()
                raise

    def close(self) -> None:
        """Let go of the lease and close all connections."""
        self._readers.dispose()
        self.writer.dispose()

    @abstractmethod
    def fence(self, connection: Connection) -> None:
        """Within a writing transaction, before anything is written: raises Unavailable when another process leads."""

    def has_room(self) -> bool:
        """Whether writing is worth another try after the disk was full."""
        return True

    def forget(self) -> bool:
        """Remove what is left of deleted content in the files; False: not possible now. A server does so by itself."""
        return True

    @abstractmethod
    def leads(self) -> bool:
        """Whether this process is still the one that writes, as far as the database knows now."""


def prepare_tables(connection: Connection) -> None:
    """Make the tables that are missing in a database of this version. Raises IntegrityError for another version."""
    old = inspect(connection).get_table_names()
    if schema_info.name not in old and "entries" in old:
        raise IntegrityError("the ledger's database has no version: it is not of this program", code="schema_version")
    metadata.create_all(connection)
    found = connection.execute(select(schema_info.c.version)).scalar()
    if found is None:
        connection.execute(insert(schema_info), {"id": 1, "version": SCHEMA_VERSION})
    elif found != SCHEMA_VERSION:
        raise IntegrityError(
            f"the ledger's database has version {found}, this program reads {SCHEMA_VERSION}: use one that fits",
            code="schema_version",
        )


def insert_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of ``columns``, with values as the driver takes them (no JSON columns).

    Past SQLAlchemy, whose layers cost more than the statement. Each statement is one call of the driver for many rows:
    between calls another thread may take the interpreter lock, and a batch that had to win it back for every row would
    be slow on a busy server; PostgreSQL would be asked once for each. Raises the driver's own errors.
    """
    if not rows:
        return
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    quote = connection.dialect.identifier_preparer.quote
    cursor = connection.connection.cursor()
    try:
        done = 0
        while done < len(rows):
            count = _together(len(rows) - done)
            values = [value for row in rows[done : done + count] for value in row]
            cursor.execute(_insertion(table, columns, count, mark, quote), values)
            done += count
    finally:
        cursor.close()


def _together(left: int) -> int:
    """How many rows go into the next statement, of those that are left: few counts are in use."""
    return left if left <= _EACH else min(_TOGETHER, 1 << left.bit_length() - 1)


@lru_cache(maxsize=256)
def _insertion(table: Table, columns: tuple[str, ...], count: int, mark: str, quote: Callable[[str], str]) -> str:
    """The statement for ``count`` rows, the same text every time: the driver knows it again."""
    row = f"({', '.join([mark] * len(columns))})"
    names = ", ".join(map(quote, columns))
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES {', '.join([row] * count)}"  # noqa: S608


@contextmanager
def told_plainly(what: str) -> Iterator[None]:
    """Turn errors on opening a database into the service's own; ``what`` is what the database holds.

    Raises IntegrityError ``damaged``, Unavailable ``storage_full`` or ``storage_failed``.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        text = str(cause).lower()
        if isinstance(cause, sqlite3.DatabaseError) and ("not a database" in text or "malformed" in text):
            raise IntegrityError(f"the database of {what} is damaged: restore a backup", code="damaged") from None
        if "full" in text or "no space" in text:
            raise Unavailable(f"there is no room to open {what}: make room", code="storage_full") from None
        why = "it can't be written" if "readonly" in text or "read-only" in text else type(cause).__name__
        message = f"{what} can't be opened: {why}; look at the disk and at who owns the files"
        raise Unavailable(message, code="storage_failed") from None


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or a cause of it, means that there was no room, so that surely nothing was written.

    A failed flush of the database is no such error: after it nobody knows what the disk holds.
    """
    seen = 0
    while error is not None and seen < 8:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
            return True
        if _told(error).get("C") == _DISK_FULL:
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def is_storage_failure(error: BaseException) -> bool:
    """Whether an error means that the disk or the database failed, as against a statement that was wrong."""
    if isinstance(error, OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if told := _told(error):
        return str(told.get("C", "XX")).startswith(_FAILING)
    return type(error).__name__ in ("OperationalError", "DatabaseError", "InterfaceError")


def _told(error: BaseException) -> Mapping[str, str]:
    """PostgreSQL's own report on an error, from the driver or as SQLAlchemy hands it on; empty for any other."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    told = cause.args[0] if cause is not None and cause.args else None
    return told if isinstance(told, dict) else {}
