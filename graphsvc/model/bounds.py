"""How much one row, one submission and one batch may hold: bounds that a graph database of the default size carries.

Counted in *claims*: a row's entities (each becomes an ABOUT claim) and its links. How they were measured is told in
``docs/adr/0102-bounded-by-claims.md``.
"""

from __future__ import annotations

MAX_ENTITIES = 200
"""Most entities of one row: withdrawing a record looks at every pair of them."""
MAX_ROW_CLAIMS = 1_000
"""Most claims of one row."""
MAX_DRAFT = 1 << 20
"""Most characters of all values that a mapping makes of one row, and bytes of a cleaned row as it is sealed."""
MAX_ROWS = 1_000_000
"""Most rows of one submission, blank lines and comments counted: 32 bytes of each stay with its entry."""
MAX_CLAIMS = 4_000_000
"""Most claims of one submission."""
