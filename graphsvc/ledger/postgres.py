"""The ledger in PostgreSQL: several processes may have it open, one of them leads.

The leader holds a *lease*: a row with a token, which grows by one with every new leader, and a time by the database's
clock at which it expires, which the leader puts off every few seconds. Every writing transaction first locks that row
and compares the token (:meth:`PostgresStore.fence`): a leader that was suspended for longer than its lease finds
another token and writes nothing. Taking the lease locks the same row, so a transaction of the old leader is either
committed before the new one reads, or refused. A leader that was suspended in the middle of a message holds that row
locked without end, and no timeout of the server ends it: whoever finds its lease run out ends its connections.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    column,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from graphsvc.ledger.database import copy_database
from graphsvc.ledger.sqlite import sqlite_engine
from graphsvc.ledger.store import Store, prepare_tables
from graphsvc.ledger.tables import entries, leases
from graphsvc.model.errors import Conflict, InvalidInput, Unavailable

LEASE = "sequencer"
_TABLES_LOCK = 0x6772617068
"""Key of the advisory lock under which tables are made."""
_ANSWER_SECONDS = 10.0
"""Seconds that the database may take to answer a statement."""
_LOCK_SECONDS = 1.0
"""Seconds that a standby waits for the lease's row before it asks who holds it."""
_LOCK_NOT_AVAILABLE = "55P03"

_log = logging.getLogger("graphsvc.ledger")


class PostgresStore(Store):
    """The database at ``url`` (``postgresql://user:password@host:port/name``)."""

    lease_seconds = 10.0
    """Seconds that a leader keeps the lease without renewing it."""

    def __init__(self, url: str, standby: float) -> None:
        address = _address(url)
        # The server shows at most 63 characters of it as the name of each connection.
        self._holder = f"{os.getpid()}:{os.urandom(4).hex()}:{os.uname().nodename}"[:63]
        super().__init__(_engine(address, False, self.lease_seconds, self._holder), _engine(address, True))
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)
        try:
            with self.writer.begin() as connection:
                connection.execute(select(func.pg_advisory_xact_lock(_TABLES_LOCK)))
                prepare_tables(connection)
            self.token = self._take(standby)
        except DBAPIError as error:
            super().close()
            raise Unavailable(f"PostgreSQL can't be had: {type(error).__name__}", code="database_down") from None
        except BaseException:
            super().close()
            raise
        self._heart.start()

    def close(self) -> None:
        """Give up the lease, so that the next leader need not wait until it expires."""
        self._stop.set()
        if self._heart.is_alive():
            self._heart.join()
        try:
            with self.writer.begin() as connection:
                mine = (leases.c.name == LEASE) & (leases.c.token == self.token)
                connection.execute(update(leases).where(mine).values(until=func.now()))
        except DBAPIError:
            _log.warning("the lease could not be given back; it ends by itself")
        super().close()

    def fence(self, connection: Connection) -> None:
        """Lock the lease and compare tokens."""
        held = connection.execute(select(leases.c.token).where(leases.c.name == LEASE).with_for_update()).scalar()
        if held != self.token:
            raise Unavailable("another process leads the ledger now", code="lease_lost")

    def leads(self) -> bool:
        """Whether no other process has taken the lease since."""
        with self.reading() as connection:
            return connection.execute(select(leases.c.token).where(leases.c.name == LEASE)).scalar() == self.token

    def _take(self, standby: float) -> int:
        deadline = time.monotonic() + standby
        while (token := self._try()) is None:
            if time.monotonic() >= deadline:
                raise Unavailable("another process leads this ledger", code="lease_held")
            time.sleep(min(0.2, self.lease_seconds / 5))
        return token

    def _try(self) -> int | None:
        """The token, if the lease is to be had now. 1. Lock its row, 2. or end who keeps it locked beyond its lease."""
        until = func.now() + text(f"interval '{self.lease_seconds:.3f} seconds'")
        try:
            with self.writer.begin() as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = {int(_LOCK_SECONDS * 1000)}"))
                row = connection.execute(_LEASE_ROW.with_for_update()).first()
                if row is not None:
                    if row.held:
                        return None
                    values = {"token": row.token + 1, "holder": self._holder, "until": until}
                    connection.execute(update(leases).where(leases.c.name == LEASE).values(**values))
                    return int(row.token) + 1
        except DBAPIError as error:
            if _sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            self._end_who_outstayed()
            return None
        try:
            with self.writer.begin() as connection:
                connection.execute(insert(leases).values(name=LEASE, token=1, holder=self._holder, until=until))
        except IntegrityError:
            return None  # another was quicker
        return 1

    def _end_who_outstayed(self) -> None:
        """End the connections of a leader whose lease has run out; it can do nothing more with them than be refused."""
        with self.writer.begin() as connection:
            row = connection.execute(_LEASE_ROW).first()
            if row is None or row.held:
                return
            activity = table("pg_stat_activity", column("pid"), column("application_name"), column("datname"))
            theirs = (activity.c.application_name == row.holder) & (activity.c.datname == func.current_database())
            ended = connection.execute(select(func.pg_terminate_backend(activity.c.pid)).where(theirs)).all()
        _log.warning("ended %d connections of a leader whose lease had run out", len(ended))

    def _beat(self) -> None:
        mine = (leases.c.name == LEASE) & (leases.c.token == self.token)
        until = func.now() + text(f"interval '{self.lease_seconds:.3f} seconds'")
        while not self._stop.wait(self.lease_seconds / 3):
            try:
                with self.writer.begin() as connection:
                    if connection.execute(update(leases).where(mine).values(until=until)).rowcount != 1:
                        _log.critical("another process has taken the lease of the ledger")
                        return
            except DBAPIError:
                _log.warning("the lease could not be renewed; trying again")


_LEASE_ROW = select(leases.c.token, leases.c.holder, (leases.c.until > func.now()).label("held")).where(
    leases.c.name == LEASE
)


def _sqlstate(error: DBAPIError) -> str:
    found = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(found.get("C", "")) if isinstance(found, dict) else ""


def _engine(address: URL, reading: bool, idle_seconds: float = 600.0, name: str = "graphsvc") -> Engine:
    engine = create_engine(
        address,
        isolation_level="REPEATABLE READ" if reading else "READ COMMITTED",
        poolclass=QueuePool,
        pool_size=8 if reading else 2,
        max_overflow=56 if reading else 0,
        pool_pre_ping=True,
        connect_args={"timeout": _ANSWER_SECONDS, "tcp_keepalive": True, "application_name": name},
        execution_options={"postgresql_readonly": True} if reading else {},
    )
    # Many rows in one statement: the driver would send them one by one.
    engine.dialect.use_insertmanyvalues_wo_returning = True

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # A leader that stops within a transaction must not keep the lease's row locked for longer than the lease.
        cursor = connection.cursor()
        cursor.execute(f"SET idle_in_transaction_session_timeout = {int(idle_seconds * 1000)}")
        cursor.execute("SET synchronous_commit = on")
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "handle_error", retval=True)
    def _unanswered(context: ExceptionContext) -> BaseException | None:
        # The driver lets errors of its socket through as they are: nobody who expects the database's would see them.
        if not isinstance(context.original_exception, OSError):
            return None
        context.is_disconnect = True
        return OperationalError(context.statement or "", None, context.original_exception, connection_invalidated=True)

    return engine


def engine_of(url: str) -> Engine:
    """An engine for tables that no lease guards. Raises InvalidInput."""
    return _engine(_address(url), False)


def copy_out(url: str, path: Path) -> None:
    """Copy all tables, as one transaction sees them, into a new SQLite file. Raises Unavailable."""
    source, target = _engine(_address(url), True), sqlite_engine(path, ("synchronous=FULL",), "BEGIN IMMEDIATE")
    try:
        with source.connect() as reading, target.begin() as writing:
            prepare_tables(writing)
            copy_database(reading, writing)
    except DBAPIError as error:
        raise Unavailable(f"PostgreSQL can't be had: {type(error).__name__}", code="database_down") from None
    finally:
        source.dispose()
        target.dispose()


def copy_in(path: Path, url: str) -> None:
    """Copy a ledger from a SQLite file into an empty database. Raises Conflict when it has a ledger, Unavailable."""
    source, target = sqlite_engine(path, ("query_only=ON",), "BEGIN"), _engine(_address(url), False)
    try:
        with source.connect() as reading, target.begin() as writing:
            writing.execute(select(func.pg_advisory_xact_lock(_TABLES_LOCK)))
            prepare_tables(writing)
            if writing.execute(select(func.count()).select_from(entries)).scalar():
                raise Conflict("there is a ledger in this database already", code="not_empty")
            copy_database(reading, writing)
    except DBAPIError as error:
        raise Unavailable(f"PostgreSQL can't be had: {type(error).__name__}", code="database_down") from None
    finally:
        source.dispose()
        target.dispose()


def _address(url: str) -> URL:
    try:
        return make_url(url).set(drivername="postgresql+pg8000")
    except (ArgumentError, ValueError):
        raise InvalidInput("the database is a URL like postgresql://user@host/name", code="settings") from None
