"""CSV and Excel: the table of claims, in which no cell is a formula, with the stamp above it or on its own sheet."""

from __future__ import annotations

import csv
import io
import re

from graphsvc.exchange import claims
from graphsvc.exchange.content import Content, Losses
from graphsvc.model.exported import CLAIMS_MARK as MARK
from graphsvc.model.spreadsheets import guarded

MAX_CELL = 32_767
"""Characters that a cell of Excel holds."""
MAX_ROWS = 1_048_575
"""Rows that a sheet of Excel holds under its header."""
_UNPRINTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write_csv(content: Content, losses: Losses) -> bytes:
    """UTF-8 with a byte order mark, as spreadsheets want it; the stamp is in the lines that begin with ``#``."""
    file = io.StringIO(newline="")
    for name, value in content.stamp.lines():
        file.write(f"{MARK}{name}: {' '.join(value.split())}\r\n")
    writer = csv.writer(file)
    writer.writerow(claims.header(content))
    for row in claims.rows(content, losses):
        writer.writerow(map(guarded, row))
    return b"\xef\xbb\xbf" + file.getvalue().encode()


def write_xlsx(content: Content, losses: Losses) -> bytes:
    """A workbook with the sheets ``claims`` and ``stamp``; every cell is text, so none is a formula or a link."""
    import xlsxwriter

    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": content.stamp.codes, "author": content.stamp.viewer, "comments": "graphsvc"})
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet("claims")
        sheet.set_header(f"&L{content.stamp.codes.replace('&', '&&')}&R{content.stamp.viewer} {content.stamp.at}")
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(claims.header(content)):
            sheet.write_string(0, column, name, bold)
        for line, row in enumerate(claims.rows(content, losses), 1):
            if line > MAX_ROWS:
                losses["claims beyond what a sheet of Excel holds"] += 1
                continue
            for column, cell in enumerate(row):
                if cell:
                    sheet.write_string(line, column, _shortened(cell, losses))
        stamp = book.add_worksheet("stamp")
        for line, (name, value) in enumerate(content.stamp.lines()):
            stamp.write_string(line, 0, name, bold)
            stamp.write_string(line, 1, value[:MAX_CELL])
    return file.getvalue()


def _shortened(cell: str, losses: Losses) -> str:
    plain = _UNPRINTED.sub("\ufffd", cell)
    if len(plain.encode("utf-16-le")) <= 2 * MAX_CELL:
        return plain
    losses["the end of a text that is longer than a cell of Excel"] += 1
    return plain.encode("utf-16-le")[: 2 * MAX_CELL].decode("utf-16-le", "ignore")
