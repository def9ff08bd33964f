"""Formats that are one document, not lines: read whole within bounds, then given on record by record.

A record is JSON that says all that a draft of it needs, so each is a row of its own: it is sealed, proved and erased by
itself, as a line of NDJSON is. Its bytes are made here, the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from graphsvc.model.drafts import Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput, TooLarge
from importers.cells import Refused
from importers.losses import Losses
from importers.native import too_long
from importers.rows import CHUNK, Readable, Row

MAX_DOCUMENT = 64 << 20
"""Longest document, in bytes: it is held in memory while it is read."""
MAX_MARKS = 4_000_000
"""At most this many brackets and commas in a JSON document: each may begin a value, and values take memory."""
_DECODER = msgspec.json.Decoder(float_hook=str)
Make = Callable[[dict[str, Any], int, Counter[str]], Draft | RowProblem | None]
"""Makes the draft of a record, given its row and where to count what is lost."""


def read_whole(body: Readable, limit: int = MAX_DOCUMENT) -> bytes:
    """All bytes of a document. Raises TooLarge, as soon as there are more than ``limit``."""
    pieces, size = [], 0
    while chunk := body.read(CHUNK):
        size += len(chunk)
        if size > limit:
            message = f"a file in this format has at most {limit >> 20} MiB: split it, or convert it to NDJSON"
            raise TooLarge(message, code="document_too_large", where="body")
        pieces.append(chunk)
    return b"".join(pieces)


def read_json(body: Readable, what: str) -> Any:
    """A JSON document; numbers with a fraction are their digits. Raises InvalidInput, TooLarge."""
    data = read_whole(body).removeprefix(b"\xef\xbb\xbf")
    if sum(data.count(mark) for mark in (b"{", b"[", b",")) > MAX_MARKS:
        raise TooLarge(f"the {what} holds too many values: split it", code="document_too_large", where="body")
    try:
        return _DECODER.decode(data)
    except UnicodeDecodeError:
        raise broken(what, "it is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise broken(what, str(error)[:120]) from None
    except RecursionError:
        raise broken(what, "it is nested too deeply") from None


def broken(what: str, why: str) -> InvalidInput:
    """The error of a document that can't be read."""
    return InvalidInput(f"this is no {what} that can be read: {why}", code="bad_document", where="body")


def encoded(record: Any) -> bytes:
    """A record's bytes."""
    try:
        return msgspec.json.encode(record)
    except (UnicodeEncodeError, RecursionError):
        return b'{"unreadable":true}'


class RecordImporter:
    """Makes drafts of JSON records, each by ``make``; with ``blank`` a row may be empty, as a line of a file."""

    def __init__(self, make: Make, *, blank: bool = False) -> None:
        self.defaults = Defaults()
        self.charset = "utf-8"
        self.losses: Counter[str] = Losses()
        self._make, self._blank = make, blank

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and what becomes of it."""
        for row in rows:
            yield row.number, self._of(row)

    def _of(self, row: Row) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        if self._blank and not row.data.strip():
            return None
        try:
            record = _DECODER.decode(row.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            record = None
        if not isinstance(record, dict) or "unreadable" in record:
            return RowProblem(
                row.number, "bad_record", "", "this is no record of this format: correct it in the source"
            )
        try:
            return self._make(record, row.number, self.losses)
        except Refused as refused:
            return RowProblem(row.number, *refused.problem)


def text_of(value: Any, limit: int = 2_000) -> str | None:
    """A word or number as text, None for anything else or nothing."""
    if isinstance(value, str):
        return value.strip()[:limit] or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def texts_of(value: Any, most: int = 200) -> list[str]:
    """The texts in a list, or the one text."""
    found = value if isinstance(value, list) else [value]
    return [text for one in found[:most] if (text := text_of(one)) is not None]


def filled(**values: Any) -> dict[str, Any]:
    """The values that are there."""
    return {name: value for name, value in values.items() if value not in (None, [], "")}
