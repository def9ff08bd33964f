"""Submissions sealed by hand, as they came into the ledger before the intake checked what it checks today."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, insert, select

from graphsvc.ledger import tables
from graphsvc.ledger.anew import Anew, row_pairs, seal_anew
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import PayloadStore
from graphsvc.ledger.payload import Packer
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.model.claims import encode_draft
from graphsvc.model.drafts import CleanDraft
from graphsvc.projection.aside import reclean_entry


def row_leaves(connection: Connection, index: int) -> bytes:
    """The leaf hashes of a submission's rows, 32 bytes each, in order."""
    table = tables.row_leaves
    parts = select(table.c.leaves).where(table.c["index"] == index).order_by(table.c.part)
    return b"".join(connection.execute(parts).scalars())


def enter_drafts(
    ledger: Ledger,
    payloads: tuple[PayloadStore, RowKeys],
    org: str,
    drafts: Sequence[CleanDraft | bytes],
    spoil: Callable[[str], None] = lambda _pack: None,
) -> int:
    """A submission of clean drafts as a service without checks of today would have taken them in; returns its index.

    Real packs, keys, entry and side rows; bytes stand for a draft of one entity that is no JSON. ``spoil`` is called
    with each pack before the entry is there.
    """
    store, keys = payloads
    name = f"{org}|{ledger.head}"
    packer = Packer(store, name)
    for row, draft in enumerate(drafts):
        raw = draft if isinstance(draft, bytes) else msgspec.json.encode(draft)
        held = (1, 0) if isinstance(draft, bytes) else (len(draft.entities), len(draft.links))
        packer.add(row, b"row %d" % row, raw, *held)
    packs, secrets = packer.finish()
    keys.keep({**secrets, f"seed|{name}": bytes(32)})
    for pack in packs:
        spoil(pack)

    def effects(connection: Connection, index: int, t: str) -> None:
        counts = {"rows": len(drafts), "accepted": len(drafts), "rejected": 0}
        row = {"index": index, "org": org, "t": t, "media_type": "application/x-ndjson", "manifest": "", **counts}
        connection.execute(insert(tables.submissions), {**row, "objects": packs})
        notes = [
            {"row": row, "code": code, "pointer": pointer, "message": "correct it"}
            for row, draft in enumerate(drafts)
            for pointer, code, _ in ([] if isinstance(draft, bytes) else draft.unlinked)
        ]
        if notes:
            connection.execute(insert(tables.unlinked), {"index": index, "notes": notes})

    entry = EntryDraft(
        type="submission",
        who={"org": org, "person": "feed"},
        requester=org,
        owners=[OwnerPart(org, {"action": "submission"}, [])],
        body={"name": name, "packs": packs, "accepted": len(drafts), "rejected": 0},
        effects=effects,
    )
    return ledger.append(entry).result().index


def enter_anew(
    ledger: Ledger,
    payloads: tuple[PayloadStore, RowKeys],
    org: str,
    submission: int,
    drafts: Sequence[CleanDraft],
    spoil: Callable[[str], None] = lambda _pack: None,
) -> int:
    """An entry that puts ``drafts``, rows of one pack of a submission, in the place of what is there; its index.

    ``spoil`` is called with its pack before the entry is there.
    """
    store, keys = payloads
    (pack,) = ledger.open_header(submission)["body"]["packs"]
    pairs = row_pairs(store.get(pack), keys.open(pack))
    name = f"{org}|{submission}|reclean|{ledger.head}"
    sealed = ((one.row, pairs[one.row], encode_draft(one), (len(one.entities), len(one.links))) for one in drafts)
    (made,), _ = seal_anew(store, name, sealed)
    spoil(made)
    said = Anew(submission, pack, name, made, [(one.row, one.row) for one in drafts])
    return ledger.append(reclean_entry(org, "operator", said, {}, lambda *_: None)).result().index
