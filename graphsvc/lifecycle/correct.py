"""Corrections: rows of a new submission that supersede older records of the same owner.

The new submission says which; right after its entry another one takes the old records back, and those who saw them are
told. After a crash between the two, the worker of custody goes on at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.lifecycle.recall import Decision, checked_deadline, tell, withdrawal_entry
from graphsvc.lifecycle.store import CORRECTED, Book, book_of
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict, InvalidManifest, NotFound
from graphsvc.projection.changes import WITHDRAWAL

Superseding = tuple[int, int, int]
"""A row of the new submission; submission and row of the record that it supersedes."""
REASON = "superseded by a correction"


def check_superseded(book: Book, org: str, pairs: Sequence[Superseding]) -> None:
    """Raise InvalidManifest, always the same, when a row supersedes a record that is absent, another's or gone."""
    there: dict[int, Callable[[int], bool]] = {}
    for row, submission, old in pairs:
        if submission not in there:
            try:
                book.owned(org, submission)
                rows = ranges.minus(book.accepted(submission), book.gone([submission]))
            except NotFound:
                rows = ()
            there[submission] = ranges.among(rows)
        if not there[submission](old):
            message = "it supersedes a record that is not there; nothing was kept"
            raise InvalidManifest(message, code="unknown_record", where=f"row {row} /supersedes")


def note_superseded(connection: Connection, index: int, who: tuple[str, str], pairs: Sequence[Superseding]) -> None:
    """Write down, with the submission's entry, that the old records are still to be taken back."""
    row = {"submission": index, "org": who[0], "person": who[1], "withdrawal": None}
    connection.execute(insert(tables.corrections), {**row, "supersedes": [list(pair) for pair in pairs]})


def unfinished(core: Core) -> list[int]:
    """Submissions whose superseded records were not taken back yet."""
    table = tables.corrections
    query = select(table.c.submission).where(table.c.withdrawal.is_(None)).order_by(table.c.submission)
    with core.ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def _noted(core: Core, submission: int) -> Mapping[str, Any] | None:
    table = tables.corrections
    with core.ledger.reading() as connection:
        row = connection.execute(select(table).where(table.c.submission == submission)).mappings().first()
    return None if row is None else dict(row)


async def correct(core: Core, submission: int) -> None:
    """Take back what submission ``submission`` supersedes, and tell those who saw it. A second call does nothing."""
    table = tables.corrections
    found = await asyncio.to_thread(_noted, core, submission)
    if found is None or found["withdrawal"] is not None:
        return
    named = ranges.ranges((old, row, row) for _, old, row in found["supersedes"])
    gone = await asyncio.to_thread(book_of(core).gone, ranges.submissions(named))
    live = ranges.minus(named, gone)
    decision = Decision(found["org"], CORRECTED, found["person"], REASON, checked_deadline(None))
    draft = withdrawal_entry(decision, live, WITHDRAWAL, {"by": submission}, ranges.count(live))
    insert_rows = draft.effects
    assert insert_rows is not None

    def effects(connection: Connection, index: int, t: str) -> None:
        open_one = (table.c.submission == submission) & table.c.withdrawal.is_(None)
        if connection.execute(update(table).where(open_one).values(withdrawal=index)).rowcount != 1:
            raise Conflict("it was taken back already", code="corrected_already")
        insert_rows(connection, index, t)

    draft.effects = effects
    try:
        appended = await asyncio.wrap_future(core.ledger.append(draft))
    except Conflict as conflict:
        if conflict.code != "corrected_already":
            raise
        return
    core.applier.notify()
    await tell(core, appended.index)
