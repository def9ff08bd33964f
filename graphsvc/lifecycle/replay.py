"""Erasures replayed: what an entry of the ledger has erased has no key, whatever copy of the keys is in use.

The entry is durable before the key goes; a crash between the two, or keys restored from an older copy, leave a key that
must go. So every start, and a restore before anything else, goes over the erasures that were not replayed yet.
"""

from __future__ import annotations

from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.lifecycle.destroy import destroy
from graphsvc.model import ranges
from graphsvc.projection.changes import ERASURE, read_change


def replay_erasures(ledger: Ledger, store: PayloadStore, keys: RowKeys) -> int:
    """Destroy the keys and salts of what was erased since the last replay; returns how many records still had keys."""
    head, after = ledger.head, keys.replayed
    entries = ledger.indexes(after + 1, head, (ERASURE,))
    if not entries:
        return 0
    records = [n for index, kind in entries for n in read_change(kind, ledger.open_header(index)["body"]).records]
    count = destroy(ledger, store, keys, ranges.of_records(records))
    ledger.forget()
    keys.note_replayed(head - 1)
    return count
