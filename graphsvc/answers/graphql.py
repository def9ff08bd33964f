"""GraphQL of answers: the root fields of questions: bounds on their arguments, then one call of the reading each."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphsvc.answers.own import OwnReading
from graphsvc.answers.questions import Identifier, Reading
from graphsvc.answers.shapes import (
    AccessLog,
    Budget,
    Case,
    Entity,
    GradingFilter,
    IdentifierInput,
    KeyPart,
    Match,
    Network,
    Paths,
    RingParameters,
    RingReport,
    Submission,
)
from graphsvc.api.fields import MAX_NAME, MAX_PAGE, Info, index_of, moment_of, shape, text_of, within
from graphsvc.api.ports import Shape
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.gradings import Minimum

MAX_HOPS = 4
MAX_PATH_HOPS = 8
MAX_ENTITIES = 2_000
MAX_PATHS = 20
MAX_IDENTIFIERS = 1_000
MAX_PARTS = 8
MAX_KINDS = 32
RING_BOUNDS = {
    "hub_cap": (2, 10_000),
    "min_accounts": (2, 10_000),
    "resolution": (1, 1_000),
    "limit": (1, MAX_PAGE),
    "seed": (0, 2**31 - 1),
}


async def entity(
    info: Info, handle: strawberry.ID, after: int | None = None, grading: GradingFilter | None = None
) -> Shape | None:
    """One entity by its handle."""
    context, least = info.context, minimum_of(grading)
    return await context.in_turn(reading_of(info).entity(text_of("handle", handle), index_of("after", after), least))


async def search(
    info: Info, kind: str, parts: list[KeyPart], after: int | None = None, grading: GradingFilter | None = None
) -> list[Shape]:
    """The entities an exact identifier names."""
    context, least = info.context, minimum_of(grading)
    stated = identifier_of(kind, parts, "")
    return await context.in_turn(reading_of(info).search(stated.kind, stated.parts, index_of("after", after), least))


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
    hops, limit = within("hops", hops, 1, MAX_HOPS), within("limit", limit, 1, MAX_ENTITIES)
    start_handle, index = text_of("start", start), index_of("after", after)
    kinds, least = kinds_within("linkKinds", link_kinds), minimum_of(grading)
    return await context.in_turn(reading_of(info).expand(start_handle, hops, kinds, limit, index, least))


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
    hops, count = within("maxHops", max_hops, 1, MAX_PATH_HOPS), within("k", k, 1, MAX_PATHS)
    ends, least = (text_of("source", source), text_of("target", target)), minimum_of(grading)
    return await context.in_turn(reading_of(info).paths(*ends, hops, count, index_of("after", after), least))


async def match(info: Info, identifiers: list[IdentifierInput], after: int | None = None) -> list[Shape]:
    """Hit or no hit per identifier."""
    context = info.context
    within("identifiers", len(identifiers), 1, MAX_IDENTIFIERS)
    stated = [identifier_or_problem(one, f"identifiers/{i}/") for i, one in enumerate(identifiers)]
    return await context.in_turn(reading_of(info).match(stated, index_of("after", after)))


async def budget(info: Info) -> Shape:
    """How many identifiers the caller's organisation has asked for today, of how many."""
    context = info.context
    return await context.in_turn(reading_of(info).budget())


async def rings(info: Info, parameters: RingParameters | None = None, after: int | None = None) -> Shape:
    """Ranked rings in what the caller may analyse."""
    context = info.context
    given = {} if parameters is None else {n: v for n, v in asdict(parameters).items() if v is not None}
    kinds_within("parameters/identifierKinds", given.get("identifier_kinds"))
    for name, (low, high) in RING_BOUNDS.items():
        if name in given:
            within(f"parameters/{to_camel_case(name)}", given[name], low, high)
    return await context.in_turn(reading_of(info).rings(given, index_of("after", after)))


async def submissions(info: Info, first: int = 50, after: int | None = None) -> list[Shape]:
    """The caller's organisation's submissions, newest first."""
    context = info.context
    count = within("first", first, 1, MAX_PAGE)
    return await context.in_turn(reading_of(info).of(OwnReading).submissions(count, index_of("after", after)))


async def cases(info: Info) -> list[Shape]:
    """The caller's organisation's cases."""
    context = info.context
    return await context.in_turn(reading_of(info).of(OwnReading).cases())


async def access_log(
    info: Info, since: str | None = None, until: str | None = None, first: int = 100, before: int | None = None
) -> Shape:
    """Who saw the caller's organisation's records."""
    context = info.context
    start, end = moment_of("since", since), moment_of("until", until)
    count, index = within("first", first, 1, MAX_PAGE), index_of("before", before)
    return await context.in_turn(reading_of(info).of(OwnReading).access_log(start, end, count, index))


async def register_case(info: Info, reference: str, title: str, legal_basis: str) -> Shape:
    """Register a case, so that questions can name it."""
    context = info.context
    if context.administering is None:
        raise InvalidQuery("this operation can't change anything")
    texts = text_of("reference", reference, 200), text_of("title", title, 500), text_of("legalBasis", legal_basis, 200)
    acted = await context.in_turn(context.administering.register_case(context.principal, *texts))
    context.receipts.append(acted.receipt)
    return acted.body


def identifier_of(kind: str, parts: list[KeyPart], where: str) -> Identifier:
    """An identifier as it was stated, within bounds. Raises InvalidQuery."""
    within(f"{where}parts", len(parts), 1, MAX_PARTS)
    stated: dict[str, str] = {}
    for position, part in enumerate(parts):
        name = text_of(f"{where}parts/{position}/name", part.name, MAX_NAME)
        if name in stated:
            place = f"{where}parts/{position}/name"
            raise InvalidQuery("a key part is given twice", code="duplicate_part", where=place)
        stated[name] = text_of(f"{where}parts/{position}/value", part.value)
    return Identifier(text_of(f"{where}kind", kind, MAX_NAME), stated)


def identifier_or_problem(one: IdentifierInput, where: str) -> Identifier:
    """An identifier as it was stated, or with what is wrong with it."""
    try:
        return identifier_of(one.kind, one.parts, where)
    except InvalidQuery as problem:
        return Identifier(one.kind[:MAX_NAME], {}, problem)


def minimum_of(grading: GradingFilter | None) -> Minimum | None:
    """The least grading that counts; None for any."""
    if grading is None:
        return None
    said = {"scheme": grading.scheme, "source": grading.source, "information": grading.information}
    for name, value in said.items():
        if value is not None:
            text_of(f"grading/{name}", value, MAX_NAME)
    return Minimum(**said, ungraded=bool(grading.ungraded))


def kinds_within(where: str, kinds: list[str] | None) -> list[str] | None:
    """Kinds by name, not too many; whether they exist is checked by who asks for them."""
    if kinds is not None:
        within(where, len(kinds), 1, MAX_KINDS)
        for position, kind in enumerate(kinds):
            text_of(f"{where}/{position}", kind, MAX_NAME)
    return kinds


def reading_of(info: Info) -> Reading:
    """The reading of this request. Raises InvalidQuery for an operation that can't read."""
    return cast(Reading, info.context.scoped)


@shape
class AnswersQuery:
    """What is in the graph, and what the caller's organisation has here."""

    entity = strawberry.field(
        resolver=entity,
        graphql_type=Entity | None,
        description="One entity by its handle; null when absent or not visible.",
    )
    search = strawberry.field(
        resolver=search,
        graphql_type=list[Entity] | None,
        description="The entities that one exact identifier names.",
    )
    expand = strawberry.field(
        resolver=expand,
        graphql_type=Network | None,
        description="The network within some hops of an entity.",
    )
    paths = strawberry.field(
        resolver=paths,
        graphql_type=Paths | None,
        description="The k shortest paths between two entities.",
    )
    match = strawberry.field(
        resolver=match,
        graphql_type=list[Match] | None,
        description="Hit, no hit or not asked, for up to 1,000 exact identifiers, in the order asked.",
    )
    budget = strawberry.field(
        resolver=budget,
        graphql_type=Budget | None,
        description="What the caller's organisation has used of its identifiers today.",
    )
    rings = strawberry.field(
        resolver=rings,
        graphql_type=RingReport | None,
        description="Likely rings in what the caller may analyse.",
    )
    submissions = strawberry.field(
        resolver=submissions,
        graphql_type=list[Submission] | None,
        description="The caller's organisation's submissions, newest first.",
    )
    cases = strawberry.field(
        resolver=cases,
        graphql_type=list[Case] | None,
        description="The caller's organisation's registered cases.",
    )
    access_log = strawberry.field(
        resolver=access_log,
        graphql_type=AccessLog | None,
        description="Who saw the caller's organisation's records, and on what footing.",
    )


@shape
class AnswersMutation:
    """Cases."""

    register_case = strawberry.field(
        resolver=register_case,
        graphql_type=Case | None,
        description="Register a case, so that questions can name it.",
    )
