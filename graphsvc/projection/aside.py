"""Rows set aside: what the applier could not bring into the graph, said in the log, and what is set aside now.

Every accepted row should be applicable; this is for those that are not. A fault of the surroundings (Neo4j gone, a disk
full) is waited out, however long it lasts. A fault of the data never passes: then an entry of the log names the rows at
fault, and no others, with a code and no values; their owner is told in its section, and the applier goes on. The entry
rests on the operator's word alone: no organisation has signed it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from graphsvc.columns.claims import claims_table
from graphsvc.graph.marks import Marks
from graphsvc.graph.prepare import prepare
from graphsvc.graph.write import OutOfOrder
from graphsvc.ledger import anew as recleaned
from graphsvc.ledger import tables
from graphsvc.ledger.entry import Effects, EntryDraft, OwnerPart
from graphsvc.ledger.taken import PAYLOAD, gone, standing
from graphsvc.model import ranges
from graphsvc.model.claims import Unfit
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import Conflict, GraphsvcError, IntegrityError
from graphsvc.model.ranges import Ranges
from graphsvc.projection.changes import REAPPLY, RECLEAN, SET_ASIDE, Again, Aside

APPLIER = "the service's applier"
BAD_VALUE, UNREADABLE = "bad_value", "unreadable"
"""Codes: a value that no graph or column can hold; a draft that its key does not open, or not of its form."""
REFUSED = ("graph_statement", "graph_refused")
"""Codes of what Neo4j refuses: believed only after several tries, and only while it takes other writes."""
SLOW = "graph_slow"
"""A time-out: worth trying in smaller parts, and never a row's own fault."""
LISTED = 200
"""At most this many ranges of rows stand in the owner's section itself; the header has all of them."""

_OF_DATA = (ValueError, ArithmeticError, TypeError, LookupError, RecursionError, struct.error)
Faults = Sequence[tuple[str, int, int]]


def fault_of(error: Exception) -> str | None:
    """The code of a fault that recurs whenever the same data is applied; None for one that may pass."""
    if isinstance(error, OutOfOrder | OSError):
        return None
    if isinstance(error, Unfit):
        return BAD_VALUE
    if isinstance(error, IntegrityError):
        return PAYLOAD if error.code == IntegrityError.code else error.code
    if isinstance(error, GraphsvcError):
        return error.code if error.code in (*REFUSED, SLOW) else None
    return BAD_VALUE if isinstance(error, _OF_DATA) else None


def row_fault(submission: int, draft: CleanDraft, ordinal: int, kinds: frozenset[str]) -> str | None:
    """What is wrong with one draft by itself, found without any server: the code, or None."""
    try:
        prepared = prepare(submission, [draft], ordinal, Marks())
        ids, _ = prepared.bind({}, [1] * len(prepared.labels), kinds)
        claims_table(submission, [draft], [[ids[at] for at in prepared.positions[0]]], [1])
    except Exception as error:
        return fault_of(error)
    return None


def as_ranges(faults: Iterable[tuple[int, str]]) -> list[tuple[str, int, int]]:
    """[code, first row, last row] for rows with their codes, in the order of their rows."""
    found: list[tuple[str, int, int]] = []
    for row, code in sorted(faults):
        if found and found[-1][0] == code and found[-1][2] == row - 1:
            found[-1] = (code, found[-1][1], row)
        else:
            found.append((code, row, row))
    return found


def set_aside_entry(owner: str, aside: Aside, *, anew: bool = False) -> EntryDraft:
    """The entry that sets rows aside. Appending fails with Conflict where one of them is set aside already.

    ``anew``: the entry that could not bring them cleans them anew. Then they stay in the graph as they were, so
    nothing waits to be reapplied.
    """

    def effects(connection: Connection, index: int, _t: str) -> None:
        if anew:
            if not recleaned.drop(connection, aside.entry, aside.submission, aside.rows):
                raise Conflict("these rows are set aside already", code="set_aside_already")
            return
        known = standing(connection, [aside.submission]).get(aside.submission, [])
        if ranges.both(ranges.union(*(rows for _, rows in known)), aside.rows):
            raise Conflict("these rows are set aside already", code="set_aside_already")
        by_code: dict[str, list[tuple[int, int, int]]] = {}
        for code, first, last in aside.faults:
            by_code.setdefault(code, []).append((aside.submission, first, last))
        for code, named in by_code.items():
            _note(connection, index, aside.submission, code, ranges.ranges(named))

    facts = _facts(SET_ASIDE, APPLIER, aside.submission, aside.faults)
    return EntryDraft(
        type=SET_ASIDE,
        who={"org": "operator", "person": APPLIER},
        owners=[OwnerPart(owner, {**facts, "reclean": aside.entry} if anew else facts, [])],
        body=msgspec.to_builtins(aside),
        effects=effects,
    )


def reapply_entry(owner: str, by: str, rows: Ranges, still: Effects) -> EntryDraft:
    """The entry that reapplies rows of one submission that were set aside.

    Appending fails with Conflict where one of them is not set aside any more (applied, taken back or erased), and with
    what ``still`` raises in the entry's transaction.
    """
    submission = rows[0][0]
    again = Again(submission, [(first, last) for _, first, last in rows])

    def effects(connection: Connection, index: int, t: str) -> None:
        still(connection, index, t)
        known = standing(connection, [submission]).get(submission, [])
        if ranges.minus(rows, ranges.union(*(named for _, named in known))):
            raise Conflict("some of it is not set aside any more", code="not_set_aside")
        _note(connection, index, submission, "", rows)

    return EntryDraft(
        type=REAPPLY,
        who={"org": "operator", "person": by},
        owners=[OwnerPart(owner, _facts(REAPPLY, by, submission, [("", *one[1:]) for one in rows]), [])],
        body=msgspec.to_builtins(again),
        effects=effects,
    )


def reclean_entry(owner: str, by: str, said: recleaned.Anew, body: Mapping[str, Any], still: Effects) -> EntryDraft:
    """The entry that puts rows cleaned anew in the place of what is there of them; ``body`` is what it says beside.

    Appending fails with Conflict where one of them has been taken back, erased or set aside meanwhile, and with what
    ``still`` raises in the entry's transaction.
    """
    submission, rows = said.submission, said.named

    def effects(connection: Connection, index: int, t: str) -> None:
        still(connection, index, t)
        if ranges.both(rows, not_there(connection, submission)):
            raise Conflict("some of it is not in the graph any more", code="not_there")
        recleaned.note(connection, index, submission, rows)

    return EntryDraft(
        type=RECLEAN,
        who={"org": "operator", "person": by},
        owners=[OwnerPart(owner, _facts(RECLEAN, by, submission, [("", *one[1:]) for one in rows]), [])],
        body={**msgspec.to_builtins(said), **body},
        effects=effects,
    )


def not_there(connection: Connection, submission: int) -> Ranges:
    """The rows of a submission that were taken back, erased or set aside."""
    aside = standing(connection, [submission]).get(submission, [])
    return ranges.union(gone(connection, [submission], None), *(of for _, of in aside))


def owner_of(connection: Connection, submission: int) -> str | None:
    """The owner of a submission; None when there is no such submission."""
    table = tables.submissions
    return connection.execute(select(table.c.org).where(table.c["index"] == submission)).scalar()


def last_row(connection: Connection, submission: int, after: int) -> int:
    """The last row of a submission, but at least ``after``."""
    table = tables.submissions
    rows = connection.execute(select(table.c.rows).where(table.c["index"] == submission)).scalar()
    return max(after, (rows or 0) - 1)


def _note(connection: Connection, index: int, submission: int, code: str, rows: Ranges) -> None:
    named = {"submission": submission, "index": index, "code": code, "rows": ranges.pack(rows)}
    connection.execute(insert(tables.asides), named)


def _facts(action: str, by: str, submission: int, faults: Faults) -> dict[str, Any]:
    return {
        "action": action,
        "by": by,
        "submission": submission,
        "count": sum(last - first + 1 for _, first, last in faults),
        "rows": [list(one) for one in faults[:LISTED]],
    }
