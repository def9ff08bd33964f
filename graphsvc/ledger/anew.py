"""Rows cleaned anew: what is kept of them, and which they are.

A ``reclean`` entry names rows of one pack of a submission and a pack of its own, which holds all that these rows say
now. The keys of that second pack are nowhere: each is derived from its row's own draft key (:func:`derived_keys`), so
whatever destroys or wraps a row's keys does so for all that was ever made of the row. Nothing has to remember it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from graphsvc.ledger import tables
from graphsvc.ledger.payload import Packer, PayloadStore, RowKeys, pack_rows
from graphsvc.ledger.rowkeys import KEY
from graphsvc.model import ranges
from graphsvc.model.errors import IntegrityError
from graphsvc.model.ranges import Ranges

_PAIR = 2 * KEY


class Anew(msgspec.Struct, frozen=True, rename="camel"):
    """Of the body of a ``reclean`` entry: rows of the pack ``of`` of a submission, and the pack of what they say now.

    ``name`` binds that pack's items, as a submission's name binds its own.
    """

    submission: int
    of: str
    name: str
    pack: str
    rows: list[tuple[int, int]]

    @property
    def named(self) -> Ranges:
        """The rows."""
        return ranges.ranges((self.submission, first, last) for first, last in self.rows)


def derived_pair(pair: bytes, name: str, row: int) -> bytes:
    """The keys under which a row is sealed anew in ``name``: HMAC-SHA-256 under its draft key; zeros once it is erased.

    Proof leaves are salted by the same key and the name of a field group, which no such text is.
    """
    if not any(pair):
        return bytes(_PAIR)
    said = f"graphsvc cleaned anew 1|{name}|{row}|".encode()
    return b"".join(hmac.digest(pair[KEY:], said + part, "sha256") for part in (b"row", b"draft"))


def row_pairs(pack: bytes, keys: bytes) -> dict[int, bytes]:
    """The keys of each row of a submission's pack. Raises IntegrityError on a bad pack."""
    rows = pack_rows(pack)
    if len(keys) != len(rows) * _PAIR:
        raise IntegrityError("a pack's table does not fit")
    return {row: keys[at * _PAIR : (at + 1) * _PAIR] for at, row in enumerate(rows)}


def seal_anew(
    store: PayloadStore, name: str, drafts: Iterable[tuple[int, bytes, bytes, tuple[int, int]]]
) -> tuple[list[str], list[bytes]]:
    """Store rows cleaned anew, given as (row, its keys, its draft as JSON, how many entities and links it has).

    Returns the packs' digests and each draft's key, which salts its proof leaves. The rows as they came are not
    repeated.
    """
    packer = Packer(store, name)
    salts = [
        packer.add(row, b"", draft, *counts, pair=derived_pair(pair, name, row)) for row, pair, draft, counts in drafts
    ]
    return packer.finish()[0], salts


def open_anew(store: PayloadStore, keys: RowKeys, anew: Anew) -> tuple[bytes, bytes]:
    """The pack of a ``reclean`` entry and its keys, in the form in which any pack has them. Raises IntegrityError."""
    pack = store.get(anew.pack)
    pairs = row_pairs(store.get(anew.of), keys.open(anew.of))
    rows = pack_rows(pack)
    if not pairs.keys() >= set(rows):
        raise IntegrityError("a pack of rows cleaned anew names rows that are not there", where=anew.pack)
    return pack, b"".join(derived_pair(pairs[row], anew.name, row) for row in rows)


def note(connection: Connection, index: int, submission: int, rows: Ranges) -> None:
    """Write down, with the entry ``index``, which rows it cleans anew."""
    named = {"submission": submission, "index": index, "rows": ranges.pack(rows)}
    connection.execute(insert(tables.recleanings), named)


def known(connection: Connection, submission: int) -> dict[int, Ranges]:
    """The rows of a submission that were cleaned anew, by the entry that did so, ascending."""
    table = tables.recleanings
    query = select(table.c["index"], table.c.rows).where(table.c.submission == submission).order_by(table.c["index"])
    return {index: ranges.unpack(submission, rows) for index, rows in connection.execute(query)}


def drop(connection: Connection, index: int, submission: int, rows: Ranges) -> bool:
    """Note that what an entry made of some rows is left out: they stay as they were. Returns whether it was of any."""
    table = tables.recleanings
    before = known(connection, submission).get(index, ())
    left = ranges.minus(before, rows)
    place = table.c["index"] == index
    change = update(table).values(rows=ranges.pack(left)) if left else delete(table)
    connection.execute(change.where(place))
    return left != before
