"""Tables: many shapes of one sort, given column by column.

What a question found is rows already, and most of what is selected is a column of them. A table is such rows before
anything is made of them: a plan takes the columns that were selected (:mod:`graphsvc.api.plans`), and
:meth:`Table.shapes` makes the structs of :mod:`graphsvc.wire` out of all of them, for whoever reads members one by one
(graphql-core). Both see the same columns, so there is one place that says what a member holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from graphsvc.wire.shapes import Shape

S = TypeVar("S", bound=Shape)


class Table(Generic[S]):
    """Rows of ``shape``. A method of a member's name gives its column: a value for each row, in their order.

    What may stand for a list of values: a table, for a member that is a shape; :class:`Several`, for one that is a list
    of shapes; and :class:`Repeated`. Columns are made when they are asked for, and must be the same each time.
    """

    shape: type[S]

    def __len__(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    @property
    def count(self) -> int:
        """How many shapes there are, with those in lists below."""
        return len(self)

    def column(self, name: str) -> Any:
        """The column of a member."""
        return getattr(self, name)()

    def shapes(self) -> list[S]:
        """The rows as structs, made anew."""
        names = self.shape.__struct_fields__
        columns = [values_of(self.column(name)) for name in names]
        return [self.shape(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Several(Generic[S]):
    """Lists of shapes: the rows of ``members`` one after the other, ``lengths`` of them in each list."""

    members: Table[S]
    lengths: Sequence[int]

    def values(self) -> list[list[S]]:
        """The lists with structs."""
        shapes = iter(self.members.shapes())
        return [list(islice(shapes, length)) for length in self.lengths]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Values that come again and again: ``places`` has row by row the place of its value in the column ``values``."""

    values: list[Any] | Several[Any]
    places: list[int]

    def __len__(self) -> int:
        """How many values there are."""
        return len(self.values if isinstance(self.values, list) else self.values.lengths)


class One(Generic[S]):
    """The answer of a root field that is one shape: a table of one row."""

    def __init__(self, table: Table[S]) -> None:
        self.table = table


def column_of(value: Any) -> Any:
    """A root field's answer as a column of one value."""
    if isinstance(value, One):
        return value.table
    return value if isinstance(value, Several) else [value]


def shape_of(value: Any) -> Any:
    """A root field's answer as structs."""
    return values_of(column_of(value))[0]


def values_of(column: Any) -> list[Any]:
    """A column as a list with structs."""
    if isinstance(column, Table):
        return column.shapes()
    if isinstance(column, Several):
        return column.values()
    if isinstance(column, Repeated):
        return list(map(values_of(column.values).__getitem__, column.places))
    return list(column)
