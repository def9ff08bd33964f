"""Files of columns as text: CSV, Parquet and GraphML; errors say in which line and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint

FORMATS = (".csv", ".parquet", ".graphml")
FIRST = {".csv": 2}
"""The number of the first row: a CSV file's has a header above it."""


def read_columns(path: Path, needed: Sequence[str], possible: Sequence[str]) -> Any:
    """The columns of a file as an Arrow table of text without nulls; columns that are left out are empty.

    Raises InvalidInput where the file can't be read, lacks a needed column, has another than a possible one, or an
    empty cell in a needed one.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".graphml": _read_graphml}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise InvalidInput(f"the name must end in one of {', '.join(FORMATS)}", code="bad_format", where=path.name)
    try:
        table = readers[suffix](path)
    except OSError as error:
        told = error.strerror or "not readable"
        raise InvalidInput(f"can't be read: {told}", code="unreadable", where=str(path)) from None
    names = list(table.column_names)
    known = (*needed, *possible)
    for place, name in enumerate(names, 1):
        if names.count(name) > 1 or name not in known:
            what = "is there twice" if names.count(name) > 1 else f"is not known; {hint(name, known)}"
            raise InvalidInput(f"the column {name!r} {what}", code="bad_columns", where=f"{path.name}, column {place}")
    if lacking := [name for name in needed if name not in names]:
        raise InvalidInput(f"there is no column {', '.join(lacking)}", code="bad_columns", where=path.name)
    columns = {name: _text(table.column(name)) if name in names else _empty(len(table)) for name in known}
    for name in needed:
        bare = pc.index(pc.utf8_length(columns[name]), 0).as_py()
        if bare >= 0:
            raise InvalidInput(f"{name} is empty", code="empty_cell", where=place_of(path, bare, name))
    return pa.table(columns)


def place_of(path: Path, row: int, column: str) -> str:
    """Where a cell is, for people: ``row`` counts from 0."""
    first = FIRST.get(path.suffix.lower())
    return f"{path.name}, " + (f"row {row + 1}" if first is None else f"line {row + first}") + f", column {column}"


def _text(column: Any) -> Any:
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = pc.strftime(pc.cast(column, pa.timestamp("s"), safe=False), "%Y-%m-%dT%H:%M:%S")
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return pc.utf8_trim_whitespace(pc.fill_null(pc.cast(column, pa.string()), ""))


def _empty(rows: int) -> Any:
    return pa.chunked_array([pa.array([""], pa.string()).take(pa.array([0] * rows, pa.int64()))])


def _read_csv(path: Path) -> Any:
    wrong: list[tuple[int, int, int]] = []

    def remember(row: Any) -> str:
        wrong.append((row.number or 0, row.actual_columns, row.expected_columns))
        return "skip"

    def read(threads: bool, types: Mapping[str, Any]) -> Any:
        return pcsv.read_csv(
            path,
            pcsv.ReadOptions(use_threads=threads),
            pcsv.ParseOptions(invalid_row_handler=remember),
            pcsv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )

    try:
        # 1. The header alone, so that every column is read as text.
        with pcsv.open_csv(path, parse_options=pcsv.ParseOptions(invalid_row_handler=lambda _: "skip")) as head:
            names = [name.removeprefix("\ufeff") for name in head.schema.names]
            types = {name: pa.string() for name in head.schema.names}
        table = read(True, types)
        if wrong:
            # 2. Once more in order: only then the rows are numbered.
            wrong.clear()
            read(False, types)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        empty = "Empty CSV" in str(error)
        told = "the file is empty: it needs a header" if empty else "not a CSV file in UTF-8"
        raise InvalidInput(told, code="bad_csv", where=path.name) from None
    if wrong:
        line, cells, wanted = wrong[0]
        told = f"the line has {cells} cells, and the header {wanted}"
        raise InvalidInput(told, code="row_width", where=f"{path.name}, line {line}" if line else path.name)
    return table.rename_columns(names)


def _read_parquet(path: Path) -> Any:
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid:
        raise InvalidInput("not a Parquet file", code="bad_parquet", where=path.name) from None


def _read_graphml(path: Path) -> Any:
    """Edges as rows: source is the actor; attributes of edges by name; a target's kind where an edge has none."""
    keys, kinds, rows = dict[str, str](), dict[str, str](), list[dict[str, str]]()
    try:
        for _, element in ElementTree.iterparse(path):  # noqa: S314
            tag = element.tag.rpartition("}")[2]
            if tag == "key":
                keys[element.get("id", "")] = element.get("attr.name", "")
            if tag not in {"node", "edge"}:
                continue
            said = {keys.get(data.get("key", ""), ""): data.text or "" for data in element}
            if tag == "node":
                kinds[element.get("id", "")] = said.get("kind", "")
            else:
                ends = {"actor": element.get("source", ""), "identifier": element.get("target", "")}
                rows.append({**{name: said.get(name, "") for name in ("kind", "verb", "since", "until")}, **ends})
            element.clear()
    except ElementTree.ParseError as error:
        line, column = error.position
        where = f"{path.name}, line {line}, column {column}"
        raise InvalidInput("not a GraphML file", code="bad_graphml", where=where) from None
    for row in rows:
        row["kind"] = row["kind"] or kinds.get(row["identifier"], "")
    names = ("actor", "identifier", "kind", "verb", "since", "until")
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})
