"""The path of sharing: a ledger event that moves records to another label.

Whatever changes who may see a record later (shared to a group, granted after a request, reclassified) is such an
event. From the moment it is durable, the records are withdrawn from every scope until the graph has moved them; so a
change that narrows access works at once, and one that widens it works as soon as it is applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.scopeheads import Concern
from graphsvc.model.errors import Denied, NotFound
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS
from graphsvc.model.principals import Principal


async def move_label(ledger: Ledger, principal: Principal, records: Sequence[int], label: Label) -> dict[str, Any]:
    """Move the caller's own ``records`` (record integers) to ``label``; returns the receipt.

    Raises Denied when the label is another organisation's: only an owner moves its records, and never to another owner;
    NotFound when a record is none of its own submissions'.
    """
    # 1. Only an owner decides over its records (checked again when the move is applied).
    own = principal.organisation
    if (label.owner, label.owner_kind, label.jurisdiction) != (own.org, own.kind, own.jurisdiction):
        raise Denied("records can only be moved by their owner, to a label of its own")
    await asyncio.to_thread(_check_own, ledger, principal.org, records)
    # 2. Durable; as a scope event it makes the sequencer refuse reads whose scope is older.
    facts = {"action": "label", "by": principal.person}
    draft = EntryDraft(
        type="label",
        who={"org": principal.org, "person": principal.person},
        basis=label.legal_basis,
        requester=principal.org,
        owners=[OwnerPart(owner=principal.org, facts=facts, disclosures=[])],
        body={"moves": [{"records": sorted(records), "label": msgspec.to_builtins(label)}]},
        concerns=Concern(owners=frozenset({label.owner})),
    )
    appended = await asyncio.wrap_future(ledger.append(draft))
    # 3. The applier carries it into the graph (apply).
    return appended.receipt


def _check_own(ledger: Ledger, org: str, records: Sequence[int]) -> None:
    table = tables.submissions
    indexes = {record >> ROW_BITS for record in records}
    with ledger.reading() as connection:
        own = set(connection.execute(select(table.c.index).where(table.c.org == org)).scalars())
    if not indexes <= own:
        raise NotFound("there is no such record")
