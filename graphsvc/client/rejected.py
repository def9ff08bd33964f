"""The rows that were not accepted, byte for byte as they were given, in a file of the same form to be corrected."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from graphsvc.client.manifest import Outgoing
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import Schema
from importers import format_of, importer_for, rows_of
from importers.mapping import load_mapping
from importers.rows import Row


def check_free(out: Path) -> None:
    """Raise InvalidInput where ``out`` can't become a new file."""
    if out.exists() or out.is_symlink():
        raise InvalidInput("there is a file already", code="exists", where=str(out))
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise InvalidInput("no file can be made in this folder", code="unwritable", where=str(out.parent))


def check_lines(media_type: str) -> None:
    """Raise InvalidInput where the rows of a file in this format can't be written by themselves."""
    kind = format_of(media_type)
    if not kind.lines:
        message = f"rows of {kind.title} can't be written by themselves: correct them in the file, by the numbers told"
        raise InvalidInput(message, code="no_lines", where="--rejected")


def write_rejected(outgoing: Outgoing, schema: Schema, rows: Collection[int] | None, out: Path) -> int:
    """Write the rows with these numbers to the new file ``out``, after what precedes the first record (a header).

    ``rows`` None means every record. Returns how many records were written. Rows keep their bytes, so what a
    spreadsheet might take for a formula is written as it was given. Only the owner can read the file; if it can't be
    written whole, it is removed. Raises InvalidInput.
    """
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                return _write(outgoing, schema, rows, file)
        except BaseException:
            with suppress(OSError):
                out.unlink()
            raise
    except OSError as error:
        raise InvalidInput(f"can't be written: {error.strerror}", code="unwritable", where=str(out)) from None


def _write(outgoing: Outgoing, schema: Schema, rows: Collection[int] | None, out: BinaryIO) -> int:
    mapping = None if outgoing.mapping is None else load_mapping(outgoing.mapping, schema)
    written, records = 0, False
    with outgoing.path.open("rb") as file:
        importer = importer_for(outgoing.media_type, mapping, file)
        ending = b"\r\n" if file.readline().endswith(b"\r\n") else b"\n"
        file.seek(0)
        current: list[Row] = []
        for number, draft in importer.drafts(_watched(rows_of(outgoing.media_type, file), current)):
            data = current.pop().data
            if draft is None:
                if not records and data is not None:
                    out.write(data + ending)
                continue
            records = True
            # A row above the size limit has no data: it is never held in memory.
            if data is not None and (rows is None or number in rows):
                out.write(data + ending)
                written += 1
    return written


def _watched(rows: Iterator[Row], current: list[Row]) -> Iterator[Row]:
    for row in rows:
        current.append(row)
        yield row
