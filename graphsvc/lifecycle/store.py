"""What the ledger's side tables know of an owner's records: which went, which are held, who saw them."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy import Connection, select

from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.chunks import chunks
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, pack_rows
from graphsvc.ledger.taken import gone, standing, unreadable
from graphsvc.model import ranges
from graphsvc.model.errors import IntegrityError, NotFound
from graphsvc.model.ranges import Ranges
from graphsvc.sharing.states import keeps
from graphsvc.sharing.store import find

RECALLED, CORRECTED, DEPARTED, ERASED, PURGED = "recalled", "corrected", "departed", "erased", "purged"
DESTROYING = (ERASED, PURGED)
"""Causes after which nothing of a record is left."""
TOLD = (RECALLED, CORRECTED, DEPARTED, ERASED)
"""Causes after which those who saw a record are told."""


@dataclass(slots=True)
class Seen:
    """What one organisation was shown of some records: which rows, and each row's reads (ledger indexes)."""

    rows: Ranges = ()
    reads: dict[int, list[int]] = field(default_factory=dict)
    """Record integer → the entries that showed it, ascending."""
    hits: dict[int, list[int]] = field(default_factory=dict)
    """Record integer → the entries that only told of a hit; ``rows`` does not count these."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An own submission: its ledger index, when it came (RFC 3339), and how many rows it has."""

    index: int
    t: str
    rows: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An entry that took records back or erased them. ``told``: the entry that told those who had seen them."""

    index: int
    owner: str
    cause: str
    person: str
    reason: str
    deadline: str
    t: str
    records: int
    told: int | None


@dataclass(frozen=True, slots=True)
class Read:
    """What a read in the ledger says of itself: when, who, on what footing, whether for a file."""

    index: int
    t: str
    org: str
    person: str
    purpose: str
    basis: str
    case: str
    export: bool


class Book:
    """Reads the side tables. Blocks: for worker threads."""

    def __init__(self, ledger: Ledger, store: PayloadStore) -> None:
        self._ledger = ledger
        self._store = store

    def submissions(self, org: str, since: str | None = None, until: str | None = None) -> list[Sent]:
        """The organisation's submissions, ascending, received from ``since`` to ``until``."""
        table = tables.submissions
        query = select(table.c["index"], table.c.t, table.c.rows).where(table.c.org == org).order_by(table.c["index"])
        with self._ledger.reading() as connection:
            sent = [Sent(*row) for row in connection.execute(query)]
        start = None if since is None else datetime.fromisoformat(since)
        end = None if until is None else datetime.fromisoformat(until)
        times = [(datetime.fromisoformat(one.t), one) for one in sent]
        return [one for t, one in times if (start is None or t >= start) and (end is None or t <= end)]

    def owned(self, org: str, submission: int) -> int:
        """How many rows an own submission has. Raises NotFound for another's and for no submission, alike."""
        table = tables.submissions
        query = select(table.c.rows).where(table.c["index"] == submission, table.c.org == org)
        with self._ledger.reading() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            raise NotFound("there is no such record")
        return int(found)

    def accepted(self, submission: int) -> Ranges:
        """The rows of a submission that were accepted, as the tables of its packs list them; no key is needed.

        Where a pack can't be read, so that its rows are set aside, all rows that may be in it count.
        """
        with self._ledger.reading() as connection:
            lost = unreadable(connection, submission)
        found: list[Ranges] = []
        try:
            for pack in self._ledger.open_header(submission)["body"]["packs"]:
                found.append(ranges.of_rows(submission, pack_rows(self._store.get(pack))))
        except IntegrityError:
            if not lost:
                raise
            found.append(lost)
        return ranges.union(*found)

    def lost(self, submission: int) -> Ranges:
        """The rows of a submission whose payload can't be read now, among those that were set aside for it."""
        with self._ledger.reading() as connection:
            lost = unreadable(connection, submission)
        try:
            for pack in self._ledger.open_header(submission)["body"]["packs"] if lost else ():
                self._store.get(pack)
        except IntegrityError:
            return lost
        return ()

    def set_aside(self, org: str) -> Ranges:
        """What of the organisation's rows is set aside now."""
        with self._ledger.reading() as connection:
            table = tables.submissions
            own = set(connection.execute(select(table.c["index"]).where(table.c.org == org)).scalars())
            found = standing(connection)
        return ranges.union(*(rows for one in own & found.keys() for _, rows in found[one]))

    def gone(self, submissions: Sequence[int], causes: Sequence[str] | None = None) -> Ranges:
        """What was taken out of some submissions, for one of ``causes`` (None: any)."""
        with self._ledger.reading() as connection:
            return gone(connection, submissions, causes)

    def recalled(self, org: str) -> Ranges:
        """What the organisation took back and what is not destroyed yet."""
        table, rows = tables.withdrawals, tables.withdrawn
        query = select(rows.c.submission).join(table, table.c["index"] == rows.c["index"]).where(table.c.owner == org)
        with self._ledger.reading() as connection:
            found = sorted(set(connection.execute(query.where(table.c.cause.not_in(DESTROYING))).scalars()))
            taken = gone(connection, found, (RECALLED, CORRECTED, DEPARTED))
            return ranges.minus(taken, gone(connection, found, DESTROYING))

    def withdrawal(self, index: int) -> tuple[Withdrawal, Ranges]:
        """A withdrawal and the rows that it names. Raises NotFound."""
        table, rows = tables.withdrawals, tables.withdrawn
        with self._ledger.reading() as connection:
            found = connection.execute(select(table).where(table.c["index"] == index)).mappings().first()
            if found is None:
                raise NotFound("there is no such record")
            query = select(rows.c.submission, rows.c.rows).where(rows.c["index"] == index).order_by(rows.c.submission)
            named = [
                part for submission, packed in connection.execute(query) for part in ranges.unpack(submission, packed)
            ]
        return Withdrawal(**found), tuple(named)

    def seen(self, owner: str, of: Ranges, before: int) -> dict[str, Seen]:
        """By organisation: what others than the owner learned of some records in entries below ``before``."""
        shown, reads = tables.disclosures, tables.reads
        found: dict[str, Seen] = {}
        parts: dict[str, list[Ranges]] = {}
        with self._ledger.reading() as connection:
            for submission in ranges.submissions(of):
                own = ranges.of_submission(of, submission)
                query = (
                    select(shown.c["index"], shown.c.rows, reads.c.org, shown.c.hit)
                    .join(reads, reads.c["index"] == shown.c["index"])
                    .where(shown.c.submission == submission, shown.c.owner == owner, shown.c["index"] < before)
                    .where(reads.c.org != owner)
                    .order_by(shown.c["index"])
                )
                for index, packed, reader, hit in connection.execute(query):
                    rows = struct.unpack(f">{len(packed) // 4}I", packed)
                    named = ranges.both(ranges.of_rows(submission, rows), own)
                    if named:
                        seen = found.setdefault(reader, Seen())
                        parts.setdefault(reader, []).extend(() if hit else (named,))
                        entries = seen.hits if hit else seen.reads
                        for record in ranges.records(named):
                            entries.setdefault(record, []).append(index)
        for reader, every in parts.items():
            found[reader].rows = ranges.union(*every)
        return found

    def reads(self, indexes: Sequence[int]) -> dict[int, Read]:
        """The reads at some ledger indexes, by index."""
        found: dict[int, Read] = {}
        table = tables.reads
        said = [table.c[name.name] for name in fields(Read)]
        with self._ledger.reading() as connection:
            for chunk in chunks(indexes):
                query = select(*said).where(table.c["index"].in_(chunk))
                found |= {row[0]: Read(*row) for row in connection.execute(query)}
        return found


def book_of(core: Core) -> Book:
    """The side tables of a service."""
    return Book(core.ledger, core.payloads.store)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold by the index of its entry. ``request``: the preservation that made it and ends it; empty for none."""

    index: int
    request: str
    ranges: Ranges


def in_force(connection: Connection, org: str) -> list[Hold]:
    """The holds on an organisation's records, as the connection sees them."""
    table = tables.holds
    query = select(table).where(table.c.org == org, table.c.released.is_(None)).order_by(table.c["index"])
    now = time.time()
    return [
        Hold(
            row["index"],
            row["request"],
            _shown_in(connection, org, row["case"]) if row["case"] else ranges.ranges(row["ranges"]),
        )
        for row in connection.execute(query).mappings().all()
        if not row["request"] or keeps(find(connection, org, row["request"]).standing(now), now)
    ]


def _shown_in(connection: Connection, org: str, case: str) -> Ranges:
    """The organisation's own records that its own readers were shown under a case."""
    shown, reads = tables.disclosures, tables.reads
    query = (
        select(shown.c.submission, shown.c.rows)
        .join(reads, reads.c["index"] == shown.c["index"])
        .where(shown.c.owner == org, reads.c.org == org, reads.c.case == case, shown.c.hit.is_(False))
    )
    found: dict[int, set[int]] = {}
    for submission, packed in connection.execute(query):
        found.setdefault(submission, set()).update(struct.unpack(f">{len(packed) // 4}I", packed))
    return ranges.union(*(ranges.of_rows(submission, rows) for submission, rows in found.items()))
