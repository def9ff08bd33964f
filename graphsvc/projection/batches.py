"""What an entry brings into the graph, read from its sealed payload: rows in order, cut into batches.

A row that can't be read does not hold up the others: it comes with what is wrong with it. Where a pack or the entry
itself can't be read, nobody can say which rows there are, so reading ends there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from graphsvc.ledger.anew import open_anew
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, RowKeys, SealedDraft, read_drafts
from graphsvc.ledger.taken import PAYLOAD
from graphsvc.model.bounds import Load
from graphsvc.model.claims import decode_draft
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import Unavailable
from graphsvc.model.places import record_int
from graphsvc.projection.aside import UNREADABLE, fault_of
from graphsvc.projection.changes import MOVE, Plan, read_plan

TRIES = 3
"""At most this many tries before a fault is taken to be permanent."""

T = TypeVar("T")


class Stopping(Unavailable):
    """The service stops; the next start goes on."""

    code = "stopping"


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be applied: its number, its place among the sealed ones, the ordinal of its first entity, its draft.

    ``begin`` is the place at which its batch begins. ``draft`` None: the row can't be read, ``fault`` says why.
    """

    number: int
    place: int
    begin: int
    ordinal: int
    draft: CleanDraft | None
    fault: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one submission in the order in which they are sealed, from the ``at``-th up to the ``to``-th.

    ``to`` None: up to the last. ``drafts`` are those to be applied, each with the ordinal of its first entity and its
    place in that order; ``faults`` those that can't be read, with a code. ``rest``: the row from which on the payload
    can't be read.
    """

    at: int
    to: int | None
    drafts: list[CleanDraft] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    rest: int | None = None

    def cut(self, size: int) -> tuple[Batch, Batch | None]:
        """The first ``size`` drafts, and what is left."""
        if size >= len(self.drafts):
            return self, None
        middle = self.places[size]
        first = Batch(self.at, middle, self.drafts[:size], self.ordinals[:size], self.places[:size])
        return first, Batch(middle, self.to, self.drafts[size:], self.ordinals[size:], self.places[size:])

    def without(self, rows: Collection[int]) -> Batch:
        """The same without the drafts of some rows."""
        left = Batch(self.at, self.to)
        for draft, ordinal, place in zip(self.drafts, self.ordinals, self.places, strict=True):
            if draft.row not in rows:
                left.drafts.append(draft)
                left.ordinals.append(ordinal)
                left.places.append(place)
        return left


class RowReader:
    """Reads rows. ``go_on`` waits the given seconds, and raises :class:`Stopping` when the service stops."""

    def __init__(self, ledger: Ledger, store: PayloadStore, keys: RowKeys, go_on: Callable[[float], None]) -> None:
        self._ledger = ledger
        self._store = store
        self._keys = keys
        self._go_on = go_on

    def batches(self, entry: int, at: int, plan: Plan) -> Iterator[Batch]:
        """The rows that an entry brings, from the ``at``-th on; erased ones and those set aside are left out."""
        made = Batch(at, None)
        for row in self._rows(entry, at, plan):
            if row.fault == PAYLOAD:
                yield replace(made, rest=row.number)
                return
            if row.begin > made.at:
                yield replace(made, to=row.begin)
                made = Batch(row.begin, None)
            if row.draft is None:
                made.faults.append((row.number, row.fault))
            else:
                made.drafts.append(row.draft)
                made.ordinals.append(row.ordinal)
                made.places.append(row.place)
        yield made

    def _rows(self, entry: int, at: int, plan: Plan) -> Iterator[Row]:
        """Each row to be applied; the last may be one from which on the payload can't be read (:data:`PAYLOAD`).

        Places and ordinals count all rows of the submission, or of those cleaned anew, whatever became of them.
        """
        submission = plan.submission(entry)
        wanted, rest = plan.brings(entry), plan.rest.get(entry)
        moves = self._ledger.indexes(submission + 1, entry, (MOVE,)) if entry > submission else []
        moved = read_plan(self._ledger, moves)
        number = place = ordinal = 0
        begin, load = at, Load()
        packs: Iterator[list[SealedDraft]] = iter(()) if rest == 0 else self._packs(entry, plan)
        while rest is None or number < rest:
            try:
                pack = next(packs, None)
            except Exception as error:
                if fault_of(error) is None:
                    raise
                yield Row(number, place, begin, ordinal, None, PAYLOAD)
                return
            for sealed in pack or ():
                # All rows count, so that what is set aside or erased meanwhile does not move where batches end.
                if place >= at and not load.takes(sealed.claims, sealed.size):
                    begin, load = place, Load()
                    load.takes(sealed.claims, sealed.size)
                if place >= at and wanted(sealed.row) and (sealed.draft is not None or sealed.damaged):
                    draft = read_draft(sealed)
                    if draft is not None:
                        label = moved.label_at(entry, record_int(submission, sealed.row), draft.label)
                        draft = msgspec.structs.replace(draft, label=label)
                    yield Row(sealed.row, place, begin, ordinal, draft, UNREADABLE if draft is None else "")
                place, ordinal, number = place + 1, ordinal + sealed.entities, sealed.row + 1
            if pack is None:
                return

    def _packs(self, entry: int, plan: Plan) -> Iterator[list[SealedDraft]]:
        """The drafts in each pack of an entry. Raises what reading raises, if it still does at the last try."""
        if (anew := plan.anew.get(entry)) is not None:
            yield self._again(lambda: list(read_drafts(*open_anew(self._store, self._keys, anew), anew.name)))
            return
        submission = plan.submission(entry)
        body = self._again(lambda: self._ledger.open_header(submission)["body"])
        name = str(body["name"])
        for pack in msgspec.convert(body["packs"], list[str]):

            def read(pack: str = pack) -> list[SealedDraft]:
                return list(read_drafts(self._store.get(pack), self._keys.open(pack), name))

            yield self._again(read)

    def _again(self, read: Callable[[], T]) -> T:
        for again in range(1, TRIES):
            try:
                return read()
            except Exception as error:
                if fault_of(error) is None:
                    raise
            self._go_on(again * 0.5)
        return read()


def read_draft(sealed: SealedDraft) -> CleanDraft | None:
    """The draft; None for one that can't be read, or whose row or number of entities is not the sealed one."""
    try:
        draft = None if sealed.draft is None else decode_draft(sealed.draft)
    except (ValueError, RecursionError):
        return None
    return draft if draft and (draft.row, len(draft.entities)) == (sealed.row, sealed.entities) else None
