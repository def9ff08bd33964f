"""Sealed records read back for their owner: the row as it came and the draft that was made of it, last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from graphsvc.ledger import anew
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import read_drafts, read_rows
from graphsvc.ledger.taken import unreadable
from graphsvc.model import ranges
from graphsvc.model.claims import decode_draft
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError
from graphsvc.model.places import record_int
from graphsvc.model.ranges import Ranges
from graphsvc.projection.apply import Payloads


@dataclass(frozen=True, slots=True)
class Opened:
    """One record: its integer, its row as received, its draft. What can't be read of one that is set aside is None."""

    record: int
    raw: bytes | None
    draft: CleanDraft | None


def open_records(ledger: Ledger, payloads: Payloads, wanted: Ranges) -> Iterator[Opened]:
    """The records among some rows, ascending, one pack in memory at a time; erased ones are left out. Blocks.

    Rows that are set aside because their pack or entry can't be read are left out too. Raises IntegrityError for any
    other that can't be read.
    """
    for submission in ranges.submissions(wanted):
        try:
            yield from _open(ledger, payloads, submission, ranges.of_submission(wanted, submission))
        except IntegrityError:
            with ledger.reading() as connection:
                if not unreadable(connection, submission):
                    raise


def _open(ledger: Ledger, payloads: Payloads, submission: int, rows: Ranges) -> Iterator[Opened]:
    body = ledger.open_header(submission)["body"]
    wanted = ranges.among(rows)
    newer = latest_drafts(ledger, payloads, submission, wanted)
    for pack in body["packs"]:
        for row, raw, draft in read_rows(payloads.store.get(pack), payloads.keys.open(pack), body["name"], wanted):
            last = newer.get(row, draft)
            yield Opened(record_int(submission, row), raw, None if last is None else _read(last))


def latest_drafts(
    ledger: Ledger, payloads: Payloads, submission: int, wanted: Callable[[int], bool]
) -> dict[int, bytes]:
    """Of the rows of a submission that were cleaned anew, the draft that was made of each last; erased ones left out.

    Raises IntegrityError for what can't be read.
    """
    with ledger.reading() as connection:
        known = anew.known(connection, submission)
    found: dict[int, bytes] = {}
    for index, rows in known.items():
        named = ranges.among(rows)
        said = msgspec.convert(ledger.open_header(index)["body"], anew.Anew)
        pack, keys = anew.open_anew(payloads.store, payloads.keys, said)
        for sealed in read_drafts(pack, keys, said.name):
            if sealed.damaged:
                raise IntegrityError("a row cleaned anew can't be read", where=said.pack)
            if sealed.draft is not None and named(sealed.row) and wanted(sealed.row):
                found[sealed.row] = sealed.draft
    return found


def _read(draft: bytes) -> CleanDraft | None:
    try:
        return decode_draft(draft)
    except (ValueError, RecursionError):
        return None
