"""Rows of a submission: where one ends, and the leaf that commits to its bytes.

Client and server both use this, so that the root that a submitter signs and the root that the service computes are
over the same bytes. A row is a line of NDJSON or a record of CSV, without its terminator (LF or CR LF). Every row
counts: the CSV header is row 0, blank and comment lines have numbers too. Memory stays bounded whatever comes in: a
row above the limit is hashed while it streams past and never held.

CSV: a double quote opens a quoted field only where a field starts (after ``,``, ``;``, tab, ``|`` or a line end), as in
RFC 4180; inside, a doubled quote is a quote and line ends belong to the row. A CSV in UTF-16 is turned into UTF-8
before it is cut, and one whose first 64 KiB have CR and no LF has LF for each CR.
"""

from __future__ import annotations

import codecs
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import msgspec

from graphsvc.model.errors import TooLarge

MAX_ROW = 1 << 20
"""Longest row that is parsed, in bytes, unless the caller says otherwise."""
CHUNK = 1 << 18
"""Bytes asked for in one read."""
MAX_UNFOLDED = 1 << 30
"""At most this many bytes in the rows of a document: what one names is repeated in it."""
LOOK = 1 << 16
"""Bytes at a CSV's start by which its form is told."""

_QUOTE = 0x22
_STARTS = frozenset(b",;\t|\n")
_BOM = b"\xef\xbb\xbf"
_PLAIN, _QUOTED, _AFTER = 0, 1, 2

RowKind = Literal["ndjson", "csv"]


class Readable(Protocol):
    """What rows are read from: a file opened in binary mode, or anything with its ``read``."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; nothing at the end."""
        ...


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row. ``number`` counts from 0; ``size`` is in bytes; ``data`` is None where the row is longer than the limit.

    ``leaf`` is SHA-256(0x00 ‖ salt ‖ row bytes), the RFC 6962 leaf of the row, given when a salt was asked for; it is
    there for rows that are too long as well.
    """

    number: int
    data: bytes | None
    size: int
    leaf: bytes | None = None

    @property
    def too_long(self) -> bool:
        """Whether the row passed the limit and was not kept."""
        return self.data is None


def iter_rows(
    stream: Readable, kind: RowKind, max_row: int = MAX_ROW, salt: Callable[[int], bytes] | None = None
) -> Iterator[Row]:
    """The rows of ``stream`` in order; the result does not depend on how its reads are cut.

    ``salt`` maps a row's number to its salt. What follows the last line end is a row if it has any bytes.
    """
    builder = _Builder(kind == "csv", max_row, salt)
    for chunk in _plain(stream) if kind == "csv" else _chunks(stream, len(_BOM) + 1):
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            # The usual case, in few calls: a row that is one line, whole in this chunk.
            if not builder.pending and (row := builder.whole(chunk[start:end])) is not None:
                yield row
            elif builder.line(chunk, start, end):
                yield builder.finish()
            start = end + 1
        builder.tail(chunk, start)
    if builder.pending:
        yield builder.finish(ended=False)


def records_as_rows(records: Iterable[bytes], max_row: int, salt: Callable[[int], bytes] | None) -> Iterator[Row]:
    """Rows of a body that has no lines: one for each record, whose bytes are what the record's leaf commits to.

    Raises TooLarge where they are more than :data:`MAX_UNFOLDED` bytes together.
    """
    total = 0
    for number, record in enumerate(records):
        total += len(record)
        if total > MAX_UNFOLDED:
            message = f"the file's rows, each with what it names, are more than {MAX_UNFOLDED >> 20} MiB: split it"
            raise TooLarge(message, code="document_too_large", where="body")
        leaf = None if salt is None else hashlib.sha256(b"\0" + salt(number) + record).digest()
        yield Row(number, record if len(record) <= max_row else None, len(record), leaf)


def utf16_of(head: bytes) -> str | None:
    """``utf-16-le`` or ``utf-16-be`` where a text begins with that mark, or is full of zeros in one place, or None."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if head[0] == 0xFF else "utf-16-be"
    even, odd = head[0:LOOK:2], head[1:LOOK:2]
    zeros = (even.count(0), odd.count(0))
    if max(zeros) * 10 < len(odd) * 4 or min(zeros) * 20 > max(zeros) or not odd:
        return None
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def _plain(stream: Readable) -> Iterator[bytes]:
    """The chunks of a CSV in an encoding whose line ends are single bytes, with LF in its lines' ends."""
    chunks = _chunks(stream, LOOK)
    head = next(chunks, b"")
    # What is looked at hangs on the body alone, not on how its reads are cut.
    shown = head[:LOOK]
    if (charset := utf16_of(shown)) is not None:
        shown = shown.decode(charset, "ignore").encode("utf-8", "ignore")
        chunks = _decoded(codecs.getincrementaldecoder(charset)("surrogatepass"), head, chunks)
        head = next(chunks).removeprefix(_BOM)
    old = b"\r" in shown and b"\n" not in shown
    for chunk in itertools.chain((head,), chunks):
        yield chunk.replace(b"\r", b"\n") if old else chunk


def _decoded(decoder: codecs.IncrementalDecoder, head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks of UTF-16 as UTF-8. What is none stays none, so that its row is refused where it is read."""
    yield decoder.decode(head).encode("utf-8", "surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"  # half a character at the very end


def _chunks(stream: Readable, least: int) -> Iterator[bytes]:
    """What the stream gives; the first chunk holds at least ``least`` bytes, if the stream is that long."""
    first = b""
    while len(first) < least and (chunk := stream.read(CHUNK)):
        first += chunk
    if first:
        yield first
    while chunk := stream.read(CHUNK):
        yield chunk


class _Builder:
    """Collects one row from pieces of lines; a carriage return at the end of a piece is held back."""

    def __init__(self, csv: bool, max_row: int, salt: Callable[[int], bytes] | None) -> None:
        self.csv, self.max_row, self.salt = csv, max_row, salt
        self.number = -1
        self._start()

    def _start(self) -> None:
        self.number += 1
        self.size = 0
        self.held = b""
        self.kept: list[bytes] = []
        self.state, self.previous = _PLAIN, 0x0A
        self.hash: hashlib._Hash | None = None

    @property
    def pending(self) -> bool:
        return self.size > 0 or self.held != b""

    def whole(self, line: bytes) -> Row | None:
        """The row that one line is, where nothing of it came before; None for a line with quotes in a CSV."""
        if self.csv and b'"' in line:
            return None
        if line.endswith(b"\r"):
            line = line[:-1]
        number = self.number
        self.number = number + 1
        size = len(line)
        leaf = None if self.salt is None else hashlib.sha256(b"\0" + self.salt(number) + line).digest()
        return Row(number, line if size <= self.max_row else None, size, leaf)

    def line(self, chunk: bytes, start: int, end: int) -> bool:
        """Take the bytes before a line feed; returns whether it ends the row. If not, the feed is part of the row."""
        if self.csv:
            self._scan(chunk, start, end)
            if self.state == _QUOTED:
                self._take(chunk[start : end + 1])
                self.previous = 0x0A
                return False
        self._take(chunk[start:end])
        return True

    def tail(self, chunk: bytes, start: int) -> None:
        """Take bytes that no line feed has followed yet."""
        if start < len(chunk):
            if self.csv:
                self._scan(chunk, start, len(chunk))
            self._take(chunk[start:])

    def finish(self, ended: bool = True) -> Row:
        """Return the row that has ended and begin the next. A carriage return before the line feed is dropped."""
        if not ended and self.held:
            self._store(self.held)
        data = None if self.size > self.max_row else b"".join(self.kept)
        leaf = None
        if self.salt is not None:
            if self.hash is None:
                self.hash = hashlib.sha256(b"\0" + self.salt(self.number))
                for piece in self.kept:
                    self.hash.update(piece)
            leaf = self.hash.digest()
        row = Row(self.number, data, self.size, leaf)
        self._start()
        return row

    def _take(self, piece: bytes) -> None:
        if self.held:
            piece, self.held = self.held + piece, b""
        if piece.endswith(b"\r"):
            piece, self.held = piece[:-1], b"\r"
        if piece:
            self._store(piece)

    def _store(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.hash is not None:
            self.hash.update(piece)
        elif self.size <= self.max_row:
            self.kept.append(piece)
        elif self.salt is not None:
            self.hash = hashlib.sha256(b"\0" + self.salt(self.number))
            for kept in (*self.kept, piece):
                self.hash.update(kept)
            self.kept.clear()
        else:
            self.kept.clear()

    def _scan(self, chunk: bytes, start: int, end: int) -> None:
        """Advance the quote state over ``chunk[start:end]``."""
        at = start
        while at < end:
            if self.state == _AFTER:
                self.state = _QUOTED if chunk[at] == _QUOTE else _PLAIN
                at += 1 if self.state == _QUOTED else 0
                continue
            found = chunk.find(b'"', at, end)
            if found < 0:
                break
            if self.state == _QUOTED:
                self.state = _AFTER
            else:
                before = chunk[found - 1] if found > start else self.previous
                marked = self.number == 0 and self.size == 0 and found == start + 3 and chunk.startswith(_BOM, start)
                if before in _STARTS or marked:
                    self.state = _QUOTED
            at = found + 1
        if end > start:
            self.previous = chunk[end - 1]
