"""Bounds on one row, one submission and one batch: what a graph database of the default size can take.

They count *claims*: a row's entities (each becomes an ABOUT claim) and its links. How they were measured is in
``docs/adr/0102-bounded-by-claims.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ENTITIES = 200
"""At most this many entities in one row."""
MAX_ROW_CLAIMS = 1_000
"""At most this many claims in one row."""
MAX_DRAFT = 1 << 20
"""At most this many characters in all values that a mapping makes of one row, and bytes in a row as it is sealed."""
MAX_ROWS = 1_000_000
"""At most this many rows in one submission, with blank lines and comments: its entry keeps 32 bytes for each."""
MAX_CLAIMS = 4_000_000
"""At most this many claims in one submission."""

BATCH_ROWS = 5_000
BATCH_CLAIMS = 15_000
BATCH_BYTES = 8 << 20
"""At most this many rows, claims and bytes of sealed drafts go into the graph in one transaction."""
WITHDRAWN_CLAIMS = 2_000
"""At most this many claims leave the graph in one transaction: what it has deleted slows down its later look-ups."""


@dataclass(slots=True)
class Load:
    """What a batch holds so far. Erased rows count as when they were sealed, so that batches are always cut alike."""

    rows: int = 0
    claims: int = 0
    size: int = 0

    def takes(self, claims: int, size: int) -> bool:
        """Add a row of ``claims`` claims, sealed in ``size`` bytes, if it fits; returns whether it did."""
        rows, claims, size = self.rows + 1, self.claims + claims, self.size + size
        if self.rows and (rows > BATCH_ROWS or claims > BATCH_CLAIMS or size > BATCH_BYTES):
            return False
        self.rows, self.claims, self.size = rows, claims, size
        return True
