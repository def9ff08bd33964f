"""Root fields: what one may use, bounds on its arguments, and how types and acts are declared.

Both executors, plans and graphql-core, call the functions of root fields; what they return are plain dicts of the
GraphQL shapes. A class's docstring is its description in the schema.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, dataclass_transform

import strawberry

from graphsvc.api.ports import Acting, Administering, Shape
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.principals import Principal

T = TypeVar("T")
C = TypeVar("C", bound=type)

MAX_NAME = 64
MAX_VALUE = 1_024
MAX_PAGE = 500
MAX_ACT = 60_000


def shape(declared: C) -> C:
    """An output type described by its docstring."""
    return strawberry.type(declared, description=declared.__doc__)


@dataclass_transform(field_specifiers=(strawberry.field,))
def given(declared: C) -> C:
    """An input type described by its docstring."""
    return strawberry.input(declared, description=declared.__doc__)


@dataclass(slots=True)
class Context:
    """What the root fields of one request may use; queries have a reading, mutations the rest."""

    principal: Principal
    reading: Any = None
    administering: Administering | None = None
    acting: Acting | None = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def scoped(self) -> Any:
        """The reading of this request; a query has one, a mutation must not read."""
        if self.reading is None:
            raise InvalidQuery("this operation can't read")
        return self.reading

    async def in_turn(self, call: Awaitable[T]) -> T:
        """Await ``call`` after the calls before it: a reading answers one question at a time."""
        async with self._turn:
            return await call


Info = strawberry.Info[Context, None]


def text_of(where: str, value: str, longest: int = MAX_VALUE) -> str:
    """A text of 1 to ``longest`` characters. Raises InvalidQuery that names ``where``, as all of these do."""
    if not value or len(value) > longest:
        raise InvalidQuery(f"a text of 1 to {longest} characters is needed", code="out_of_range", where=where)
    if "\0" in value:
        # No database takes it.
        raise InvalidQuery("a text without the character 0 is needed", code="out_of_range", where=where)
    return value


def moment_of(where: str, value: str | None) -> str | None:
    """A time as RFC 3339 in UTC; without a zone it is none."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(text_of(where, value, MAX_NAME))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        pass
    message = "a time with its zone is needed, as 2026-01-31T00:00:00Z"
    raise InvalidQuery(message, code="bad_time", where=where) from None


def index_of(where: str, value: int | None) -> int | None:
    """A ledger index, or None."""
    return None if value is None else within(where, value, 0, 2**31 - 1)


def within(where: str, value: int, low: int, high: int) -> int:
    """A number from ``low`` to ``high``."""
    # Explicit null for an argument with a default comes through as None.
    if value is None or not low <= value <= high:
        raise InvalidQuery(f"a number from {low} to {high} is needed", code="out_of_range", where=where)
    return value


def act_field(kind: str, made: Any, description: str) -> Any:
    """The mutation that takes a signed act of ``kind`` in; its answer is of the type ``made``."""

    async def act(info: Info, act: str) -> Shape:
        context = info.context
        if context.acting is None:
            raise InvalidQuery("this operation can't change anything")
        acted = await context.in_turn(context.acting.act(context.principal, kind, text_of("act", act, MAX_ACT)))
        context.receipts.append(acted.receipt)
        return acted.body

    return strawberry.field(resolver=act, graphql_type=made | None, description=description)
