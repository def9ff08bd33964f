"""Sealed records read back for their owner: the row as it came and the draft that was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from graphsvc.apply import Payloads
from graphsvc.custody import ranges
from graphsvc.custody.ranges import Ranges
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.payload import read_rows
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.places import record_int

_decode = msgspec.json.Decoder(CleanDraft).decode


@dataclass(frozen=True, slots=True)
class Opened:
    """One record: its integer, its row as received, its draft."""

    record: int
    raw: bytes
    draft: CleanDraft


def open_records(ledger: Ledger, payloads: Payloads, wanted: Ranges) -> Iterator[Opened]:
    """The records among some rows, ascending, one pack in memory at a time; erased ones are left out. Blocks."""
    for submission in ranges.submissions(wanted):
        rows = ranges.of_submission(wanted, submission)
        body = ledger.open_header(submission)["body"]
        for pack in body["packs"]:
            items = read_rows(
                payloads.store.get(pack),
                payloads.keys.open(pack),
                body["name"],
                lambda row, rows=rows: ranges.covers(rows, rows[0][0], row),  # type: ignore[misc]
            )
            for row, raw, draft in items:
                yield Opened(record_int(submission, row), raw, _decode(draft))
