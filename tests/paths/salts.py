"""What is left of the salts of a submission's rows."""

from __future__ import annotations

from graphsvc.ledger.rowkeys import RowKeys
from graphsvc_verify.keyed import row_salt

SIZE = 32


def salt_of(keys: RowKeys, name: str, row: int) -> bytes | None:
    """The salt of a row's leaf in ``rowsRoot``; None when it is erased. ``name`` is the submission's."""
    if keys.has(f"salts|{name}"):
        found = keys.open(f"salts|{name}")[row * SIZE : (row + 1) * SIZE]
        return found if any(found) else None
    if not keys.has(f"seed|{name}"):
        return None
    return row_salt(keys.open(f"seed|{name}"), row)
