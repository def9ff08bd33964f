"""What an organisation has in the ledger itself: its submissions, its cases and its acts. Blocks."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from graphsvc.ledger import tables
from graphsvc.ledger.chunks import chunks
from graphsvc.ledger.log import Ledger


def submissions_since(ledger: Ledger, org: str, index: int, most: int) -> list[int]:
    """The ledger indexes of the organisation's durable submissions after entry ``index``, at most ``most`` of them."""
    table = tables.submissions
    query = select(table.c["index"]).where(table.c.org == org, table.c["index"] > index)
    with ledger.reading() as connection:
        return list(connection.execute(query.order_by(table.c["index"]).limit(most)).scalars())


def cases_of(ledger: Ledger, org: str) -> list[str]:
    """The references of all cases that the organisation has registered."""
    table = tables.cases
    query = select(table.c.reference).where(table.c.org == org).order_by(table.c["index"])
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def entry_of_act(ledger: Ledger, iss: str, jti: str) -> int | None:
    """The entry that carries the act of this issuer and id, or None."""
    table = tables.acts
    with ledger.reading() as connection:
        return connection.execute(select(table.c["index"]).where(table.c.iss == iss, table.c.jti == jti)).scalar()


def owners_of(ledger: Ledger, submissions: Collection[int]) -> dict[int, str]:
    """The owner of each submission, by ledger index; an index that is no submission is left out."""
    table, found = tables.submissions, dict[int, str]()
    with ledger.reading() as connection:
        for chunk in chunks(sorted(submissions)):
            chosen = select(table.c["index"], table.c.org).where(table.c["index"].in_(chunk))
            found.update(dict(connection.execute(chosen).all()))
    return found
