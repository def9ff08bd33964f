"""The answer to a notice: an organisation was told that records it had seen were taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.model.errors import Conflict, InvalidInput, NotFound
from graphsvc.wire.lifecycle import Acknowledged, AcknowledgeRecall

KEPT = "kept"


@carries_out(AcknowledgeRecall)
async def acknowledge(core: Core, act: SignedAct, body: AcknowledgeRecall) -> Acted:
    """Take the signed answer to a notice: what was seen is deleted, or kept under an obligation that it names.

    Raises InvalidInput, Denied, NotFound (no such notice, or another's, alike), Conflict when it is answered.
    """
    if body.outcome == KEPT and not body.because:
        raise InvalidInput("say under which obligation it is kept", code="bad_act", where="act body because")
    notice = await asyncio.to_thread(_notice, core, act, body.notice)
    appended = await asyncio.wrap_future(core.ledger.append(_entry(act, body, notice)))
    answer = Acknowledged(index=appended.index, notice=body.notice, outcome=body.outcome)
    return Acted(answer, appended.encoded)


def _notice(core: Core, act: SignedAct, index: int) -> Mapping[str, Any]:
    table, taken = tables.notices, tables.withdrawals
    query = (
        select(table, taken.c.owner)
        .join(taken, taken.c["index"] == table.c["index"])
        .where(table.c["index"] == index, table.c.recipient == act.org)
    )
    with core.ledger.reading() as connection:
        found = connection.execute(query).mappings().first()
    if found is None:
        raise NotFound("there is no such notice")
    if found["acknowledged"] is not None:
        raise Conflict("this notice was answered", code="acknowledged")
    act.unmoved(found["told"])
    return dict(found)


def _entry(act: SignedAct, body: AcknowledgeRecall, notice: Mapping[str, Any]) -> EntryDraft:
    because = body.because or ""

    def effects(connection: Connection, index: int, t: str) -> None:
        table = tables.notices
        open_one = (table.c["index"] == body.notice) & (table.c.recipient == act.org) & table.c.acknowledged.is_(None)
        said = {"acknowledged": index, "acknowledged_at": t, "outcome": body.outcome, "because": because}
        if connection.execute(update(table).where(open_one).values(**said)).rowcount != 1:
            raise Conflict("this notice was answered", code="acknowledged")

    meaning = act.meaning
    return EntryDraft(
        type=meaning.type,
        who={"org": act.org, "person": act.person},
        requester=act.org,
        owners=[OwnerPart(org, meaning.told(org, act.org), []) for org in sorted({act.org, notice["owner"]})],
        acts=[act.compact],
        body=dict(meaning.body),
        effects=effects,
    )
