"""Where a record came from, as one integer: its submission's ledger index and its row.

Entities have integers of the same form, with an ordinal for the row. They are internal: what leaves is a handle.
"""

from __future__ import annotations

from graphsvc.model.errors import IntegrityError

ROW_BITS = 28
"""Record and entity integers are ``entry index << ROW_BITS | row or ordinal``."""
ROW_MASK = (1 << ROW_BITS) - 1
"""``integer & ROW_MASK`` is the row (or ordinal)."""


def record_int(entry_index: int, row: int) -> int:
    """The integer of a record (or, with an ordinal, of an entity) that first came with an entry."""
    if not 0 <= row <= ROW_MASK:
        raise IntegrityError(f"a submission holds at most {1 << ROW_BITS:,} rows", code="row_range")
    return entry_index << ROW_BITS | row
