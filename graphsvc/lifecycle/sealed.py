"""Sealed records read back for their owner: the row as it came and the draft that was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import read_rows
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
    for pack in body["packs"]:
        for row, raw, draft in read_rows(payloads.store.get(pack), payloads.keys.open(pack), body["name"], wanted):
            yield Opened(record_int(submission, row), raw, None if draft is None else _read(draft))


def _read(draft: bytes) -> CleanDraft | None:
    try:
        return decode_draft(draft)
    except (ValueError, RecursionError):
        return None
