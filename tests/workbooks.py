"""Small workbooks made by hand, and real ones read without the library that the product reads them with."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DAYS = '<numFmts count="0"/><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs>'


def letters(column: int) -> str:
    """A column's name: 0 → A."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def cell(line: int, column: int, value: object) -> str:
    """One cell: text, a number, or ``("day", serial)``; ``("raw", xml)`` as it is."""
    place = f"{letters(column)}{line}"
    if isinstance(value, tuple):
        return f'<c r="{place}" s="1"><v>{value[1]}</v></c>' if value[0] == "day" else str(value[1])
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>' if value else ""
    return f'<c r="{place}"><v>{value!r}</v></c>'


def workbook(sheets: dict[str, Iterable[list[object]]], merged: str = "") -> bytes:
    """An xlsx with these rows; ``merged`` is a range of the first sheet, as A2:A3."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        named = "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1)
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>{named}</sheets></workbook>',
        )
        targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
        archive.writestr("xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")]))
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{_MAIN}">{_DAYS}</styleSheet>')
        for n, rows in enumerate(sheets.values(), 1):
            lines = "".join(
                f'<row r="{line}">' + "".join(cell(line, column, one) for column, one in enumerate(row)) + "</row>"
                for line, row in enumerate(rows, 1)
            )
            tail = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged and n == 1 else ""
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData>{tail}</worksheet>'
            archive.writestr(f"xl/worksheets/sheet{n}.xml", sheet)
    return out.getvalue()


def _relations(targets: list[tuple[str, str]]) -> str:
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    named = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATION}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{space}">{named}</Relationships>'


def texts_of(path: Path, sheet: int = 1) -> list[dict[str, str]]:
    """The cells that have something in them, row by row, by column's letters: text as it is, numbers as written."""
    space = f"{{{_MAIN}}}"
    with zipfile.ZipFile(path) as archive:
        shared = [
            "".join(part.text or "" for part in item.iter(f"{space}t"))
            for item in ElementTree.fromstring(archive.read("xl/sharedStrings.xml")).findall(f"{space}si")
        ]
        root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{sheet}.xml"))
    rows = []
    for row in root.iter(f"{space}row"):
        cells = {}
        for one in row.findall(f"{space}c"):
            value = one.find(f"{space}v")
            if value is None or value.text is None:
                continue
            name = re.sub(r"\d", "", one.get("r", ""))
            cells[name] = shared[int(value.text)] if one.get("t") == "s" else value.text
        if any(value.strip() for value in cells.values()):
            rows.append(cells)
    return rows
