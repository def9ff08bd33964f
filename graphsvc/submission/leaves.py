"""The leaf hashes of a submission's rows on their way from a worker into the ledger: a million of them are 32 MB.

So they lie in a file of the spool meanwhile, and are read from there part by part: the service never holds them all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, insert

from graphsvc.ledger import tables
from graphsvc.model.errors import Unavailable

PART = 1 << 20
"""Bytes of a part: 32,768 rows."""


def enter(connection: Connection, index: int, path: Path) -> None:
    """Write the leaf hashes that a file holds into the ledger, as those of submission ``index``.

    Raises Unavailable where the file can't be read: the spool's failure is none of the ledger's.
    """
    try:
        file = path.open("rb")
    except OSError:
        raise _unreadable() from None
    with file:
        for part, leaves in enumerate(iter(lambda: _read(file.read), b"")):
            connection.execute(insert(tables.row_leaves), {"index": index, "part": part, "leaves": leaves})


def _read(read: Callable[[int], bytes]) -> bytes:
    try:
        return read(PART)
    except OSError:
        raise _unreadable() from None


def _unreadable() -> Unavailable:
    return Unavailable("the service can't read what it has just stored; nothing was kept", code="storage_failed")
