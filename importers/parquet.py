"""Parquet files, turned into drafts by a mapping of tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.model.bounds import MAX_ROWS
from graphsvc.model.errors import TooLarge
from importers.documents import broken, encoded, read_whole
from importers.formats import Format, Salt
from importers.grid import MAX_COLUMNS
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping
from importers.sheets import SheetImporter
from importers.workbook import written

_BATCH = 1_000
_MAX_GROUP = 512 << 20


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    data = read_whole(body)
    try:
        yield from records_as_rows(_records(data), max_row, salt)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise broken("Parquet file", type(error).__name__) from None


def _records(data: bytes) -> Iterator[bytes]:
    """A row with the columns' names, then the file's rows."""
    file = pq.ParquetFile(io.BytesIO(data))
    about = file.metadata
    groups = (about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    if about.num_rows > MAX_ROWS or about.num_columns > MAX_COLUMNS or max(groups, default=0) > _MAX_GROUP:
        message = f"at most {MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns and {_MAX_GROUP >> 20} MiB a row group: split it"
        raise TooLarge(message, code="document_too_large", where="body")
    names = file.schema_arrow.names
    yield encoded(["", 1, names])
    line = 1
    for batch in file.iter_batches(_BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            line += 1
            yield encoded(["", line, [_written(cell) for cell in row]])


def _written(cell: Any) -> Any:
    """A value as text, or as a list of texts."""
    if cell is None:
        return ""
    if isinstance(cell, list):
        return [_written(one) for one in cell]
    if isinstance(cell, datetime):
        if cell.tzinfo is None:
            return cell.isoformat()
        return cell.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return "" if isinstance(cell, bytes | dict) else written(cell) if not isinstance(cell, date | time) else str(cell)


def _open(mapping: Mapping | None, body: BinaryIO) -> SheetImporter:
    assert mapping is not None
    return SheetImporter(mapping)


FORMAT = Format(
    name="parquet",
    title="Parquet",
    media_type="application/vnd.apache.parquet",
    endings=(".parquet",),
    mapping="needed",
    recognises=lambda head, ending: head.startswith(b"PAR1"),
    cut=_cut,
    open=_open,
    row="a row, as JSON; row 0 has the columns' names",
    read=("what the mapping says of its columns: text, numbers, days, times, lists of these",),
    lost=("columns that no rule of the mapping reads; they are counted", "bytes, and structures within a column"),
    rank=5,
)
"""Apache Parquet."""
