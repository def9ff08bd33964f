"""What readers must not be shown any more, although the graph still has it: changes that are not yet applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc.ledger.log import Ledger
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS
from graphsvc.projection.changes import read_change

LISTED = 2_000
"""At most this many records of an entry are hidden one by one until it is applied; with more, whole submissions are."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Records that an entry changes alike, or (``whole``) their submissions.

    ``labels``: those before and after a move that need not hide the records from everybody; None: it hides them.
    """

    records: tuple[int, ...]
    whole: tuple[int, ...]
    labels: tuple[Label, Label] | None


def read_hidden(ledger: Ledger, index: int, kind: str) -> list[Hidden]:
    """What one entry of :data:`graphsvc.projection.changes.CHANGES` hides until it is applied, part by part."""
    change = read_change(kind, ledger.open_header(index)["body"])
    many = len(change.records) > LISTED
    found = [_part(change.gone, None, many)]
    for move in change.moves:
        labels = (move.before, move.label) if move.before is not None and move.unseen else None
        found.append(_part(move.records, labels, many))
    return found


def _part(records: Sequence[int], labels: tuple[Label, Label] | None, many: bool) -> Hidden:
    whole = tuple(sorted({record >> ROW_BITS for record in records})) if many else ()
    return Hidden(() if many else tuple(records), whole, labels)
