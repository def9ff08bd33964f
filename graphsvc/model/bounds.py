"""How much one row, one submission and one batch may hold: bounds that a graph database of the default size carries.

Counted in *claims*: a row's entities (each becomes an ABOUT claim) and its links. How they were measured is told in
``docs/adr/0102-bounded-by-claims.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ENTITIES = 200
"""Most entities of one row."""
MAX_ROW_CLAIMS = 1_000
"""Most claims of one row."""
MAX_DRAFT = 1 << 20
"""Most characters of all values that a mapping makes of one row, and bytes of a cleaned row as it is sealed."""
MAX_ROWS = 1_000_000
"""Most rows of one submission, blank lines and comments counted: 32 bytes of each stay with its entry."""
MAX_CLAIMS = 4_000_000
"""Most claims of one submission."""

BATCH_ROWS = 5_000
BATCH_CLAIMS = 15_000
BATCH_BYTES = 8 << 20
"""Most rows, claims and bytes of sealed drafts that one transaction carries into the graph."""
WITHDRAWN_CLAIMS = 2_000
"""Most claims that one transaction takes out of it: what it has deleted slows down each of its look-ups after that."""


@dataclass(slots=True)
class Load:
    """What a batch holds so far. Erased rows count as they did when they were sealed, so a cut stays where it was."""

    rows: int = 0
    claims: int = 0
    size: int = 0

    def takes(self, claims: int, size: int) -> bool:
        """Whether a row of so many claims, sealed in ``size`` bytes, goes in as well; if so it is counted."""
        rows, claims, size = self.rows + 1, self.claims + claims, self.size + size
        if self.rows and (rows > BATCH_ROWS or claims > BATCH_CLAIMS or size > BATCH_BYTES):
            return False
        self.rows, self.claims, self.size = rows, claims, size
        return True
