"""What the side tables know of rows that are not, or no longer, in the graph: taken back, erased or set aside.

Entries of the log write these tables in their own transactions.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from graphsvc.ledger import tables
from graphsvc.ledger.chunks import chunks
from graphsvc.model import ranges
from graphsvc.model.ranges import Ranges

PAYLOAD = "payload"
"""The code of rows whose pack, or whose whole entry, can't be read."""


def gone(connection: Connection, submissions: Sequence[int], causes: Sequence[str] | None) -> Ranges:
    """The rows of some submissions that were taken back or erased, for one of ``causes`` (None: any)."""
    table, rows = tables.withdrawals, tables.withdrawn
    found: list[Ranges] = []
    for chunk in chunks(submissions):
        query = (
            select(rows.c.submission, rows.c.rows)
            .join(table, table.c["index"] == rows.c["index"])
            .where(rows.c.submission.in_(chunk))
        )
        if causes is not None:
            query = query.where(table.c.cause.in_(causes))
        found += [ranges.unpack(submission, packed) for submission, packed in connection.execute(query)]
    return ranges.union(*found)


def standing(connection: Connection, submissions: Sequence[int] | None = None) -> dict[int, list[tuple[str, Ranges]]]:
    """What is set aside now, by submission: code and rows. Rows that were taken back or erased no longer count."""
    table = tables.asides
    query = select(table).order_by(table.c.submission, table.c["index"])
    if submissions is not None:
        query = query.where(table.c.submission.in_(list(submissions)))
    found: dict[int, dict[str, Ranges]] = {}
    for row in connection.execute(query).mappings():
        known = found.setdefault(row["submission"], {})
        named = ranges.unpack(row["submission"], row["rows"])
        for code in known:
            known[code] = ranges.minus(known[code], named)
        if row["code"]:
            known[row["code"]] = ranges.union(known.get(row["code"], ()), named)
    taken = gone(connection, list(found), None)
    left: dict[int, list[tuple[str, Ranges]]] = {}
    for submission, known in found.items():
        parts = [(code, ranges.minus(rows, ranges.of_submission(taken, submission))) for code, rows in known.items()]
        if any(rows for _, rows in parts):
            left[submission] = sorted((code, rows) for code, rows in parts if rows)
    return left


def unreadable(connection: Connection, submission: int) -> Ranges:
    """The rows of a submission that were ever set aside because its payload could not be read."""
    table = tables.asides
    query = select(table.c.rows).where(table.c.submission == submission, table.c.code == PAYLOAD)
    return ranges.union(*(ranges.unpack(submission, rows) for rows in connection.execute(query).scalars()))
