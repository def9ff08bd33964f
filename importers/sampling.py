"""The first rows of a table that nobody has described, as cells: what a mapping is proposed from."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

from graphsvc.model.errors import InvalidInput
from importers.charsets import detect_charset, proposals
from importers.formats import Format
from importers.proposing import LOOKED
from importers.rows import iter_rows
from importers.table import DELIMITERS

_LINES = LOOKED + 60


@dataclass(slots=True)
class Sample:
    """The first rows, and what a mapping must say so that they are read: an encoding, a sheet."""

    rows: list[list[str]]
    said: dict[str, str] = field(default_factory=dict)
    delimiter: str = ""
    """What parts the cells of a row of CSV."""
    charset: str = "utf-8"
    """How the text of its rows is read."""


def sample(kind: Format, body: BinaryIO, delimiter: str = "") -> Sample:
    """The first rows of a body at its start; ``delimiter``: what parts its cells, if that is known.

    Raises InvalidInput where it is no table.
    """
    if kind.name == "csv":
        return _of_csv(body, delimiter)
    if kind.name in ("xlsx", "xls", "parquet"):
        return _of_sheets(kind, body)
    message = f"{kind.title} is no table of rows and columns: graphsvc convert says how it is read"
    raise InvalidInput(message, code="no_table", where="file")


def _of_csv(body: BinaryIO, known: str) -> Sample:
    said = {"delimiter": known} if known else {}
    try:
        charset = detect_charset(body)
    except InvalidInput:
        body.seek(0)
        likely = proposals(body.read(1 << 18))
        if not likely:
            raise
        charset = said["encoding"] = likely[0]
    body.seek(0)
    rows = itertools.islice(iter_rows(body, "csv"), _LINES)
    plain = "utf-8" if charset == "utf-16" else charset
    texts = [(row.data or b"").decode(plain, "replace").lstrip("\ufeff").rstrip("\r") for row in rows]
    texts = [text for text in texts if not text.lower().startswith("sep=")] or [""]
    counts = Counter({mark: sum(text.count(mark) for text in texts[:50]) for mark in DELIMITERS})
    delimiter = known or counts.most_common(1)[0][0]
    return Sample([cells_of(text, delimiter) for text in texts], said, delimiter, plain)


def cells_of(text: str, delimiter: str) -> list[str]:
    """The cells of one record of CSV, as far as it is one."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def _of_sheets(kind: Format, body: BinaryIO) -> Sample:
    """The first rows of the sheet that has the most."""
    sheets: dict[str, list[list[str]]] = {}
    sizes: Counter[str] = Counter()
    for row in kind.cut(body, 1 << 20, None):
        sheet, _, cells = msgspec.json.decode(row.data or b'["",0,[]]', type=tuple[str, int, list[Any]])
        sizes[sheet] += len(cells)
        kept = sheets.setdefault(sheet, [])
        if len(kept) < _LINES:
            kept.append([cell if isinstance(cell, str) else str(cell) for cell in cells])
    if not sheets:
        raise InvalidInput("there is nothing in this file", code="no_table", where="file")
    name = sizes.most_common(1)[0][0]
    return Sample(sheets[name], {"sheet": name} if len(sheets) > 1 else {})
