"""Destroys secrets: nobody can read any more what an entry has erased, the service included.

All of it can be repeated, and is repeated at every start: whatever copy of the keys is in use, what the ledger says is
erased has no key. The other rows of a submission still verify: before the seed goes, their salts are kept one by one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from graphsvc.ledger import references, tables
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import PayloadStore, mapping_secret, pack_rows
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.ledger.taken import unreadable
from graphsvc.model import ranges
from graphsvc.model.errors import IntegrityError
from graphsvc.model.ranges import Ranges
from graphsvc_verify.keyed import row_salt

_SALT = 32


def destroy(ledger: Ledger, store: PayloadStore, keys: RowKeys, erased: Ranges) -> int:
    """Destroy the keys, the drafts' keys and the salts of rows, and the keys of the mappings that made them. Blocks.

    Returns how many records still had keys.
    """
    count = 0
    for submission in ranges.submissions(erased):
        rows = ranges.of_submission(erased, submission)
        body = _body(ledger, submission)
        with ledger.reading() as connection:
            lost = unreadable(connection, submission)
        all_of_lost = bool(lost) and not ranges.minus(lost, rows)
        items = []
        for pack in body["packs"]:
            try:
                held = pack_rows(store.get(pack))
            except IntegrityError:
                # No single row of this pack can be found, but the whole pack can go.
                if not all_of_lost:
                    raise
                keys.remove(pack)
                continue
            items += [(pack, at) for at, row in enumerate(held) if ranges.covers(rows, submission, row)]
        # The salts first: after a crash in between, the erased rows can still be read, and the next start goes on with
        # them. The other way round nobody would look at the salts again.
        name = str(body["name"])
        _destroy_salts(ledger, keys, name, rows)
        # A constant in the mapping may be the very thing to be erased; rows that stay are not read through the mapping.
        keys.remove(mapping_secret(name))
        count += keys.destroy_all(items)
    return count


def forget_rows(connection: Connection, erased: Ranges) -> None:
    """Remove from the side tables what they say of rows, in the transaction of the entry that erases the rows.

    These are the digests of their references, and the reasons why rows were rejected or values not linked, which may
    quote them. Which rows were shown to whom stays: it holds positions only, and the owner must be able to account
    for it.
    """
    known = tables.idempotency
    references.forget(connection, erased)
    for submission in ranges.submissions(erased):
        rows = ranges.of_submission(erased, submission)

        def kept(said: list[Any], submission: int = submission, rows: Ranges = rows) -> list[Any]:
            return [one for one in said if not ranges.covers(rows, submission, one["row"])]

        for column in (tables.rejections.c.errors, tables.unlinked.c.notes):
            place = column.table.c["index"] == submission
            found = connection.execute(select(column).where(place)).scalar() or []
            if (left := kept(found)) != found:
                change = update(column.table).values({column: left}) if left else delete(column.table)
                connection.execute(change.where(place))
        response = connection.execute(select(known.c.response).where(known.c["index"] == submission)).scalar() or {}
        shown = {name: kept(response[name]) for name in ("errors", "notes") if response.get(name)}
        if shown:
            changed = update(known).where(known.c["index"] == submission)
            connection.execute(changed.values(response={**response, **shown}))


def _destroy_salts(ledger: Ledger, keys: RowKeys, name: str, rows: Ranges) -> None:
    submission = rows[0][0]
    with ledger.reading() as connection:
        table = tables.submissions
        total = connection.execute(select(table.c.rows).where(table.c["index"] == submission)).scalar()
    kept, seed = f"salts|{name}", f"seed|{name}"
    if keys.has(kept):
        salts = bytearray(keys.open(kept))
    elif keys.has(seed) and total is not None:
        secret = keys.open(seed)
        salts = bytearray(b"".join(row_salt(secret, row) for row in range(total)))
    else:
        return
    for _, first, last in rows:
        end = min(last + 1, len(salts) // _SALT)
        if first < end:
            salts[first * _SALT : end * _SALT] = bytes((end - first) * _SALT)
    if any(salts):
        keys.keep({kept: bytes(salts)})
    else:
        keys.remove(kept)
    keys.remove(seed)


def _body(ledger: Ledger, submission: int) -> dict[str, Any]:
    body: dict[str, Any] = ledger.open_header(submission)["body"]
    if "packs" not in body:
        raise IntegrityError("an erasure names what is no submission", where=f"entry {submission}")
    return body
