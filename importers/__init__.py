"""One module per format: bytes in, drafts out. Importers store nothing."""

from __future__ import annotations

from importers.formats import Format, Importer, format_of, formats, recognise
from importers.opening import importer_for, rows_of

__all__ = ["CSV", "NDJSON", "Format", "Importer", "format_of", "formats", "importer_for", "recognise", "rows_of"]

NDJSON = "application/x-ndjson"
CSV = "text/csv"
