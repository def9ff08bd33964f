"""Rows of cells under a header, as CSV, workbooks and Parquet have them, turned into drafts by a mapping.

The header is the row that the mapping says, or the first one that has all columns that the mapping needs: titles, dates
and empty lines above it are passed over. After it, rows are as wide as the header: shorter ones are padded (a program
leaves out empty cells at the end), longer ones refused, because their cells have moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from graphsvc.model.drafts import Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from importers.cells import columns_of, plain
from importers.draftplans import RulePlan, draft_of, plan_of
from importers.rules import Mapping, columns_read

LOOKED = 50
"""At most this many rows with something in them are passed over until the header is found."""
MAX_COLUMNS = 20_000
"""At most this many columns: a table with more is none that people wrote."""
NAMED = 200
"""At most this many columns are told of that no rule reads."""


class Grid:
    """One table on its way to drafts: rows are given in order, each as its cells. ``losses`` are counted on the way.

    Where ``apart``, cells are held apart by the file itself and can't have moved: what stands beyond the header's
    columns is then lost, and counted, but no reason to refuse the row.
    """

    def __init__(self, mapping: Mapping, losses: Counter[str], *, apart: bool = False) -> None:
        self._apart = apart
        self._mapping, self._losses = mapping, losses
        self._plan: list[RulePlan] | None = None
        self._header: list[str] = []
        self._unread: list[tuple[int, str]] = []
        self._refused: InvalidInput | None = None
        self._looked = 0
        self._over = False
        if mapping.columns is not None:
            self._bind(list(mapping.columns))

    @property
    def found(self) -> bool:
        """Whether the header has been found."""
        return self._plan is not None

    @property
    def over(self) -> bool:
        """Whether a footer has ended the table."""
        return self._over

    def header(self, line: int, cells: Sequence[str], *, last: bool = True) -> bool:
        """Whether the row at ``line``, from 1, is the header; it then holds from the next row on.

        ``last`` says that these cells are the last way to read the row. Raises InvalidInput ``missing_column`` where
        the mapping says that this is the header, or none was found in time.
        """
        wanted = self._mapping.header
        if wanted is not None and line != wanted:
            return False
        if len(cells) > MAX_COLUMNS:
            message = f"the table has more than {MAX_COLUMNS} columns: is this the right file, and its delimiter?"
            raise InvalidInput(message, code="too_many_columns", where=f"line {line}")
        try:
            self._bind(list(cells))
        except InvalidInput as error:
            self._refused = self._refused or error
            self._looked += last
            if last and (wanted is not None or error.code != "missing_column" or self._looked >= LOOKED):
                raise self._refused from None
            return False
        return True

    def end(self) -> None:
        """The table has ended. Raises InvalidInput where no header was found in it."""
        if self._plan is None and self._refused is not None:
            raise self._refused

    def draft(self, number: int, line: int, cells: list[Any], size: int | None = None) -> Draft | RowProblem | None:
        """What becomes of a row after the header; ``size``: its characters, where all its cells are text."""
        plan, width = self._plan, len(self._header)
        assert plan is not None
        if self._over or not any(cells):
            return None
        footer = self._mapping.footer
        if footer and str(next(cell for cell in cells if cell)).strip().startswith(footer):
            self._over = True
            return None
        if len(cells) != width:
            if any(str(cell).strip() for cell in cells[width:]):
                if self._apart:
                    self._losses["cells beyond the header's columns"] += 1
                else:
                    return RowProblem(number, "row_width", "", _too_wide(cells, width))
            cells = [*cells[:width], *[""] * (width - len(cells))]
        if cells == self._header:
            return None  # files put together keep the header of each
        for index, name in self._unread:
            if cells[index]:
                self._losses[name] += 1
        row = plain(cells)
        row.append(str(line))
        return draft_of(number, row, plan, self._mapping, size)

    def _bind(self, header: list[str]) -> None:
        lookup = columns_of(header)
        self._plan = plan_of(self._mapping, lookup)
        read = columns_read(self._mapping)
        names = [" ".join(name.split()) for name in header]
        nths: Counter[str] = Counter()
        for index, name in enumerate(names):
            nths[name] += 1
            own = {name, f"#{index + 1}", f"{name}#{nths[name]}"}
            if name and not own & read and len(self._unread) < NAMED:
                shown = "".join(c if c.isprintable() else "?" for c in name[:60])
                self._unread.append((index, f"column {shown}: no rule of the mapping reads it"))
        self._header = header


def _too_wide(cells: Sequence[Any], width: int) -> str:
    """What is likely wrong with a row that is wider than its header."""
    said = f"the row has {len(cells)} cells, the header {width}"
    if any(str(cell)[:1].isspace() for cell in cells[1:]):
        return f"{said}: a text holds the separator without quotes around it; put it in quotes"
    return f"{said}: look for a missing quote, or a separator within a text or a number"
