"""What ledger entries do to records that are in the graph: one reading of it, for the applier and for a rebuild.

A record moves to another label, or goes. An *erasure* destroys the record's key as well, so a later rebuild can't read
what the record held; its entry therefore names what must come out equal without it (:class:`Remains`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graphsvc.custody import ranges
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys, read_drafts
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError
from graphsvc.model.labels import Label, Move
from graphsvc.model.places import ROW_BITS, ROW_MASK

SUBMISSION, MOVE, WITHDRAWAL, ERASURE = "submission", "label", "withdrawal", "erasure"
CHANGES = (MOVE, WITHDRAWAL, ERASURE)
EFFECTIVE = (SUBMISSION, *CHANGES)
"""The types of entries that change the graph; all others only move the watermark's meaning along."""

_decode = msgspec.json.Decoder(CleanDraft).decode


@dataclass(frozen=True, slots=True)
class Change:
    """Records (their integers) that move to other labels, and those that go."""

    moves: list[Move] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    @property
    def records(self) -> list[int]:
        """All records that are touched."""
        return [*(record for move in self.moves for record in move.records), *self.gone]


class Remains(msgspec.Struct, frozen=True):
    """What stays of erased records in the numbering of the graph, and tells nothing of what they held.

    ``heirs``: [entity integer, record, position in its draft] for every entity of theirs that another record keeps:
    that record's draft names the entity again. ``labels``: [number, label] of the labels that they came under.
    """

    heirs: list[tuple[int, int, int]] = []
    labels: list[tuple[int, Label]] = []


@dataclass(frozen=True, slots=True)
class Plan:
    """All that changes records later, by record; and the numbers that erased records have left behind.

    ``moves``: record → [(entry index, label)]; ``gone``: record → entry index.
    """

    moves: dict[int, list[tuple[int, Label]]] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    heirs: dict[tuple[int, int], int] = field(default_factory=dict)
    labels: dict[Label, int] = field(default_factory=dict)

    def fate(self, record: int, label: Label) -> Label | None:
        """The label of a record in the end that came under ``label``; None when it has gone."""
        if record in self.gone:
            return None
        for index, to in self.moves.get(record, ()):
            # As the graph has it: an entry moves what is there, and never to another owner.
            if index > record >> ROW_BITS and to.owner == label.owner:
                label = to
        return label


def read_change(kind: str, body: Mapping[str, Any]) -> Change:
    """What an entry of :data:`CHANGES` does; ``body`` is its header's. Raises IntegrityError when it can't be read."""
    try:
        if kind == MOVE:
            return Change(moves=msgspec.convert(body["moves"], list[Move]))
        return Change(gone=list(ranges.records(ranges.ranges(msgspec.convert(body["ranges"], list[ranges.Range])))))
    except (KeyError, ValueError):
        raise IntegrityError("an entry that changes records can't be read", where=kind) from None


def read_plan(ledger: Ledger, effective: Sequence[tuple[int, str]]) -> Plan:
    """The plan of some :data:`EFFECTIVE` entries, given as (index, type) in ledger order."""
    plan = Plan()
    for index, kind in effective:
        if kind == SUBMISSION:
            continue
        body = ledger.open_header(index)["body"]
        change = read_change(kind, body)
        for record in change.gone:
            plan.gone.setdefault(record, index)
        for move in change.moves:
            for record in move.records:
                plan.moves.setdefault(record, []).append((index, move.label))
        if kind == ERASURE:
            left = msgspec.convert(body.get("remains", {}), Remains)
            plan.heirs.update({(record, position): entity for entity, record, position in left.heirs})
            plan.labels.update({label: lid for lid, label in left.labels})
    return plan


class DraftReader:
    """Reads single records' drafts out of their packs. Raises IntegrityError for one that is erased or absent."""

    def __init__(self, ledger: Ledger, store: PayloadStore, keys: RowKeys) -> None:
        self._ledger = ledger
        self._store = store
        self._keys = keys

    def __call__(self, record: int) -> CleanDraft:
        """The draft of a record."""
        body = self._ledger.open_header(record >> ROW_BITS)["body"]
        row = record & ROW_MASK
        for pack in body["packs"]:
            for sealed in read_drafts(self._store.get(pack), self._keys.open(pack), body["name"]):
                if sealed.row == row and sealed.draft is not None:
                    return _decode(sealed.draft)
        raise IntegrityError("a record's draft can't be read")
