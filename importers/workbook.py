"""Excel workbooks, xlsx and xls, read by python-calamine and turned into drafts by a mapping of tables."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from graphsvc.model.errors import InvalidInput
from graphsvc.model.spreadsheets import EXACT_DIGITS
from importers.archives import check_workbook
from importers.documents import encoded, read_whole
from importers.formats import Format, Salt
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping
from importers.sheets import SheetImporter

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_EXACT = 10**EXACT_DIGITS
_MOST_MERGED = 100_000
_ENDINGS = (".xlsx", ".xlsm")


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    data = read_whole(body)
    if data.startswith(_ZIP):
        check_workbook(data)
    try:
        yield from records_as_rows(_records(data), max_row, salt)
    except PasswordError:
        message = "the workbook is locked by a password: save it without one"
        raise InvalidInput(message, code="bad_document", where="body") from None
    except (CalamineError, ValueError, OSError):
        raise _broken() from None
    except BaseException as error:
        # A fault in the library, written in Rust, comes as an exception of a class that it doesn't publish.
        if type(error).__name__ != "PanicException":
            raise
        raise _broken() from None


def _records(data: bytes) -> Iterator[bytes]:
    """Every row of every sheet, hidden ones too, down to the last that has something in it."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    for index, name in enumerate(book.sheet_names):
        sheet = book.get_sheet_by_index(index)
        if sheet.start is None:
            continue
        merged = _merged(sheet)
        held: dict[int, str] = {}
        waiting = 0
        for line, row in enumerate(sheet.iter_rows()):
            cells = [written(cell) for cell in row]
            for column, first, last in merged.get(line, ()):
                if line == first:
                    held[column] = cells[column] if column < len(cells) else ""
                elif column < len(cells) and not cells[column]:
                    cells[column] = held.get(column, "")
                if line == last:
                    held.pop(column, None)
            while cells and not cells[-1]:
                cells.pop()
            if not cells:
                waiting += 1
                continue
            yield from (encoded([name, line - waiting + nth + 1, []]) for nth in range(waiting))
            waiting = 0
            yield encoded([name, line + 1, cells])


def written(cell: Any) -> str:
    """A cell as text. What Excel holds of a number is 15 digits: a longer one is written so that it becomes no key."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return "#NUM!"
        if abs(cell) >= _EXACT:
            return f"{cell:.14E}"
        return str(int(cell)) if cell.is_integer() else f"{Decimal(f'{cell:.15g}'):f}"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(timespec="seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, int | timedelta) else ""


def _merged(sheet: CalamineSheet) -> dict[int, list[tuple[int, int, int]]]:
    """Cells merged downwards, by row: column among the row's cells, first and last row. The first one's value holds."""
    rows: dict[int, list[tuple[int, int, int]]] = {}
    left = (sheet.start or (0, 0))[1]
    total = 0
    for (top, column), (bottom, _) in sheet.merged_cell_ranges or ():
        total += bottom - top + 1
        if bottom == top or column < left or total > _MOST_MERGED:
            continue
        for line in range(top, bottom + 1):
            rows.setdefault(line, []).append((column - left, top, bottom))
    return rows


def _broken() -> InvalidInput:
    message = "this is no Excel file that can be read: open it in a spreadsheet and save it anew"
    return InvalidInput(message, code="bad_document", where="body")


def _open(mapping: Mapping | None, body: BinaryIO) -> SheetImporter:
    assert mapping is not None
    return SheetImporter(mapping)


_READ = (
    "what the mapping says of its columns, in the sheet that it names, or in all that have them",
    "a header below titles, empty rows between others, a footer that the mapping names",
    "text, numbers up to 15 digits, days and times, numbers stored as text",
    "cells merged downwards: the first one's value holds for all",
)
_LOST = (
    "columns that no rule of the mapping reads, and other sheets; they are counted",
    "digits of a number beyond the fifteenth, which Excel has not kept: it becomes no key; store such columns as text",
    "formulas (their last result is read), comments, colours, pictures, cells merged sideways beyond the first",
)

XLSX = Format(
    name="xlsx",
    title="Excel (xlsx)",
    media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    endings=_ENDINGS,
    mapping="needed",
    recognises=lambda head, ending: head.startswith(_ZIP) and (ending in _ENDINGS or b"xl/" in head),
    cut=_cut,
    open=_open,
    row="a row of a sheet, as JSON: sheet, row's number, cells",
    read=_READ,
    lost=_LOST,
    rank=5,
)
"""Workbooks since Excel 2007."""
XLS = Format(
    name="xls",
    title="Excel 97-2003 (xls)",
    media_type="application/vnd.ms-excel",
    endings=(".xls",),
    mapping="needed",
    recognises=lambda head, ending: head.startswith(_OLE),
    cut=_cut,
    open=_open,
    row="a row of a sheet, as JSON: sheet, row's number, cells",
    read=_READ,
    lost=(*_LOST, "merged cells: each is read by itself"),
    rank=5,
)
"""Workbooks of older Excels."""
