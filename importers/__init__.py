"""One module per format: bytes in, drafts out. Importers store nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from graphsvc.model.drafts import Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from importers.mapping import Mapping
from importers.native import NativeImporter
from importers.rows import Row, RowKind
from importers.table import TableImporter, detect_charset

NDJSON = "application/x-ndjson"
CSV = "text/csv"


class Importer(Protocol):
    """What every importer offers. ``defaults`` apply where row and manifest say nothing else."""

    defaults: Defaults

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and its draft, its problem, or None (header, blank line, comment)."""
        ...


def row_kind(media_type: str) -> RowKind:
    """How bodies of a media type are cut into rows; raises InvalidInput for any other media type."""
    kinds: dict[str, RowKind] = {NDJSON: "ndjson", CSV: "csv"}
    found = kinds.get(media_type.partition(";")[0].strip().lower())
    if found is None:
        raise InvalidInput(f"media type must be {NDJSON} or {CSV}", code="unknown_media_type", where="mediaType")
    return found


def importer_for(media_type: str, mapping: Mapping | None, body: BinaryIO) -> Importer:
    """The importer for a body. ``body`` is a seekable stream at its start; it is read to find a table's encoding.

    Raises InvalidInput: CSV without a mapping, a mapping for the other format, an unknown encoding.
    """
    kind = row_kind(media_type)
    if mapping is None:
        if kind == "csv":
            raise InvalidInput("a CSV file needs a mapping", code="mapping_missing", where="mapping")
        return NativeImporter()
    if mapping.format != kind:
        message = f"the mapping is for {mapping.format}, the body is {kind}"
        raise InvalidInput(message, code="mapping_mismatch", where="mapping")
    if kind == "ndjson":
        return TableImporter(mapping)
    return TableImporter(mapping, detect_charset(body) if mapping.encoding == "auto" else mapping.encoding)
