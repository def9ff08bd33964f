"""Rows of cells that come as JSON: what workbooks and Parquet files are unfolded to, read by a mapping of tables.

A row is ``[sheet, line, [cells]]``: the sheet's name, the row's number in it from 1, and its cells as text, without
empty ones at the end. Rows of one sheet follow each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from graphsvc.model.drafts import Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from importers.grid import Grid
from importers.losses import Losses
from importers.native import too_long
from importers.rows import Row
from importers.rules import Mapping


class SheetImporter:
    """Makes drafts of the rows of a workbook: of the sheet that the mapping names, or of all that have its columns."""

    def __init__(self, mapping: Mapping) -> None:
        if mapping.format == "ndjson":
            message = "the mapping is for ndjson: write format: table"
            raise InvalidInput(message, code="mapping_mismatch", where="mapping")
        self.mapping = mapping
        self.defaults = mapping.defaults
        self.charset = "utf-8"
        self.losses: Counter[str] = Losses()
        self._grid: Grid | None = None
        self._sheet: str | None = None
        self._read = 0
        self._refused: InvalidInput | None = None

    def drafts(self, rows: Iterable[Row]) -> Iterator[tuple[int, Draft | RowProblem | None]]:
        """For every row its number and what becomes of it.

        Raises InvalidInput ``missing_column`` where no sheet has the columns that the mapping needs.
        """
        for row in rows:
            yield row.number, self._of(row)
        self._leave()
        if not self._read and self.mapping.columns is None:
            raise self._refused or InvalidInput(
                f"there is no sheet {self.mapping.sheet or ''} with rows in it", code="no_sheet", where="mapping /sheet"
            )

    def _of(self, row: Row) -> Draft | RowProblem | None:
        if row.data is None:
            return too_long(row)
        sheet, line, cells = msgspec.json.decode(row.data, type=tuple[str, int, list[Any]])
        if sheet != self._sheet:
            self._leave()
            self._sheet = sheet
            wanted = self.mapping.sheet
            self._grid = Grid(self.mapping, self.losses, apart=True) if wanted in (None, sheet) else None
            self._read += bool(self._grid and self._grid.found)
        if self._grid is None:
            self.losses[f"sheet {_shown(sheet)}: not read"] += 1 if cells else 0
            return None
        if self._grid.found:
            return self._grid.draft(row.number, line, cells)
        try:
            if cells and self._grid.header(line, [cell if isinstance(cell, str) else str(cell) for cell in cells]):
                self._read += 1
        except InvalidInput as error:
            if error.code != "missing_column" or self.mapping.sheet is not None:
                raise
            # Another sheet may be the one that is meant.
            self._refused, self._grid = self._refused or error, None
            self.losses[f"sheet {_shown(sheet)}: it lacks columns that the mapping needs"] += 1
        return None

    def _leave(self) -> None:
        """The sheet has ended; one in which no header was found is told of."""
        if self._grid is not None and not self._grid.found:
            try:
                self._grid.end()
            except InvalidInput as error:
                self._refused = self._refused or error
                self.losses[f"sheet {_shown(self._sheet or '')}: it lacks columns that the mapping needs"] += 1
        self._grid = None


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:60])
