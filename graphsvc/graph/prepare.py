"""From clean drafts to the parameters of the write statements: pure, so a benchmark can run the same statements.

A batch is prepared in two steps, because only the database knows which entities exist already: :func:`prepare` works
out everything else, before the batch's turn if there is time, :meth:`Prepared.bind` puts the integers in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from graphsvc.graph import statements
from graphsvc.graph.marks import Marks
from graphsvc.graph.statements import Parameters
from graphsvc.model.beginnings import lead_of
from graphsvc.model.claims import Facts, entity_facts, expiry, link_facts
from graphsvc.model.drafts import CleanDraft, CleanEntity
from graphsvc.model.errors import IntegrityError
from graphsvc.model.labels import Label
from graphsvc.model.names import name_rows
from graphsvc.model.places import record_int

Statement = tuple[str, Parameters]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch before its entities' integers are known; entities and labels are positions in ``keys`` and ``labels``.

    ``records`` and ``claims`` are rows for the statements, with gaps for integers and label numbers. ``ends`` has, for
    each of the claims, the positions of both its ends and of its label.
    """

    positions: list[list[int]]
    label_positions: list[int]
    keys: list[str]
    kinds: list[str]
    touched: list[list[int]]
    fresh_ids: list[int]
    labels: list[Label]
    records: list[list[Any]]
    claims: list[list[Any]]
    ends: list[tuple[int, int, int]]
    marks: Marks

    def lookup(self, lids: Sequence[int]) -> Parameters:
        """Parameters of :data:`statements.LOOK_UP`; ``lids`` are the numbers of ``labels``."""
        return {
            "touch": [
                [key, [lids[label] for label in labels], position]
                for position, (key, labels) in enumerate(zip(self.keys, self.touched, strict=True))
            ]
        }

    def bind(
        self, found: Mapping[int, int], lids: Sequence[int], kinds: frozenset[str]
    ) -> tuple[list[int], list[Statement]]:
        """The integers of ``keys`` and the statements to run, in order. Binding again fills the same rows anew.

        ``found`` maps positions of entities that exist to their integers. Raises IntegrityError for a kind that is not
        among ``kinds``.
        """
        ids = [found.get(position, fresh) for position, fresh in enumerate(self.fresh_ids)]
        new: dict[str, list[list[Any]]] = {}
        for position, kind in enumerate(self.kinds):
            if position not in found:
                labels = [lids[label] for label in self.touched[position]]
                key = self.keys[position]
                new.setdefault(kind, []).append([ids[position], key, labels, self.marks.entity(key)])
        if not new.keys() <= kinds:
            raise IntegrityError("a draft names a kind that the schema doesn't have", code="unknown_kind")
        runs: list[Statement] = [
            (statements.create_entities(kind), {"new": rows}) for kind, rows in sorted(new.items())
        ]
        for record, own, label in zip(self.records, self.positions, self.label_positions, strict=True):
            record[1] = lids[label]
            for about, position in zip(record[3], own, strict=True):
                about[0] = ids[position]
        for claim, (source, target, label) in zip(self.claims, self.ends, strict=True):
            claim[0], claim[1], claim[4] = ids[source], ids[target], lids[label]
        runs.append((statements.CREATE_RECORDS, {"records": self.records}))
        if self.claims:
            runs.append((statements.CREATE_CLAIMS, {"claims": self.claims}))
        return ids, runs


@dataclass(slots=True)
class Mentions:
    """The entities that some drafts name, each once: keys, kinds and ordinals, in the order in which they come.

    ``positions`` has a list for each draft: where its entities are in these lists. An entity's ordinal is its place
    among all entities of the submission's accepted drafts, where it is named first; its integer is made from that, so a
    rebuild must count as the applier does.
    """

    keys: list[str]
    kinds: list[str] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    positions: list[list[int]] = field(default_factory=list)


def mentions(drafts: Sequence[CleanDraft], begins: Iterable[int]) -> Mentions:
    """What ``drafts`` name. ``begins`` has the ordinal of each draft's first entity."""
    found = Mentions([])
    seen: dict[str, int] = {}
    for draft, begin in zip(drafts, begins, strict=True):
        row = []
        for ordinal, entity in enumerate(draft.entities, begin):
            position = seen.setdefault(entity.key, len(seen))
            if position == len(found.kinds):
                found.kinds.append(entity.kind)
                found.ordinals.append(ordinal)
            row.append(position)
        found.positions.append(row)
    found.keys = list(seen)
    return found


def prepare(
    entry_index: int,
    drafts: Sequence[CleanDraft],
    first_ordinal: int | Sequence[int],
    marks: Marks,
    numbered_by: int | None = None,
) -> Prepared:
    """Work out a batch of one submission.

    ``first_ordinal`` is the ordinal of the batch's first entity, counted over all entities of the submission's
    accepted drafts; or, where erased drafts left gaps, one such number for each draft. ``marks`` draws the lots of
    claims and the marks of new entities. ``numbered_by`` is the entry by whose index new entities get their integers,
    where it is not the submission. Raises Unfit for a draft that can't become claims.
    """
    if isinstance(first_ordinal, int):
        sizes = [len(draft.entities) for draft in drafts]
        begins: Sequence[int] = list(accumulate(sizes[:-1], initial=first_ordinal))[: len(drafts)]
    else:
        begins = first_ordinal
    found = mentions(drafts, begins)
    known: dict[Label, int] = {}
    touched: list[dict[int, None]] = [{} for _ in found.keys]
    label_positions: list[int] = []
    for draft, row in zip(drafts, found.positions, strict=True):
        label = known.setdefault(draft.label, len(known))
        label_positions.append(label)
        for position in row:
            touched[position][label] = None
    return Prepared(
        found.positions,
        label_positions,
        found.keys,
        found.kinds,
        [list(t) for t in touched],
        [record_int(entry_index if numbered_by is None else numbered_by, ordinal) for ordinal in found.ordinals],
        list(known),
        *_rows(entry_index, drafts, found.positions, label_positions, marks),
        marks,
    )


def _rows(
    entry_index: int,
    drafts: Sequence[CleanDraft],
    positions: Sequence[Sequence[int]],
    labels: Sequence[int],
    marks: Marks,
) -> tuple[list[list[Any]], list[list[Any]], list[tuple[int, int, int]]]:
    """Rows of records and of claims with gaps for what only the database knows, and the ends and labels of claims."""
    records: list[list[Any]] = []
    claims: list[list[Any]] = []
    ends: list[tuple[int, int, int]] = []
    for draft, own, label in zip(drafts, positions, labels, strict=True):
        record, exp = record_int(entry_index, draft.row), expiry(draft)
        about = [
            _about(entity, facts, marks.about(record, place))
            for place, (entity, facts) in enumerate(zip(draft.entities, entity_facts(draft), strict=True))
        ]
        records.append([record, 0, exp, about])
        for place, (link, facts) in enumerate(zip(draft.links, link_facts(draft), strict=True)):
            ends.append((own[link.source], own[link.target], label))
            claims.append([0, 0, link.kind, record, 0, exp, facts, marks.claim(record, place)])
    return records, claims, ends


def _about(entity: CleanEntity, facts: Facts, lot: int) -> list[Any]:
    return [0, facts, lot, [[*rows] for rows in name_rows(entity.attributes)], lead_of(entity.key)]
