"""The root fields: bounds on their arguments, then one call of a port each.

Both executors, plans and graphql-core, call these functions; what they return are plain dicts of the GraphQL shapes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphsvc.api.ports import Acting, Administering, Identifier, Reading, Shape
from graphsvc.api.shapes import GradingFilter, IdentifierInput, KeyPart, RingParameters
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.gradings import Minimum
from graphsvc.model.principals import Principal

T = TypeVar("T")

MAX_HOPS = 4
MAX_PATH_HOPS = 8
MAX_ENTITIES = 2_000
MAX_PATHS = 20
MAX_IDENTIFIERS = 1_000
MAX_PARTS = 8
MAX_NAME = 64
MAX_VALUE = 1_024
MAX_PAGE = 500
MAX_ACT = 60_000
MAX_KINDS = 32
RING_BOUNDS = {
    "hub_cap": (2, 10_000),
    "min_accounts": (2, 10_000),
    "resolution": (1, 1_000),
    "limit": (1, MAX_PAGE),
    "seed": (0, 2**31 - 1),
}


@dataclass(slots=True)
class Context:
    """What the root fields of one request may use; queries have a reading, mutations the rest."""

    principal: Principal
    reading: Reading | None = None
    administering: Administering | None = None
    acting: Acting | None = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def scoped(self) -> Reading:
        """The reading of this request; a query has one, a mutation must not read."""
        if self.reading is None:
            raise InvalidQuery("this operation can't read")
        return self.reading

    async def in_turn(self, call: Awaitable[T]) -> T:
        """Await ``call`` after the calls before it: a reading answers one question at a time."""
        async with self._turn:
            return await call


Info = strawberry.Info[Context, None]


async def entity(
    info: Info, handle: strawberry.ID, after: int | None = None, grading: GradingFilter | None = None
) -> Shape | None:
    """One entity by its handle."""
    context, least = info.context, _minimum(grading)
    return await context.in_turn(context.scoped.entity(_text("handle", handle), _index("after", after), least))


async def search(
    info: Info, kind: str, parts: list[KeyPart], after: int | None = None, grading: GradingFilter | None = None
) -> list[Shape]:
    """The entities an exact identifier names."""
    context, least = info.context, _minimum(grading)
    stated = _identifier(kind, parts, "")
    return await context.in_turn(context.scoped.search(stated.kind, stated.parts, _index("after", after), least))


async def expand(
    info: Info,
    *,
    start: strawberry.ID,
    hops: int = 1,
    link_kinds: list[str] | None = None,
    limit: int = 300,
    after: int | None = None,
    grading: GradingFilter | None = None,
) -> Shape | None:
    """The network around one entity."""
    context = info.context
    hops, limit = _within("hops", hops, 1, MAX_HOPS), _within("limit", limit, 1, MAX_ENTITIES)
    start_handle, index = _text("start", start), _index("after", after)
    kinds, least = _kinds("linkKinds", link_kinds), _minimum(grading)
    return await context.in_turn(context.scoped.expand(start_handle, hops, kinds, limit, index, least))


async def paths(
    info: Info,
    *,
    source: strawberry.ID,
    target: strawberry.ID,
    max_hops: int = 6,
    k: int = 3,
    after: int | None = None,
    grading: GradingFilter | None = None,
) -> Shape:
    """The k shortest paths between two entities."""
    context = info.context
    hops, count = _within("maxHops", max_hops, 1, MAX_PATH_HOPS), _within("k", k, 1, MAX_PATHS)
    ends, least = (_text("source", source), _text("target", target)), _minimum(grading)
    return await context.in_turn(context.scoped.paths(*ends, hops, count, _index("after", after), least))


async def match(info: Info, identifiers: list[IdentifierInput], after: int | None = None) -> list[Shape]:
    """Hit or no hit per identifier."""
    context = info.context
    _within("identifiers", len(identifiers), 1, MAX_IDENTIFIERS)
    stated = [_identifier_or_problem(one, f"identifiers/{i}/") for i, one in enumerate(identifiers)]
    return await context.in_turn(context.scoped.match(stated, _index("after", after)))


async def budget(info: Info) -> Shape:
    """How many identifiers the caller's organisation has asked for today, of how many."""
    context = info.context
    return await context.in_turn(context.scoped.budget())


async def rings(info: Info, parameters: RingParameters | None = None, after: int | None = None) -> Shape:
    """Ranked rings in what the caller may analyse."""
    context = info.context
    given = {} if parameters is None else {n: v for n, v in asdict(parameters).items() if v is not None}
    _kinds("parameters/identifierKinds", given.get("identifier_kinds"))
    for name, (low, high) in RING_BOUNDS.items():
        if name in given:
            _within(f"parameters/{to_camel_case(name)}", given[name], low, high)
    return await context.in_turn(context.scoped.rings(given, _index("after", after)))


async def submissions(info: Info, first: int = 50, after: int | None = None) -> list[Shape]:
    """The caller's organisation's submissions, newest first."""
    context = info.context
    count = _within("first", first, 1, MAX_PAGE)
    return await context.in_turn(context.scoped.submissions(count, _index("after", after)))


async def cases(info: Info) -> list[Shape]:
    """The caller's organisation's cases."""
    context = info.context
    return await context.in_turn(context.scoped.cases())


async def access_log(
    info: Info, since: str | None = None, until: str | None = None, first: int = 100, before: int | None = None
) -> Shape:
    """Who saw the caller's organisation's records."""
    context = info.context
    start, end = _moment("since", since), _moment("until", until)
    count, index = _within("first", first, 1, MAX_PAGE), _index("before", before)
    return await context.in_turn(context.scoped.access_log(start, end, count, index))


async def register_case(info: Info, reference: str, title: str, legal_basis: str) -> Shape:
    """Register a case, so that questions can name it."""
    context = info.context
    if context.administering is None:
        raise InvalidQuery("this operation can't change anything")
    texts = _text("reference", reference, 200), _text("title", title, 500), _text("legalBasis", legal_basis, 200)
    acted = await context.in_turn(context.administering.register_case(context.principal, *texts))
    context.receipts.append(acted.receipt)
    return acted.body


def _identifier(kind: str, parts: list[KeyPart], where: str) -> Identifier:
    _within(f"{where}parts", len(parts), 1, MAX_PARTS)
    stated: dict[str, str] = {}
    for position, part in enumerate(parts):
        name = _text(f"{where}parts/{position}/name", part.name, MAX_NAME)
        if name in stated:
            place = f"{where}parts/{position}/name"
            raise InvalidQuery("a key part is given twice", code="duplicate_part", where=place)
        stated[name] = _text(f"{where}parts/{position}/value", part.value)
    return Identifier(_text(f"{where}kind", kind, MAX_NAME), stated)


def _identifier_or_problem(one: IdentifierInput, where: str) -> Identifier:
    try:
        return _identifier(one.kind, one.parts, where)
    except InvalidQuery as problem:
        return Identifier(one.kind[:MAX_NAME], {}, problem)


def _minimum(grading: GradingFilter | None) -> Minimum | None:
    if grading is None:
        return None
    said = {"scheme": grading.scheme, "source": grading.source, "information": grading.information}
    for name, value in said.items():
        if value is not None:
            _text(f"grading/{name}", value, MAX_NAME)
    return Minimum(**said, ungraded=bool(grading.ungraded))


def _kinds(where: str, kinds: list[str] | None) -> list[str] | None:
    if kinds is not None:
        _within(where, len(kinds), 1, MAX_KINDS)
        for position, kind in enumerate(kinds):
            _text(f"{where}/{position}", kind, MAX_NAME)
    return kinds


def _text(where: str, value: str, longest: int = MAX_VALUE) -> str:
    if not value or len(value) > longest:
        raise InvalidQuery(f"a text of 1 to {longest} characters is needed", code="out_of_range", where=where)
    if "\0" in value:
        # No database takes it.
        raise InvalidQuery("a text without the character 0 is needed", code="out_of_range", where=where)
    return value


def _moment(where: str, value: str | None) -> str | None:
    """A time as RFC 3339 in UTC; without a zone it is none."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(_text(where, value, MAX_NAME))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        pass
    message = "a time with its zone is needed, as 2026-01-31T00:00:00Z"
    raise InvalidQuery(message, code="bad_time", where=where) from None


def _index(where: str, value: int | None) -> int | None:
    return None if value is None else _within(where, value, 0, 2**31 - 1)


def _within(where: str, value: int, low: int, high: int) -> int:
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
        acted = await context.in_turn(context.acting.act(context.principal, kind, _text("act", act, MAX_ACT)))
        context.receipts.append(acted.receipt)
        return acted.body

    return strawberry.field(resolver=act, graphql_type=made | None, description=description)
