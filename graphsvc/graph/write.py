"""The one writer of the graph: it writes drafts, each batch exactly once.

Every transaction also moves the watermark, so a crash leaves a batch wholly in or wholly out, and a batch that comes
twice or too early is refused (:class:`OutOfOrder`). There is one applier, so transactions never wait for each other.
Several entries may be under way at once; in which order they come is up to the applier.

A label's number is committed before anything is written under it, here or in the columns, and is never given again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from graphsvc.graph import statements
from graphsvc.graph.driver import with_one_map
from graphsvc.graph.marks import Marks
from graphsvc.graph.numbering import Numbering
from graphsvc.graph.prepare import Prepared, prepare
from graphsvc.graph.statements import Parameters
from graphsvc.model.bounds import BATCH_ROWS, WITHDRAWN_CLAIMS
from graphsvc.model.errors import IntegrityError
from graphsvc.model.labels import Label, Move, label_key

if TYPE_CHECKING:
    from neo4j import Session, Transaction

    from graphsvc.graph.driver import Graph
    from graphsvc.model.drafts import CleanDraft


class OutOfOrder(IntegrityError):
    """The graph's watermark is not exactly before what was to be applied; nothing was written."""

    code = "out_of_order"


@dataclass(frozen=True, slots=True)
class Watermark:
    """All entries up to ``index`` are applied (-1: none), but for those that are ``open``.

    ``open`` has these entries in ledger order, each with how many of its rows are done; a submission's rows count in
    the order in which they are sealed.
    """

    index: int
    open: tuple[tuple[int, int], ...] = ()

    @property
    def whole(self) -> int:
        """The last entry up to which everything is applied."""
        return self.open[0][0] - 1 if self.open else self.index

    def at(self, entry: int) -> int | None:
        """How far an entry is applied; None: it is done with."""
        return dict(self.open).get(entry, None if entry <= self.index else 0)

    def after(self, step: Step) -> Watermark:
        """Where the graph stands after a step."""
        left = {**{passed: 0 for passed in step.passed if self.index < passed < step.entry}, **dict(self.open)}
        left.pop(step.entry, None)
        if step.to is not None:
            left[step.entry] = step.to
        return Watermark(max(self.index, step.entry), tuple(sorted(left.items())))


@dataclass(frozen=True, slots=True)
class Step:
    """Part of what an entry does: its rows from number ``at`` (from 0) to before ``to`` (None: to the end).

    ``submission`` has these rows; None: the entry itself. ``passed`` are the entries before it that
    have still to be applied. ``anew``: the rows take the place of what the graph has of them, and entities that are new
    are numbered by the entry.
    """

    entry: int
    at: int = 0
    to: int | None = None
    submission: int | None = None
    passed: tuple[int, ...] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """Per draft of the batch: the integers of its entities, and its label's number."""

    ids: list[list[int]]
    lids: list[int]


class Writer:
    """Writes drafts, label moves and withdrawals. One instance at a time; one thread at a time writes.

    All methods raise Unavailable when Neo4j can't be had and leave the graph as it was.
    """

    def __init__(self, graph: Graph, marks: Marks | None = None) -> None:
        """``marks`` draws the marks of entities and the lots of claims; without it, from a random secret."""
        self._graph = graph
        self._marks = marks or Marks()
        self._lids: dict[Label, int] | None = None
        self._at: Watermark | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """The entity kinds that may be written."""
        return self._graph.kinds

    def watermark(self) -> Watermark:
        """Where the graph stands."""
        index, flat = self._graph.answer(statements.READ_WATERMARK, {})
        at = Watermark(index, tuple(zip(flat[::2], flat[1::2], strict=True)))
        if at != self._at:
            # Somebody else has written since: the labels must be read anew.
            self._lids, self._at = None, at
        return at

    def labels(self, after: int = -1) -> list[tuple[int, Label]]:
        """The labels in use numbered above ``after``, in order."""
        return read_labels(self._graph, after)

    def prepare(
        self,
        submission: int,
        drafts: Sequence[CleanDraft],
        first_ordinal: int | Sequence[int],
        numbered_by: int | None = None,
    ) -> Prepared:
        """Work out all of a batch that needs no database. May run in any thread, also while another batch is written.

        Raises Unfit for a draft that can't become claims.
        """
        return prepare(submission, drafts, first_ordinal, self._marks, numbered_by)

    def apply(
        self,
        step: Step,
        drafts: Sequence[CleanDraft],
        first_ordinal: int | Sequence[int],
        before_commit: Callable[[Applied], None] | None = None,
        prepared: Prepared | None = None,
    ) -> Applied:
        """Apply one batch (best about 5,000 drafts) of what an entry brings.

        ``first_ordinal`` is as in :func:`graphsvc.graph.prepare.prepare`. ``before_commit`` gets what is about to be
        applied; if it raises, nothing is. ``prepared`` is what :meth:`prepare` made of the same drafts before, if it
        was asked to. Raises OutOfOrder unless the watermark is right before this batch.
        """
        if prepared is None:
            submission = step.entry if step.submission is None else step.submission
            prepared = self.prepare(submission, drafts, first_ordinal, step.entry if step.anew else None)
        to = self._to(step)
        lids = self._numbers(prepared.labels)
        with self._graph.writing() as transaction:
            self._move_watermark(transaction, to)
            if step.anew and prepared.records:
                self._take_out(transaction, prepared)
            ids = self._run_batch(transaction, prepared, lids)
            positions = [[ids[position] for position in row] for row in prepared.positions]
            applied = Applied(positions, [lids[label] for label in prepared.label_positions])
            if before_commit is not None:
                before_commit(applied)
            transaction.commit()
        self._at = to
        return applied

    def check(self) -> None:
        """Write and commit something that changes nothing. Raises Unavailable where the server takes no writes."""
        with self._graph.writing() as transaction:
            _run(transaction, statements.TOUCH_WATERMARK, {})
            transaction.commit()

    def move(
        self,
        step: Step,
        moves: Sequence[Move],
        before_commit: Callable[[list[tuple[int, list[int]]]], None] | None = None,
    ) -> None:
        """Put records and all their claims under other labels, as an entry says.

        Records that are absent, or under a label of another owner, are skipped. ``before_commit`` gets, per move,
        the label's number and the records that move; if it raises, nothing is moved.
        """
        to = self._to(step)
        lids = self._numbers([move.label for move in moves])
        owners: dict[str, list[int]] = {}
        for label, lid in self._known().items():
            owners.setdefault(label.owner, []).append(lid)
        done: list[tuple[int, list[int]]] = []
        with self._graph.writing() as transaction:
            self._move_watermark(transaction, to)
            for move, lid in zip(moves, lids, strict=True):
                asked = {"records": move.records, "lid": lid, "own": owners[move.label.owner]}
                moved, left = _packed(transaction, statements.MOVE_RECORDS, asked)
                ids = sorted({pair[0] for pair in left})
                _run(transaction, statements.ADD_LABEL, {"ids": ids, "lid": lid})
                _run(transaction, statements.DROP_LABELS, {"left": left})
                done.append((lid, moved))
            if before_commit is not None:
                before_commit(done)
            transaction.commit()
        self._at = to

    def withdraw(self, step: Step, record_ids: Sequence[int], owners: Sequence[str]) -> None:
        """Delete records and their claims, as an entry says, and entities that nothing supports now.

        Records that are absent, or under a label of none of ``owners``, are skipped. Many go in parts, as in
        :meth:`apply`.
        """
        to = self._to(step)
        own = [lid for label, lid in self._known().items() if label.owner in owners]
        with self._graph.writing() as transaction:
            self._move_watermark(transaction, to)
            left = _packed(transaction, statements.DELETE_RECORDS, {"records": list(record_ids), "own": own})
            _run(transaction, statements.DROP_LABELS, {"left": left})
            _run(transaction, statements.DELETE_BARE, {"ids": sorted({pair[0] for pair in left})})
            transaction.commit()
        self._at = to

    def pieces(self, record_ids: Sequence[int]) -> list[list[int]]:
        """The records in their order, cut so that withdrawing one piece is bounded work; at least one piece."""
        pieces: list[list[int]] = [[]]
        held = 0
        for start in range(0, len(record_ids), BATCH_ROWS):
            asked = list(record_ids[start : start + BATCH_ROWS])
            claims = dict(self._graph.answer(statements.COUNT_CLAIMS, {"records": asked})[0])
            for record in asked:
                held += claims.get(record, 0)
                if pieces[-1] and (held > WITHDRAWN_CLAIMS or len(pieces[-1]) == BATCH_ROWS):
                    held = claims.get(record, 0)
                    pieces.append([])
                pieces[-1].append(record)
        return pieces

    def _numbers(self, labels: Iterable[Label]) -> list[int]:
        """The numbers of labels. Those that are new are durable when this returns: nobody gives them out again.

        What is written under a number and left behind (a part of the columns whose transaction failed) must never be
        read under the label of somebody else.
        """
        known = self._known()
        numbering = Numbering(known)
        numbers = [numbering.number(label) for label in labels]
        if numbering.new:
            with self._graph.writing() as transaction:
                if _packed(transaction, statements.COUNT_LABELS, {}) != len(known):
                    self._at = self._lids = None
                    raise OutOfOrder("labels have come that this writer does not know of")
                rows = [[lid, label_key(label)] for label, lid in numbering.new.items()]
                _run(transaction, statements.CREATE_LABELS, {"labels": rows})
                transaction.commit()
            known.update(numbering.new)
        return numbers

    def _to(self, step: Step) -> Watermark:
        """Where the graph stands after ``step``. Raises OutOfOrder when another step comes first."""
        at = self._at or self.watermark()
        if at.at(step.entry) != step.at:
            raise OutOfOrder("the graph is not right before this entry or batch")
        return at.after(step)

    def _move_watermark(self, transaction: Transaction, to: Watermark) -> None:
        at = self._at
        assert at is not None
        asked = {"at_index": at.index, "at_open": _flat(at), "to_index": to.index, "to_open": _flat(to)}
        if _packed(transaction, statements.MOVE_WATERMARK, asked) != 1:
            self._at = self._lids = None
            raise OutOfOrder("somebody else has written to the graph")

    def _take_out(self, transaction: Transaction, prepared: Prepared) -> None:
        """Delete records that are written anew in the same transaction. What they were about they are about again, and
        under the same labels, so no entity loses its last claim.
        """
        owners = {label.owner for label in prepared.labels}
        own = [lid for label, lid in self._known().items() if label.owner in owners]
        asked = {"records": [record[0] for record in prepared.records], "own": own}
        _packed(transaction, statements.DELETE_RECORDS, asked)

    def _run_batch(self, transaction: Transaction, prepared: Prepared, lids: Sequence[int]) -> list[int]:
        if not prepared.records:
            return []
        found = dict(_packed(transaction, statements.LOOK_UP, prepared.lookup(lids)))
        ids, runs = prepared.bind(found, lids, self._graph.kinds)
        for statement, parameters in runs:
            _run(transaction, statement, parameters)
        return ids

    def _known(self) -> dict[Label, int]:
        if self._lids is None:
            self._lids = {label: lid for lid, label in self.labels()}
        return self._lids


def read_labels(graph: Graph, after: int) -> list[tuple[int, Label]]:
    """The labels numbered above ``after``, in order."""
    (rows,) = graph.answer(statements.READ_LABELS, {"after": after})
    return [(lid, msgspec.json.decode(key, type=Label)) for lid, key in rows]


def _flat(mark: Watermark) -> list[int]:
    return [number for entry in mark.open for number in entry]


def _packed(runner: Session | Transaction, statement: str, parameters: Parameters) -> Any:
    """The only value of a statement's only record."""
    return runner.run(*with_one_map(statement, parameters)).single(strict=True)[0]


def _run(transaction: Transaction, statement: str, parameters: Parameters) -> None:
    """Run a statement that returns nothing."""
    transaction.run(*with_one_map(statement, parameters)).consume()
