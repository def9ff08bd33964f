"""Legal holds: what is under one is not purged and not erased. A hold makes nothing visible that was hidden."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import Effects, EntryDraft, OwnerPart
from graphsvc.lifecycle.store import DESTROYING, book_of
from graphsvc.lifecycle.targets import records_of, resolve
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict, NotFound
from graphsvc.model.ranges import Ranges
from graphsvc.wire.acts import Target
from graphsvc.wire.lifecycle import Hold, HoldChange, Release


@carries_out(Hold)
async def hold(core: Core, act: SignedAct, body: Hold) -> Acted:
    """Put own records under a hold: rows, submissions, a selection, or all that was shown under an own case.

    A hold on a case also covers what is shown under it later. Raises InvalidInput, Denied, NotFound, Unavailable.
    """
    case = body.target.case or ""
    if case:
        if body.target != Target(case=case) or not core.ledger.has_case(act.org, case):
            raise NotFound("there is no such case")
        held: Ranges = ()
    else:
        if body.target.select is not None:
            await core.applier.settle(act.org)
        held = await asyncio.to_thread(_there, core, act.org, body.target)

    def effects(connection: Connection, index: int, t: str) -> None:
        row = {"org": act.org, "case": case, "reason": body.reason, "person": act.person}
        made = {"index": index, "t": t, "ranges": [list(part) for part in held], "released": None, "request": ""}
        connection.execute(insert(tables.holds), row | made)

    appended = await asyncio.wrap_future(
        core.ledger.append(_entry(act, {"ranges": [list(part) for part in held]}, effects))
    )
    change = HoldChange(index=appended.index, records=ranges.count(held), case=case or None)
    return Acted(change, appended.encoded)


@carries_out(Release)
async def release(core: Core, act: SignedAct, body: Release) -> Acted:
    """End an own hold; what has become due meanwhile goes with the next purge.

    Raises InvalidInput, Denied, NotFound (no such hold, or another's, alike), Conflict when it has ended or is that of
    a preservation.
    """
    table = tables.holds
    query = select(table.c.released, table.c.ranges, table.c.case, table.c.request).where(
        table.c["index"] == body.hold, table.c.org == act.org
    )
    with core.ledger.reading() as connection:
        found = connection.execute(query).first()
    if found is None:
        raise NotFound("there is no such hold")
    if found.request:
        message = f"this hold ends with the preservation request {found.request}: by its asker, or in time"
        raise Conflict(message, code="preserved")

    def effects(connection: Connection, index: int, _t: str) -> None:
        open_one = (table.c["index"] == body.hold) & table.c.released.is_(None)
        if connection.execute(update(table).where(open_one).values(released=index)).rowcount != 1:
            raise Conflict("this hold has ended", code="released")

    act.unmoved(body.hold if found.released is None else found.released)
    appended = await asyncio.wrap_future(core.ledger.append(_entry(act, {}, effects)))
    count = ranges.count(ranges.ranges(found.ranges))
    return Acted(HoldChange(index=appended.index, records=count, case=found.case or None), appended.encoded)


def _there(core: Core, org: str, target: Target) -> Ranges:
    """The records that a target names and that are not destroyed yet. Raises NotFound."""
    named = records_of(core, resolve(core, org, target))
    there = ranges.minus(named, book_of(core).gone(ranges.submissions(named), DESTROYING))
    if not there or (target.rows is not None and there != named):
        raise NotFound("there is no such record")
    return there


def _entry(act: SignedAct, more: Mapping[str, Any], effects: Effects) -> EntryDraft:
    meaning = act.meaning
    return EntryDraft(
        type=meaning.type,
        who={"org": act.org, "person": act.person},
        requester=act.org,
        owners=[OwnerPart(act.org, meaning.told(act.org, act.org), [])],
        acts=[act.compact],
        body={**meaning.body, **more},
        effects=effects,
    )
