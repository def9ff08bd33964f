"""Erasures replayed: what an entry of the ledger has erased has no key, whatever copy of the keys is in use.

The entry is durable before the key goes; a crash between the two, or keys restored from an older copy, leave a key that
must go. So every start, and a restore before anything else, goes over the erasures that it has not seen yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphsvc.changes import ERASURE, read_change
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, pack_rows
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.model.errors import IntegrityError
from graphsvc.model.places import ROW_BITS, ROW_MASK


def erased_items(ledger: Ledger, store: PayloadStore, after: int, head: int) -> Iterator[tuple[str, int]]:
    """(pack, position) of everything that entries after ``after`` below ``head`` have erased."""
    rows: dict[int, dict[int, tuple[str, int]]] = {}
    for index, kind in ledger.indexes(after + 1, head, (ERASURE,)):
        for record in read_change(kind, ledger.open_header(index)["body"]).records:
            submission, row = record >> ROW_BITS, record & ROW_MASK
            if submission not in rows:
                rows[submission] = _places(ledger, store, submission)
            if row in rows[submission]:
                yield rows[submission][row]


def replay_erasures(ledger: Ledger, store: PayloadStore, keys: RowKeys) -> int:
    """Destroy the keys of what was erased since the last replay; returns how many were still there."""
    head, after = ledger.head, keys.replayed
    if not ledger.indexes(after + 1, head, (ERASURE,)):
        return 0
    count = keys.destroy_all(erased_items(ledger, store, after, head))
    keys.note_replayed(head - 1)
    return count


def _places(ledger: Ledger, store: PayloadStore, submission: int) -> dict[int, tuple[str, int]]:
    """Where each row of a submission lies. A pack's own table tells, without any key."""
    try:
        packs = ledger.open_header(submission)["body"]["packs"]
    except KeyError:
        raise IntegrityError("an erasure names what is no submission", where=f"entry {submission}") from None
    return {row: (pack, position) for pack in packs for position, row in enumerate(pack_rows(store.get(pack)))}
