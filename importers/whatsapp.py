"""WhatsApp's own export of a chat, ``_chat.txt``: lines in the date form of the telephone, messages over several lines.

A message is a record ``{time, sender, phone, text, media, system}``, read by a mapping of NDJSON: the file says neither
which chat it is, nor whether 03/04 is in March or in April; the mapping does. ``phone`` is the sender where the export
shows a telephone number, ``sender`` where it shows a name from the address book.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from graphsvc.model.errors import InvalidInput
from importers.documents import broken, encoded
from importers.formats import Format, Salt
from importers.native import ObjectImporter
from importers.rows import MAX_ROW, Readable, Row, iter_rows, records_as_rows
from importers.rules import Mapping

_DAY = r"\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}\.?"
_CLOCK = r"(?:上午|下午|오전|오후)? ?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?(?:[AaPp]\.? ?[Mm]\.?|上午|下午))?"
_START = re.compile(rf"\[?(?P<day>{_DAY}),? +(?P<clock>{_CLOCK})\]?(?: [-–])? (?P<rest>.*)", re.S)
_SENDER = re.compile(r"(?P<sender>[^:\n]{1,100}?): (?P<text>.*)", re.S)
_PHONE = re.compile(r"\+\d[\d ().-]{6,24}")
_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff"))
_SPACES = {0xA0: " ", 0x202F: " "}
_MEDIA = re.compile(r"<[^<>\n]{3,60}>|.{1,120} \(file attached\)|IMG-\d{8}-WA\d{4}\..*", re.S)


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    yield from records_as_rows(_records(body), max_row, salt)


def _records(body: Readable) -> Iterator[bytes]:
    """The messages. What a service takes for too long a row plays no part: the client must cut alike."""
    held: list[str] = []
    size = 0
    for row in iter_rows(body, "ndjson"):
        if row.data is None:
            raise broken("WhatsApp export", f"line {row.number + 1} is longer than {MAX_ROW >> 20} MiB")
        try:
            line = row.data.decode().translate(_MARKS).translate(_SPACES)
        except UnicodeDecodeError:
            raise broken("WhatsApp export", f"line {row.number + 1} is not UTF-8") from None
        if _START.fullmatch(line):
            if held:
                yield _record("\n".join(held))
            held, size = [line], len(line)
        elif held and size < 2 * MAX_ROW:  # enough for the row to be told as too long
            held.append(line)
            size += len(line)
    if held:
        yield _record("\n".join(held))


def _record(message: str) -> bytes:
    start = _START.fullmatch(message)
    assert start is not None
    found = _SENDER.fullmatch(start["rest"])
    record: dict[str, object] = {"time": f"{start['day'].rstrip('.').replace(' ', '')} {start['clock']}"}
    if found is None:
        return encoded({**record, "system": True, "text": start["rest"]})
    sender, text = found["sender"].strip().removeprefix("~").strip(), found["text"].strip()
    record["phone" if _PHONE.fullmatch(sender) else "sender"] = sender
    record["media" if _MEDIA.fullmatch(text) else "text"] = text
    return encoded({**record, "system": False})


def _open(mapping: Mapping | None, body: BinaryIO) -> ObjectImporter:
    assert mapping is not None
    if mapping.format != "ndjson":
        message = "a chat is read by a mapping whose columns are time, sender, phone, text: write format: ndjson"
        raise InvalidInput(message, code="mapping_mismatch", where="mapping")
    return ObjectImporter(mapping)


def _recognises(head: bytes, ending: str) -> bool:
    if ending not in ("", ".txt"):
        return False
    lines = [line.translate(_MARKS).translate(_SPACES) for line in head.decode("utf-8", "ignore").splitlines()[:20]]
    return sum(_START.fullmatch(line) is not None for line in lines if line) >= max(1, len(lines) // 5)


FORMAT = Format(
    name="whatsapp",
    title="WhatsApp export",
    media_type="text/x-whatsapp-chat",
    endings=(".txt",),
    mapping="needed",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a message, as JSON; lines that follow belong to it",
    read=(
        "`time`, `phone` or `sender`, `text` or `media`, `system` of each message, by the mapping",
        "lines with and without brackets, with 12 and 24 hours; the mapping says which date form is meant",
    ),
    lost=(
        "members that no rule of the mapping reads",
        "what is before the first message; pictures and files, but their names",
    ),
    rank=3,
)
"""WhatsApp, *Export chat* without media."""
