"""Reapplying rows that were set aside, once what kept them out is mended: an operator's act, one entry.

What a crash leaves. Before the entry is durable nothing has happened; after it the applier brings the rows in at the
entry's place, or sets them aside again. What was recalled or erased meanwhile never comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy import Connection, select

from graphsvc.acts.signed import Acted
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import Effects
from graphsvc.ledger.taken import standing
from graphsvc.lifecycle.sealed import open_records
from graphsvc.lifecycle.store import book_of
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict, Denied, NotFound
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS
from graphsvc.model.principals import Principal
from graphsvc.model.ranges import Ranges
from graphsvc.model.times import seconds
from graphsvc.projection.aside import owner_of, reapply_entry
from graphsvc.projection.changes import MOVE, read_plan
from graphsvc.wire.answers import RowsAside
from graphsvc.wire.upkeep import Reapplied


async def reapply(core: Core, principal: Principal, submission: int, rows: Sequence[int] | None) -> Acted:
    """Bring in rows of a submission that are set aside (None: all of them), and wait until they are applied.

    Raises Denied, NotFound for what is not set aside, Conflict (it has changed meanwhile, or the owner has left a
    sharing group that a row is under), Unavailable when the applier takes too long: the entry is there all the same.
    """
    if "operator" not in principal.roles:
        raise Denied("only an operator reapplies")
    # 1. Which rows, and under which groups they would come back.
    owner, named = await asyncio.to_thread(_named, core, submission, rows)
    labels = await asyncio.to_thread(labels_aside, core, named)
    groups = {group for label in labels.values() for group in label.groups}
    # 2. Durable; the applier brings them in at this place.
    draft = reapply_entry(owner, principal.person, named, _belongs(owner, groups))
    appended = await asyncio.wrap_future(core.ledger.append(draft))
    core.applier.notify()
    await core.applier.wait(appended.index, owner)
    # 3. What is still set aside of them.
    left = await asyncio.to_thread(_aside, core, submission)
    again = [(code, both) for code, of in left if (both := ranges.both(of, named))]
    answer = Reapplied(
        index=appended.index,
        entry=submission,
        records=ranges.count(named),
        set_aside=[RowsAside(code=code, first=low, last=high) for code, of in again for _, low, high in of],
    )
    return Acted(answer, appended.encoded)


def _aside(core: Core, submission: int) -> list[tuple[str, Ranges]]:
    with core.ledger.reading() as connection:
        return standing(connection, [submission]).get(submission, [])


def labels_aside(core: Core, of: Ranges) -> dict[int, Label]:
    """By record, the labels of those that are set aside and can be read; a label that was moved, as it is now."""
    found: dict[int, Label] = {}
    for submission in ranges.submissions(of):
        head = core.ledger.head
        plan = read_plan(core.ledger, core.ledger.indexes(submission + 1, head, (MOVE,)))
        for opened in open_records(core.ledger, core.payloads, ranges.of_submission(of, submission)):
            if opened.draft is not None:
                found[opened.record] = plan.label_at(head, opened.record, opened.draft.label)
    return found


def own_labels_aside(core: Core, org: str, records: Sequence[int]) -> dict[int, Label]:
    """As :func:`labels_aside`, of those among ``records`` that are an organisation's own and set aside."""
    touched = {record >> ROW_BITS for record in records}
    aside = tuple(part for part in book_of(core).set_aside(org) if part[0] in touched)
    return labels_aside(core, ranges.both(aside, ranges.of_records(records))) if aside else {}


def _named(core: Core, submission: int, rows: Sequence[int] | None) -> tuple[str, Ranges]:
    with core.ledger.reading() as connection:
        owner = owner_of(connection, submission)
        aside = ranges.union(*(of for _, of in standing(connection, [submission]).get(submission, [])))
    named = aside if rows is None else ranges.of_rows(submission, rows)
    if owner is None or not named or ranges.minus(named, aside):
        raise NotFound("nothing like that is set aside: graphsvc doctor lists what is")
    return owner, named


def _belongs(owner: str, groups: set[str]) -> Effects:
    """A check in the entry's transaction: the owner still belongs to the groups that its rows are shared with."""

    def check(connection: Connection, _index: int, _t: str) -> None:
        table, now = tables.memberships, time.time()
        own = select(table.c.group, table.c.until).where(table.c.org == owner, table.c.state == "member")
        for group, until in connection.execute(own):
            if not until or seconds(until) > now:
                groups.discard(group)
        if groups:
            message = "its owner has left a group that it was shared with: it must recall these rows"
            raise Conflict(message, code="left_group")

    return check
