"""The ledger in SQLite: one writing connection (``BEGIN IMMEDIATE``, WAL with ``synchronous=FULL``: a commit that
returned is on disk) and readers that cannot write. One process per directory, by a lock on a file.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from graphsvc.ledger.store import Store, prepare_tables

COMMON = ("foreign_keys=ON", "busy_timeout=10000", "temp_store=MEMORY", "mmap_size=268435456")
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=8000", "secure_delete=ON", *COMMON)
"""Deleted content is overwritten with zeros: reasons for rejections may quote rows that are erased."""
_FORGET_SECONDS = 2.0
"""At most this many seconds to wait for readers before the write-ahead log is emptied: writing waits meanwhile."""
_BATCH = 2 << 20
"""Bytes that a batch may need in the write-ahead log."""
_READER = (*COMMON, "query_only=ON")


class SqliteStore(Store):
    """The database in the file ``path``."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._path = path
        super().__init__(
            sqlite_engine(path, _WRITER, "BEGIN IMMEDIATE", poolclass=StaticPool),
            sqlite_engine(path, _READER, "BEGIN", poolclass=QueuePool, pool_size=8, max_overflow=56),
        )
        with self.writer.begin() as connection:
            prepare_tables(connection)

    def fence(self, connection: Connection) -> None:
        """Nothing to check: the directory's lock and the immediate transaction keep others out."""

    def has_room(self) -> bool:
        """Try to write as much as a large batch needs; what the system reports as free ignores quotas."""
        try:
            with tempfile.TemporaryFile(dir=self._path.parent) as probe:
                probe.write(bytes(_BATCH))
                probe.flush()
        except OSError:
            return False
        return True

    def forget(self) -> bool:
        """Empty the write-ahead log, which still has pages from before something in them was overwritten."""
        database = sqlite3.connect(self._path, isolation_level=None, timeout=_FORGET_SECONDS)
        try:
            (busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        finally:
            database.close()
        return not busy

    def leads(self) -> bool:
        """The holder of the directory's lock leads."""
        return True


def copy_file(source: Path, target: Path) -> None:
    """Copy a database with SQLite's own backup, in one step, while others may write. Raises OSError."""
    reading, writing = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        reading.backup(writing)
        # One file that is whole by itself, without a log beside it.
        writing.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise OSError(f"the ledger can't be copied: {error}") from None
    finally:
        reading.close()
        writing.close()


def sqlite_engine(path: Path, pragmas: tuple[str, ...], begin: str, **pool: Any) -> Engine:
    """An engine on a file; each connection begins with ``pragmas``, each transaction with ``begin``."""
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
        # Straight to the driver: through SQLAlchemy a BEGIN costs more than the rows of a small batch.
        database: Any = connection.connection.driver_connection
        try:
            database.execute(begin)
        except sqlite3.Error as error:
            raise DBAPIError.instance(begin, None, error, sqlite3.Error) from error

    return engine
