"""Which record an organisation's own reference names: the index of digests, and what a new submission supersedes by it.

Entries change the index in their own transactions: a submission adds its rows, an erasure removes those it erases. A
record that was taken back frees its reference; only its digest stays until the record is erased.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from graphsvc.ledger import tables
from graphsvc.ledger.chunks import chunks
from graphsvc.ledger.taken import gone
from graphsvc.model import ranges
from graphsvc.model.ranges import Ranges

Named = Sequence[tuple[int, bytes]]
"""Rows with the digests of their references."""
_COLUMNS = ("digest", "submission", "row")
_ITEM = struct.Struct(">I32s")
"""One of a submission's rows with the digest of its reference."""


def standing(connection: Connection, named: Named) -> Iterator[tuple[int, int, int]]:
    """(row, record's submission, record's row) for each row whose reference names a record that is still there."""
    table = tables.references
    found: dict[bytes, tuple[int, int]] = {}
    for chunk in chunks([digest for _, digest in named]):
        query = select(table.c.digest, table.c.submission, table.c.row).where(table.c.digest.in_(chunk))
        found |= {digest: (submission, row) for digest, submission, row in connection.execute(query)}
    there = _still_there(connection, {submission for submission, _ in found.values()})
    for row, digest in named:
        if (place := found.get(digest)) is not None and there(*place):
            yield (row, *place)


def are_there(connection: Connection, places: Iterable[tuple[int, int]]) -> bool:
    """Whether all these records (submission, row) are still there: neither taken back nor erased."""
    named = list(places)
    there = _still_there(connection, {submission for submission, _ in named})
    return all(there(*place) for place in named)


def last_change(connection: Connection, org: str) -> int:
    """The last entry by which an organisation's records have come or gone; -1 where there is none."""
    came, went = tables.submissions, tables.withdrawals
    found = (
        connection.execute(select(func.max(came.c["index"])).where(came.c.org == org)).scalar(),
        connection.execute(select(func.max(went.c["index"])).where(went.c.owner == org)).scalar(),
    )
    return max(-1 if one is None else int(one) for one in found)


def enter(connection: Connection, index: int, named: Named) -> None:
    """Let references name rows of submission ``index`` from now on, in the transaction of its entry."""
    if not named:
        return
    packed = b"".join(_ITEM.pack(row, digest) for row, digest in sorted(named))
    connection.execute(insert(tables.referring), {"submission": index, "digests": packed})
    # In the order of the digests: each page of the index is touched once.
    _set(connection, sorted((digest, index, row) for row, digest in named))


def forget(connection: Connection, erased: Ranges) -> None:
    """Remove the digests of rows, in the transaction of the entry that erases the rows."""
    table, lists = tables.references, tables.referring
    for submission, rows in ranges.by_submission(erased).items():
        place = lists.c.submission == submission
        packed = connection.execute(select(lists.c.digests).where(place)).scalar()
        if packed is None:
            continue
        among, left, gone_ = ranges.among(rows), bytearray(), []
        for row, digest in _ITEM.iter_unpack(packed):
            if among(row):
                gone_.append(digest)
            else:
                left += _ITEM.pack(row, digest)
        for chunk in chunks(gone_):
            # A digest that names a newer record by now stays.
            own = table.c.digest.in_(chunk) & (table.c.submission == submission)
            connection.execute(delete(table).where(own))
        change = update(lists).values(digests=bytes(left)) if left else delete(lists)
        connection.execute(change.where(place))


def _set(connection: Connection, rows: list[tuple[bytes, int, int]]) -> None:
    """Let digests name records, in one call of the driver: all other entries wait for it."""
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    table = tables.references
    new = made(table)
    statement = new.on_conflict_do_update(
        index_elements=[table.c.digest], set_={"submission": new.excluded.submission, "row": new.excluded.row}
    )
    if connection.dialect.name != "sqlite":
        connection.execute(statement, [dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    connection.exec_driver_sql(str(statement.compile(dialect=connection.dialect)), rows)


class _Standing:
    """Answers for many records whether they are still there."""

    def __init__(self, taken: Ranges) -> None:
        self._taken = {one: ranges.among(rows) for one, rows in ranges.by_submission(taken).items()}

    def __call__(self, submission: int, row: int) -> bool:
        among = self._taken.get(submission)
        return among is None or not among(row)


def _still_there(connection: Connection, submissions: set[int]) -> _Standing:
    return _Standing(gone(connection, sorted(submissions), None))
