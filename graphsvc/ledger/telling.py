"""Telling late: when hits are due, a ``told`` entry gives their owners the keys of the sections about them.

The entry of the read already says by which rule an owner is told late, and from which day on; that can't change any
more (:mod:`graphsvc_verify.telling`). Only whole days count, so that the time of a ``told`` entry reveals no more about
the reads in it than the day of each. A crash before that entry leaves all untold, after it all is told: the entry and
the side tables are one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from graphsvc.ledger.chunks import chunks
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.tables import disclosures, later
from graphsvc.model.errors import Conflict
from graphsvc_verify.canonical import b64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.told import TOLD

MOST = 500
"""At most this many pairs of a read and an owner are told by one entry."""
DAY = 86_400
Opener = Callable[[int, str], tuple[str, bytes]]
"""Gives tag (base64url) and key of the section of an entry that tells an owner late."""


def day_after(moment: float, days: int) -> str:
    """The first day (UTC) that begins after ``days`` have passed since ``moment`` (epoch seconds)."""
    return datetime.fromtimestamp(moment + (days + 1) * DAY, UTC).date().isoformat()


def tell_due(ledger: Ledger) -> None:
    """Tell owners of all hits that a rule delayed and that are due now. Blocks.

    Raises what :meth:`graphsvc.ledger.log.Ledger.append` raises, IntegrityError.
    """

    def opener(index: int, owner: str) -> tuple[str, bytes]:
        return ledger.day_keys.later_key(parse_leaf(ledger.entry(index)), owner)

    while True:
        with ledger.reading() as connection:
            found = due(connection)
        if not found:
            return
        try:
            ledger.append(told_entry(found, opener)).result()
        except Conflict as conflict:
            if conflict.code != "told_already":
                raise


def due(connection: Connection) -> list[tuple[int, str]]:
    """What is due to be told, as (index of the read, owner): at most :data:`MOST`, the oldest first."""
    today = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
    open_ones = later.c.told.is_(None) & (later.c.due != "") & (later.c.due <= today)
    query = select(later.c["index"], later.c.owner).where(open_ones).distinct()
    found = connection.execute(query.order_by(later.c["index"], later.c.owner).limit(MOST))
    return [(index, owner) for index, owner in found]


def told_entry(told: Iterable[tuple[int, str]], opener: Opener) -> EntryDraft:
    """The entry that tells owners of these hits; appending fails with Conflict ``told_already`` if another one did."""
    pairs = list(told)
    reads: dict[str, list[list[Any]]] = {}
    for index, owner in pairs:
        tag, key = opener(index, owner)
        reads.setdefault(owner, []).append([index, tag, b64u(key)])

    def effects(connection: Connection, at: int, _t: str) -> None:
        for chunk in chunks(pairs):
            of_these = or_(*(and_(later.c["index"] == index, later.c.owner == owner) for index, owner in chunk))
            rows = connection.execute(select(later).where(of_these)).mappings().all()
            if any(row["told"] is not None for row in rows):
                raise Conflict("the owners have been told meanwhile", code="told_already")
            names = ("owner", "index", "submission", "rows")
            connection.execute(insert(disclosures), [{"hit": True, **{n: row[n] for n in names}} for row in rows])
            connection.execute(update(later).where(of_these).values(told=at))

    return EntryDraft(
        type=TOLD,
        who={"org": "operator", "person": ""},
        owners=[
            OwnerPart(owner, {"action": TOLD, "by": "operator", "reads": some}, [])
            for owner, some in sorted(reads.items())
        ],
        effects=effects,
    )
