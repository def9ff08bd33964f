"""CSV as people write it: any delimiter and encoding, turned into drafts by a mapping file."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from graphsvc.model.drafts import Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from importers.charsets import detect_charset
from importers.formats import Format, Salt
from importers.grid import Grid
from importers.losses import Losses
from importers.native import too_long
from importers.rows import LOOK, Readable, Row, iter_rows, utf16_of
from importers.rules import Mapping

DELIMITERS = (",", ";", "\t", "|")
_BOM = b"\xef\xbb\xbf"


class TableImporter:
    """Makes drafts from the rows of a CSV. ``charset`` is the one found or stated."""

    def __init__(self, mapping: Mapping, charset: str = "utf-8") -> None:
        self.mapping = mapping
        self.charset = charset
        self.defaults: Defaults = mapping.defaults
        self.losses: Counter[str] = Losses()
        # A body in UTF-16 is cut into rows of UTF-8 (importers.rows).
        self._decoded = "utf-8" if charset == "utf-16" else charset
        self._delimiter = mapping.delimiter

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and the draft, the problem that stopped it, or None for header, blank line, comment.

        Raises InvalidInput ``missing_column`` when the header lacks a column that the mapping needs.
        """
        grid = Grid(self.mapping, self.losses)
        for row in rows:
            text = self._text_of(row)
            if not isinstance(text, str):
                yield row.number, text
            elif not grid.found:
                if not self._said(row, text):
                    self._header(grid, row, text)
                yield row.number, None
            else:
                yield row.number, self._draft(grid, row, text)
        grid.end()

    def _said(self, row: Row, text: str) -> bool:
        """Whether a first row is Excel's own ``sep=;``, which names the delimiter of this very file."""
        word = text.strip().strip('"')
        if row.number or len(word) != 5 or not word.lower().startswith("sep=") or word[4] not in DELIMITERS:
            return False
        self._delimiter = word[4]
        return True

    def _header(self, grid: Grid, row: Row, text: str) -> None:
        """Take the row for the header if it is one, under the delimiter stated, or the first that fits."""
        given = self._delimiter
        ways = [given] if given else sorted(DELIMITERS, key=lambda one: (-text.count(one), DELIMITERS.index(one)))
        for way in ways:
            try:
                cells = _split(text, way)
            except csv.Error:
                cells = []
            if grid.header(row.number + 1, cells, last=way == ways[-1]):
                self._delimiter = way
                return

    def _draft(self, grid: Grid, row: Row, text: str) -> Draft | RowProblem | None:
        try:
            cells = _split(text, self._delimiter or ",")
        except csv.Error as error:
            if "field limit" in str(error):
                return RowProblem(row.number, "cell_too_long", "", "a cell has more than 128 KiB: shorten it")
            return RowProblem(row.number, "bad_csv", "", _bad_quote(text, self._delimiter or ","))
        return grid.draft(row.number, row.number + 1, cells, len(text))

    def _text_of(self, row: Row) -> str | RowProblem | None:
        if row.data is None:
            return too_long(row)
        try:
            text = (row.data.removeprefix(_BOM) if row.number == 0 else row.data).decode(self._decoded)
        except UnicodeDecodeError as error:
            message = f"byte {error.start} of the row is not {self._decoded}: save the file as UTF-8"
            return RowProblem(row.number, "broken_utf8" if self._decoded == "utf-8" else "broken_charset", "", message)
        text = text.rstrip("\r")
        if not text.strip() or (self.mapping.comment and text.startswith(self.mapping.comment)):
            return None
        return text


def _split(text: str, delimiter: str) -> list[str]:
    """The cells of one record. A quoted cell above csv's limit of 128 KiB (process-wide) refuses the row."""
    if '"' not in text:
        return text.split(delimiter)
    records = list(csv.reader([text], delimiter=delimiter, strict=True))
    if len(records) != 1:
        raise csv.Error("not one record")
    return records[0]


def _bad_quote(text: str, delimiter: str) -> str:
    """Which quote of a record is wrong: where it stands, and how many lines it took with it."""
    quoted, at, start, line, column, opened = False, 0, True, 1, 0, (1, 1)
    while at < len(text):
        char = text[at]
        column += 1
        if char == '"':
            if not quoted and start:
                quoted, opened = True, (line, column)
            elif quoted and text[at + 1 : at + 2] == '"':
                at, column = at + 1, column + 1
            elif quoted and text[at + 1 : at + 2] not in ("", delimiter, "\r", "\n"):
                return (
                    f"a quote within quotes, at character {column} of the row's line {line}, is not doubled: double it"
                )
            elif quoted:
                quoted = False
        start = char in (delimiter, "\n")
        if char == "\n":
            line, column = line + 1, 0
        at += 1
    if not quoted:
        return "a quote in this record is not closed or not doubled"
    taken = text.count("\n") + (not text.endswith("\n")) - opened[0] + 1
    told = f"the quote at character {opened[1]} of the row's line {opened[0]} is not closed"
    return f"{told}, and {taken} lines are taken with it: close it" if taken > 1 else f"{told}: close it"


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    return iter_rows(body, "csv", max_row, salt)


def _open(mapping: Mapping | None, body: BinaryIO) -> TableImporter:
    assert mapping is not None
    if mapping.format == "ndjson":
        raise InvalidInput("the mapping is for ndjson, the body is csv", code="mapping_mismatch", where="mapping")
    charset = mapping.encoding
    if charset == "auto":
        charset = detect_charset(body)
    elif utf16_of(body.read(LOOK)) is not None:
        charset = "utf-16"
    body.seek(0)
    return TableImporter(mapping, charset)


def _recognises(head: bytes, ending: str) -> bool:
    if ending in FORMAT.endings:
        return not head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"))
    return (
        ending in ("", ".txt")
        and b"\0" not in head
        and any(mark in head.split(b"\n")[0] for mark in (b",", b";", b"\t"))
    )


FORMAT = Format(
    name="csv",
    title="CSV",
    media_type="text/csv",
    endings=(".csv", ".tsv", ".tab"),
    mapping="needed",
    recognises=_recognises,
    cut=_cut,
    open=_open,
    row="a record; quoted line ends belong to it",
    read=(
        "what the mapping says of its columns",
        "comma, semicolon, tab or bar between cells, found by the header or said by Excel's `sep=` line",
        "UTF-8, UTF-16, Chinese in GB18030; other encodings that the mapping names",
        "lines that end in LF, CR LF, CR CR LF or CR; empty rows between others; titles above the header",
        'cells guarded against spreadsheets: `\'0812`, `="0812"`, a tab before',
        "rows that lack empty cells at their end; the header once more where files were put together",
    ),
    lost=("columns that no rule of the mapping reads; they are counted",),
    lines=True,
)
"""CSV and TSV."""
