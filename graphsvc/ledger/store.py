"""The ledger's database engines. All that is particular to SQLite is in this module.

One writer engine (a single connection, ``BEGIN IMMEDIATE``, WAL with ``synchronous=FULL``: a commit that returned is
on disk) and one reader engine that cannot write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from graphsvc.ledger.tables import metadata

_COMMON = ("foreign_keys=ON", "busy_timeout=10000", "temp_store=MEMORY", "mmap_size=268435456")
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=8000", *_COMMON)
_READER = (*_COMMON, "query_only=ON")


class Store:
    """The database below ``path``. Writing is the sequencer's alone; everyone may read."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self.writer = _engine(path, _WRITER, "BEGIN IMMEDIATE", poolclass=StaticPool)
        metadata.create_all(self.writer)
        self._readers = _engine(path, _READER, "BEGIN", poolclass=QueuePool, pool_size=8, max_overflow=56)

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
        """Close all connections."""
        self._readers.dispose()
        self.writer.dispose()


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that name every column, with values as the driver takes them (no JSON columns).

    A batch of the ledger inserts into the same few tables each time: their text is made once.
    """
    statement, order = _insertion(table, connection.dialect)
    if order is None:
        connection.exec_driver_sql(statement, list(rows))
    else:
        connection.exec_driver_sql(statement, [tuple([row[name] for name in order]) for row in rows])


@lru_cache(maxsize=64)
def _insertion(table: Table, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
    """The statement, and the order of its positional values (None: they go by name)."""
    compiled = insert(table).compile(dialect=dialect)
    order = getattr(compiled, "positiontup", None)
    return str(compiled), None if order is None else tuple(order)


def is_storage_failure(error: BaseException) -> bool:
    """Whether an error means that the disk or the database failed, as against a statement that was wrong."""
    if isinstance(error, OSError):
        return True
    return isinstance(error, DBAPIError) and type(error).__name__ in ("OperationalError", "DatabaseError")


def _engine(path: Path, pragmas: tuple[str, ...], begin: str, **pool: Any) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False}, **pool)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling would commit behind our back; we say BEGIN ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
