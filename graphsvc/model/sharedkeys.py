"""Keys that very many rows of one file have: a value that so many share is probably no identifier.

A shop's own telephone number in every row, a placeholder, the last digits of a card: as a key it joins strangers. It
may also be right, as in the call records of one telephone, so it is a warning and never an error.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphsvc.model.drafts import CleanDraft, RowProblem
from graphsvc.model.schema import Kind

MANY = 100
"""A key in more rows than this is told of."""
WATCHED = 500_000
"""At most this many different keys are counted, the first ones: some 100 MB."""
TOLD = 50
"""At most this many keys are told of, those in most rows first."""
CODE = "shared_key"
_SAMPLE = 4
_FIRST = (1 << 32) - 1


class SharedKeys:
    """Counts in how many rows each key is. It keeps hashes of keys, not keys."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = frozenset(kind.name for kind in kinds.values() if kind.scope == "global" and not kind.common)
        self._counts: dict[int, int] = {}
        """Hash → the number of rows, and in the lower 32 bits the first of them."""
        self._many: dict[int, tuple[str, list[int]]] = {}

    def take(self, clean: CleanDraft) -> None:
        """Count the keys of one accepted row; a clean draft has each once."""
        counts = self._counts
        for entity in clean.entities:
            if entity.kind not in self._kinds:
                continue
            name = hash(entity.key)
            found = counts.get(name)
            if found is None:
                if len(counts) < WATCHED:
                    counts[name] = (1 << 32) | clean.row
                continue
            counts[name] = found = found + (1 << 32)
            if found >> 32 > MANY:
                _, rows = self._many.setdefault(name, (entity.kind, [found & _FIRST]))
                if len(rows) < _SAMPLE:
                    rows.append(clean.row)

    def warnings(self) -> list[RowProblem]:
        """One for each key in more than :data:`MANY` rows, at the first of them. Values are not repeated."""
        told = sorted(self._many.items(), key=lambda one: (-self._counts[one[0]], one[1][1]))[:TOLD]
        return [_warning(kind, self._counts[name] >> 32, rows) for name, (kind, rows) in told]


def _warning(kind: str, count: int, rows: list[int]) -> RowProblem:
    message = (
        f"one {kind} is in {count} rows, such as {', '.join(map(str, rows))}, and joins them all: if the column holds a"
        " value that many share, leave it out of the key"
    )
    return RowProblem(rows[0], CODE, "/entities", message)
