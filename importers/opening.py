"""Which importer reads a body, and how its rows are cut: by media type, from the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from graphsvc.model.errors import InvalidInput
from importers.formats import Importer, Salt, format_of
from importers.rows import MAX_ROW, Readable, Row
from importers.rules import Mapping


def rows_of(media_type: str, body: Readable, max_row: int = MAX_ROW, salt: Salt = None) -> Iterator[Row]:
    """The rows of a body, from its start. Raises InvalidInput for an unknown media type, or a body that is none."""
    return format_of(media_type).cut(body, max_row, salt)


def importer_for(media_type: str, mapping: Mapping | None, body: BinaryIO) -> Importer:
    """The importer for a body. ``body`` is a seekable stream at its start, where it is left.

    Raises InvalidInput: an unknown media type, a table without a mapping, a mapping for another form of table, an
    unknown encoding.
    """
    one = format_of(media_type)
    if mapping is None and one.mapping == "needed":
        raise InvalidInput(f"a file in {one.title} needs a mapping", code="mapping_missing", where="mapping")
    if mapping is not None and one.mapping == "none":
        message = f"a file in {one.title} is read without a mapping: leave it out"
        raise InvalidInput(message, code="mapping_mismatch", where="mapping")
    return one.open(mapping, body)
