"""Opens stores: the ledger's by the URL of its database, that of payloads by their location.

Packages that an operator may not have installed are imported only when a store needs them.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from graphsvc.ledger.objects import FilePayloadStore, PayloadStore
from graphsvc.ledger.sqlite import COMMON, SqliteStore, copy_file, sqlite_engine
from graphsvc.ledger.store import Store
from graphsvc.model.errors import InvalidInput


def open_store(directory: Path, url: str = "", standby: float = 0.0) -> Store:
    """The database at ``url``, or SQLite in ``directory`` when that is empty; tables are made when there are none.

    With PostgreSQL it waits up to ``standby`` seconds for the lease. Raises Unavailable when another process leads or
    the server can't be reached, IntegrityError for a database of another version, InvalidInput for a bad URL.
    """
    if not url:
        return SqliteStore(directory / "ledger.db")
    if not url.startswith(("postgresql://", "postgres://")):
        raise InvalidInput("the database is a URL like postgresql://user@host/name", code="settings")
    from graphsvc.ledger.postgres import PostgresStore

    return PostgresStore(url, standby)


def open_beside(path: Path, url: str) -> Engine:
    """An engine for small tables that all processes of a service share: in the database, else in a file of its own.

    ``url`` is as in :func:`open_store`. What a commit wrote outlasts the process, and may be lost with the machine's
    power. Raises Unavailable, IntegrityError, InvalidInput.
    """
    if url:
        from graphsvc.ledger.postgres import engine_of

        return engine_of(url)
    path.touch(mode=0o600)
    pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON", *COMMON)
    return sqlite_engine(path, pragmas, "BEGIN IMMEDIATE", poolclass=StaticPool)


def snapshot(directory: Path, url: str, path: Path) -> None:
    """Write the database, as one transaction sees it, into a new SQLite file; no lease or lock is needed.

    ``directory`` and ``url`` are as in :func:`open_store`. Raises OSError, Unavailable.
    """
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    if url:
        from graphsvc.ledger.postgres import copy_out

        copy_out(url, path)
    else:
        copy_file(directory / "ledger.db", path)


def open_payloads(location: str, endpoint: str = "") -> PayloadStore:
    """The store at ``location``: a directory, or ``s3://bucket/prefix`` (``endpoint``: the server's URL, if not AWS).

    Raises InvalidInput for another kind of location, Unavailable when the package for it is not installed.
    """
    if location.startswith("s3://"):
        from graphsvc.ledger.s3 import S3PayloadStore

        return S3PayloadStore(location, endpoint)
    if "://" in location:
        raise InvalidInput("payloads are a directory or s3://bucket/prefix", code="settings")
    return FilePayloadStore(Path(location))
