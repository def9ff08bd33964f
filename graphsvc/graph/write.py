"""The one writer of the graph: carries drafts in, in ledger order, each batch exactly once.

Every transaction also moves the watermark, so a crash leaves a batch wholly in or wholly out, and a batch that comes
twice or too early is refused (:class:`OutOfOrder`). There is one applier, so transactions never wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from graphsvc.graph import statements
from graphsvc.graph.driver import with_one_map
from graphsvc.graph.numbering import Numbering
from graphsvc.graph.prepare import Prepared, prepare
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
    """``index`` is the last entry wholly applied (-1: none); ``batch``: how far the next one is applied.

    That is how many of its rows are done with: of a submission's, in the order in which they are sealed.
    """

    index: int
    batch: int


@dataclass(frozen=True, slots=True)
class Step:
    """Part of what an entry does: its rows from the ``at``-th on, up to the ``to``-th (None: it is complete then).

    ``submission`` is whose rows they are; None: the entry is the submission.
    """

    entry: int
    at: int = 0
    to: int | None = None
    submission: int | None = None

    @property
    def before(self) -> Watermark:
        """Where the graph stands before it."""
        return Watermark(self.entry - 1, self.at)

    @property
    def after(self) -> Watermark:
        """Where the graph stands after it."""
        return Watermark(self.entry, 0) if self.to is None else Watermark(self.entry - 1, self.to)


@dataclass(frozen=True, slots=True)
class Applied:
    """Per draft of the batch: the integers of its entities, and its label's number."""

    ids: list[list[int]]
    lids: list[int]


class Writer:
    """Writes drafts, label moves and withdrawals. One instance at a time, used by one thread at a time.

    All methods raise Unavailable when Neo4j can't be had and leave the graph as it was.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._lids: dict[Label, int] | None = None
        self._at: Watermark | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """The entity kinds that may be written."""
        return self._graph.kinds

    def watermark(self) -> Watermark:
        """Where the graph stands."""
        at = Watermark(*self._graph.answer(statements.READ_WATERMARK, {}))
        if at != self._at:
            # Someone else has written since, if only for a moment: what labels there are is read anew.
            self._lids, self._at = None, at
        return at

    def labels(self, after: int = -1) -> list[tuple[int, Label]]:
        """The labels in use numbered above ``after``, in order."""
        return read_labels(self._graph, after)

    def apply(
        self,
        step: Step,
        drafts: Sequence[CleanDraft],
        first_ordinal: int | Sequence[int],
        before_commit: Callable[[Applied], None] | None = None,
        heirs: Mapping[tuple[int, int], int] = MappingProxyType({}),
    ) -> Applied:
        """Apply one batch (best about 5,000 drafts) of what an entry brings.

        ``first_ordinal`` and ``heirs`` are as in :func:`graphsvc.graph.prepare.prepare`. ``before_commit`` is told what
        is about to be applied; if it raises, nothing is. Raises OutOfOrder unless the watermark is right before this
        batch.
        """
        submission = step.entry if step.submission is None else step.submission
        prepared = prepare(submission, drafts, first_ordinal, heirs)
        known = self._known()
        lids, new = _number(prepared.labels, known)
        with self._graph.writing() as transaction:
            _move_watermark(transaction, step.before, step.after)
            _create_labels(transaction, new)
            ids = _run_batch(transaction, prepared, lids, self._graph.kinds)
            positions = [[ids[position] for position in row] for row in prepared.positions]
            applied = Applied(positions, [lids[label] for label in prepared.label_positions])
            if before_commit is not None:
                before_commit(applied)
            transaction.commit()
        # Only now: a rolled-back transaction's numbers must be given out again.
        known.update(new)
        self._at = step.after
        return applied

    def check(self) -> None:
        """Write and commit something that changes nothing. Raises Unavailable where the server takes no writes."""
        with self._graph.writing() as transaction:
            _run(transaction, statements.TOUCH_WATERMARK, {})
            transaction.commit()

    def advance(self, index: int) -> None:
        """Say that all entries up to ``index`` are applied, those between holding nothing for the graph."""
        with self._graph.writing() as transaction:
            at = Watermark(*transaction.run(statements.READ_WATERMARK).single(strict=True).values())
            if at.batch or index < at.index:
                raise OutOfOrder("an entry is half applied, or the graph is further already")
            _move_watermark(transaction, at, Watermark(index, 0))
            transaction.commit()

    def move(
        self,
        entry_index: int,
        moves: Sequence[Move],
        before_commit: Callable[[list[tuple[int, list[int]]]], None] | None = None,
    ) -> None:
        """Put records and all their claims under other labels, as entry ``entry_index`` says.

        Records that are absent, or under a label of another owner, are skipped. ``before_commit`` is told, per move,
        the label's number and the records that move; if it raises, nothing is moved.
        """
        known = self._known()
        lids, new = _number([move.label for move in moves], known)
        owners: dict[str, list[int]] = {}
        for label, lid in (known | new).items():
            owners.setdefault(label.owner, []).append(lid)
        done: list[tuple[int, list[int]]] = []
        with self._graph.writing() as transaction:
            _move_watermark(transaction, Watermark(entry_index - 1, 0), Watermark(entry_index, 0))
            _create_labels(transaction, new)
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
        known.update(new)
        self._at = Watermark(entry_index, 0)

    def withdraw(self, step: Step, record_ids: Sequence[int], owners: Sequence[str]) -> None:
        """Delete records and their claims, as an entry says, and entities that nothing supports now.

        Records that are absent, or under a label of none of ``owners``, are skipped. Many go in parts, as in
        :meth:`apply`.
        """
        own = [lid for label, lid in self._known().items() if label.owner in owners]
        with self._graph.writing() as transaction:
            _move_watermark(transaction, step.before, step.after)
            left = _packed(transaction, statements.DELETE_RECORDS, {"records": list(record_ids), "own": own})
            _run(transaction, statements.DROP_LABELS, {"left": left})
            _run(transaction, statements.DELETE_BARE, {"ids": sorted({pair[0] for pair in left})})
            transaction.commit()

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

    def reserve(self, labels: Mapping[Label, int]) -> None:
        """Enter labels under the numbers that they had, where they are missing: before anything else is applied."""
        known = self._known()
        missing = {label: lid for label, lid in labels.items() if label not in known}
        if missing:
            with self._graph.writing() as transaction:
                _create_labels(transaction, missing)
                transaction.commit()
            known.update(missing)

    def _known(self) -> dict[Label, int]:
        if self._lids is None:
            self._lids = {label: lid for lid, label in self.labels()}
        return self._lids


def read_labels(graph: Graph, after: int) -> list[tuple[int, Label]]:
    """The labels numbered above ``after``, in order."""
    (rows,) = graph.answer(statements.READ_LABELS, {"after": after})
    return [(lid, msgspec.json.decode(key, type=Label)) for lid, key in rows]


def _number(labels: Sequence[Label], known: dict[Label, int]) -> tuple[list[int], dict[Label, int]]:
    """The labels' numbers, and those of them that are new."""
    numbering = Numbering(known)
    numbers = [numbering.number(label) for label in labels]
    return numbers, numbering.new


def _move_watermark(transaction: Transaction, at: Watermark, to: Watermark) -> None:
    moved = _packed(
        transaction,
        statements.MOVE_WATERMARK,
        {"at_index": at.index, "at_batch": at.batch, "to_index": to.index, "to_batch": to.batch},
    )
    if moved != 1:
        raise OutOfOrder("the graph's watermark is not right before this entry or batch")


def _create_labels(transaction: Transaction, new: dict[Label, int]) -> None:
    if new:
        rows = [[lid, label_key(label)] for label, lid in new.items()]
        _run(transaction, statements.CREATE_LABELS, {"labels": rows})


def _run_batch(transaction: Transaction, prepared: Prepared, lids: Sequence[int], kinds: frozenset[str]) -> list[int]:
    if not prepared.drafts:
        return []
    found = dict(_packed(transaction, statements.LOOK_UP, prepared.lookup(lids)))
    wrong = [[found[at], told] for at, told in prepared.forced.items() if found.get(at, told) != told]
    if wrong:
        _run(transaction, statements.RENUMBER, {"pairs": wrong})
    found.update({at: told for at, told in prepared.forced.items() if at in found})
    ids, runs = prepared.bind(found, lids, kinds)
    for statement, parameters in runs:
        _run(transaction, statement, parameters)
    return ids


def _packed(runner: Session | Transaction, statement: str, parameters: dict[str, Any]) -> Any:
    """The only value of a statement's only record."""
    return runner.run(*with_one_map(statement, parameters)).single(strict=True)[0]


def _run(transaction: Transaction, statement: str, parameters: dict[str, Any]) -> None:
    """A statement that answers nothing."""
    transaction.run(*with_one_map(statement, parameters)).consume()
