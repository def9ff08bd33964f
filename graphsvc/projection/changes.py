"""What ledger entries do to records that are in the graph: read in one way, for the applier and for a rebuild.

A record moves to another label, or goes. An *erasure* destroys the record's key as well, so a later rebuild can't read
what the record held, and need not: a record that has gone has no effect on what becomes of others.

Rows that can't be applied are *set aside* by an entry of the log (:mod:`graphsvc.projection.aside`): they count as
never applied by the entry that brought them. A *reapply* entry brings some of them in later, at its own place.

A *reclean* entry puts rows cleaned anew in the place of what is there of them (:mod:`graphsvc.ledger.anew`): a rebuild
brings such a row once, at the place of the last entry that brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graphsvc.ledger.anew import Anew
from graphsvc.ledger.log import Ledger
from graphsvc.model import ranges
from graphsvc.model.errors import IntegrityError
from graphsvc.model.labels import Label, Move
from graphsvc.model.places import ROW_BITS

SUBMISSION, MOVE, WITHDRAWAL, ERASURE = "submission", "label", "withdrawal", "erasure"
SET_ASIDE, REAPPLY, RECLEAN = "set-aside", "reapply", "reclean"
CHANGES = (MOVE, WITHDRAWAL, ERASURE)
BRINGING = (SUBMISSION, REAPPLY, RECLEAN)
"""The types of entries that bring records into the graph."""
EFFECTIVE = (*BRINGING, *CHANGES)
"""The types of entries that change the graph; an entry of another type changes nothing in it."""


@dataclass(frozen=True, slots=True)
class Change:
    """Records (their integers) that move to other labels, and those that go."""

    moves: list[Move] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    @property
    def records(self) -> list[int]:
        """All records that are touched."""
        return [*(record for move in self.moves for record in move.records), *self.gone]


class Aside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a ``set-aside`` entry: rows of ``submission`` that entry ``entry`` could not bring into the graph.

    ``entry`` is the submission itself or a ``reapply`` of its rows. ``faults``: [code, first row, last row], what was
    wrong with which. ``rest``: from this row on the submission's payload can't be read, so nobody can say which rows
    there are; None where each row is known.
    """

    entry: int
    submission: int
    faults: list[tuple[str, int, int]]
    rest: int | None = None

    @property
    def rows(self) -> ranges.Ranges:
        """All rows that are set aside."""
        return ranges.ranges((self.submission, first, last) for _, first, last in self.faults)


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a ``reapply`` entry: rows of one submission that were set aside and are to be applied now."""

    submission: int
    rows: list[tuple[int, int]]

    @property
    def named(self) -> ranges.Ranges:
        """The rows."""
        return ranges.ranges((self.submission, first, last) for first, last in self.rows)


@dataclass(frozen=True, slots=True)
class Plan:
    """What later entries do to records, by record, and which rows are not applied.

    ``moves``: record → [(entry index, label)]; ``gone``: record → entry index. ``aside``: entry → rows that it did not
    bring; ``rest``: entry → the row from which on its payload is not looked at; ``again``: ``reapply`` entry → rows;
    ``anew``: ``reclean`` entry → what it says. ``touched``: entry of :data:`CHANGES` → the submissions whose records it
    names. ``by_record`` False: ``moves`` and ``gone`` stay empty.
    """

    moves: dict[int, list[tuple[int, Label]]] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    aside: dict[int, ranges.Ranges] = field(default_factory=dict)
    rest: dict[int, int] = field(default_factory=dict)
    again: dict[int, ranges.Ranges] = field(default_factory=dict)
    anew: dict[int, Anew] = field(default_factory=dict)
    touched: dict[int, frozenset[int]] = field(default_factory=dict)
    by_record: bool = True

    def take(self, ledger: Ledger, effective: Sequence[tuple[int, str]]) -> None:
        """Take in more :data:`EFFECTIVE` entries, given as (index, type) in ledger order, and what was set aside since.

        Raises IntegrityError for one that can't be read.
        """
        since = effective[0][0] if effective else ledger.head
        for index, _ in ledger.indexes(since, ledger.head, (SET_ASIDE,)):
            self.note_aside(read_aside(ledger, index))
        for index, kind in effective:
            if kind == SUBMISSION:
                continue
            body = ledger.open_header(index)["body"]
            if kind == REAPPLY:
                self.again[index] = msgspec.convert(body, Again).named
                continue
            if kind == RECLEAN:
                self.anew[index] = msgspec.convert(body, Anew)
                continue
            change = read_change(kind, body)
            self.touched[index] = frozenset(record >> ROW_BITS for record in change.records)
            if self.by_record:
                self._note_change(index, change)

    def _note_change(self, index: int, change: Change) -> None:
        for record in change.gone:
            self.gone.setdefault(record, index)
        for move in change.moves:
            for record in move.records:
                self.moves.setdefault(record, []).append((index, move.label))

    def forget(self, entry: int) -> None:
        """Drop what is known about an entry that is applied."""
        for known in (self.aside, self.rest, self.again, self.anew, self.touched):
            known.pop(entry, None)

    def note_aside(self, aside: Aside) -> None:
        """Take in what a ``set-aside`` entry says."""
        self.aside[aside.entry] = ranges.union(self.aside.get(aside.entry, ()), aside.rows)
        if aside.rest is not None:
            self.rest[aside.entry] = aside.rest

    def submission(self, entry: int) -> int:
        """The submission whose rows an entry of :data:`BRINGING` brings."""
        if entry in self.anew:
            return self.anew[entry].submission
        return self.again[entry][0][0] if entry in self.again else entry

    def numbered_by(self, entry: int) -> int:
        """The entry by whose index an entry of :data:`BRINGING` numbers entities that are new."""
        return entry if entry in self.anew else self.submission(entry)

    def brings(self, entry: int) -> Callable[[int], bool]:
        """Which rows of its submission an entry of :data:`BRINGING` brings into the graph."""
        aside = ranges.among(self.aside.get(entry, ()))
        named = self.anew[entry].named if entry in self.anew else self.again.get(entry)
        if named is None:
            return lambda row: not aside(row)
        among = ranges.among(named)
        return lambda row: among(row) and not aside(row)

    def brings_last(self, entry: int) -> Callable[[int], bool]:
        """Of the rows that an entry brings, those that no later entry puts another reading in the place of."""
        submission, brings = self.submission(entry), self.brings(entry)
        later = [
            ranges.minus(anew.named, self.aside.get(index, ()))
            for index, anew in self.anew.items()
            if index > entry and anew.submission == submission
        ]
        replaced = ranges.among(ranges.union(*later))
        return lambda row: brings(row) and not replaced(row)

    def label_at(self, entry: int, record: int, label: Label) -> Label:
        """The label under which ``entry`` brings a record in; moves while the record was set aside count as well."""
        for index, to in self.moves.get(record, ()):
            if record >> ROW_BITS < index < entry and to.owner == label.owner:
                label = to
        return label

    def fate(self, record: int, label: Label) -> Label | None:
        """The final label of a record that came in under ``label``; None when it has gone."""
        if record in self.gone:
            return None
        for index, to in self.moves.get(record, ()):
            # As in the graph: an entry moves only records that are there, and never to another owner.
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


def read_aside(ledger: Ledger, index: int) -> Aside:
    """What a ``set-aside`` entry says."""
    return msgspec.convert(ledger.open_header(index)["body"], Aside)


def read_plan(ledger: Ledger, effective: Sequence[tuple[int, str]]) -> Plan:
    """The plan of some :data:`EFFECTIVE` entries, given as (index, type) in ledger order."""
    plan = Plan()
    plan.take(ledger, effective)
    return plan
