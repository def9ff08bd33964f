"""GraphQL of answers: the root fields of questions, each one call of the reading."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, cast

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graphsvc.answers.asked import Page
from graphsvc.answers.finding import Finding
from graphsvc.answers.inputs import (
    MAX_COMPARED,
    MAX_TIMED,
    Claims,
    Cursor,
    GradingFilter,
    Handle,
    IdentifierInput,
    Kind,
    LinkClaims,
    NamePart,
    Part,
    Parts,
    RingParameters,
    Start,
    Way,
    identifier_of,
    identifier_or_problem,
    minimum_of,
)
from graphsvc.answers.own import OwnView
from graphsvc.answers.questions import Reading
from graphsvc.answers.searching import RingSearch
from graphsvc.api.arguments import LEDGER_INDEX, MAX_PAGE, PAGE, Handles, Instant, Kinds, Many, Text, Within, within
from graphsvc.api.fields import Info, question
from graphsvc.api.tables import One, Several
from graphsvc.model.names import sought
from graphsvc.wire.answers import (
    AccessLog,
    Budget,
    Case,
    Entity,
    Match,
    Network,
    Paths,
    RingReport,
    Submission,
)
from graphsvc.wire.asking import Common, IdentifiersFound, NamesFound, Timeline

RING_BOUNDS = {
    "hub_cap": (2, 10_000),
    "min_accounts": (2, 10_000),
    "resolution": (1, 1_000),
    "limit": (1, MAX_PAGE),
    "seed": (0, 2**31 - 1),
}

After = Annotated[int | None, LEDGER_INDEX]


@question(cost=1)
async def entity(
    info: Info, handle: Handle, after: After = None, grading: GradingFilter | None = None
) -> One[Entity] | None:
    """One entity by its handle; null when absent or not visible."""
    return await info.context.in_turn(reading_of(info).entity(handle, after, minimum_of(grading)))


@question(cost=2)
async def search(info: Info, kind: Kind, parts: Parts, only: Claims, after: After = None) -> Several[Entity]:
    """The entities that one exact identifier names; the time asked for is that of records."""
    stated = identifier_of(IdentifierInput(kind=kind, parts=parts), "")
    return await info.context.in_turn(reading_of(info).search(stated.kind, stated.parts, after, only.narrowing))


@question(cost=10)
async def expand(info: Info, begin: Start, only: LinkClaims, after: After = None) -> One[Network] | None:
    """The network within some hops of one or more entities, but not through hubs."""
    asked, narrowing = begin.expansion, only.narrowing
    return await info.context.in_turn(reading_of(info).expand(asked, narrowing, after))


@question(cost=20)
async def paths(info: Info, way: Way, only: LinkClaims, after: After = None) -> One[Paths]:
    """The k shortest paths between two entities, or those that come after them."""
    asked, narrowing = way.route, only.narrowing
    return await info.context.in_turn(reading_of(info).paths(asked, narrowing, after))


@question(cost=5)
async def timeline(
    info: Info, entities: Annotated[list[strawberry.ID], Handles(1, MAX_TIMED)], part: Part, only: LinkClaims,
    after: After = None,
) -> One[Timeline]:  # fmt: skip
    """What is claimed of some entities, in the order of time: by records of them, and links that touch them."""
    narrowing = only.narrowing
    return await info.context.in_turn(reading_of(info).of(Finding).timeline(entities, part.page, narrowing, after))


@question(cost=5)
async def search_names(
    info: Info,
    text: Annotated[str, Text()],
    beginning: bool = False,
    kinds: Annotated[list[str] | None, Kinds()] = None,
    *,
    part: NamePart,
    only: Claims,
    after: After = None,
) -> One[NamesFound]:
    """Entities by all words of a name, in any script; beginning: the last word may go on. Counts as one identifier."""
    search, narrowing = sought(text, beginning)._replace(kinds=kinds), only.narrowing
    return await info.context.in_turn(reading_of(info).of(Finding).names(search, part.page, narrowing, after))


@question(cost=5)
async def search_identifiers(
    info: Info, kind: Kind, parts: Parts, *, part: NamePart, only: Claims, after: After = None
) -> One[IdentifiersFound]:
    """Entities whose identifier begins so: the last of the parts may go on. Counts as first identifiers."""
    stated, narrowing = identifier_of(IdentifierInput(kind=kind, parts=parts), ""), only.narrowing
    return await info.context.in_turn(reading_of(info).of(Finding).identifiers(stated, part.page, narrowing, after))


@question(cost=10)
async def common(
    info: Info, entities: Annotated[list[strawberry.ID], Handles(2, MAX_COMPARED)],
    limit: Annotated[int, Within(1, 2_000)] = 300, cursor: Cursor = None, *, only: LinkClaims, after: After = None,
) -> One[Common] | None:  # fmt: skip
    """Who links some entities: what two or more of them are linked with, and the links between them."""
    page, narrowing = Page(limit, cursor), only.narrowing
    return await info.context.in_turn(reading_of(info).of(Finding).common(entities, page, narrowing, after))


@question(cost=30)
async def match(
    info: Info, identifiers: Annotated[list[IdentifierInput], Many(1, 1_000)], after: After = None
) -> list[Match]:
    """Hit, no hit or not asked, for up to 1,000 exact identifiers, in the order asked."""
    stated = [identifier_or_problem(one, f"identifiers/{i}/") for i, one in enumerate(identifiers)]
    return await info.context.in_turn(reading_of(info).match(stated, after))


@question(cost=1)
async def budget(info: Info) -> Budget:
    """What the caller's organisation has used of its identifiers today."""
    return await info.context.in_turn(reading_of(info).budget())


@question(cost=50)
async def rings(
    info: Info, parameters: RingParameters | None = None, cursor: Cursor = None, after: After = None
) -> RingReport:
    """Likely rings in what the caller may analyse."""
    given = {} if parameters is None else {n: v for n, v in asdict(parameters).items() if v is not None}
    if "identifier_kinds" in given:
        Kinds()("parameters/identifierKinds", given["identifier_kinds"])
    for name, (low, high) in RING_BOUNDS.items():
        if name in given:
            within(f"parameters/{to_camel_case(name)}", given[name], low, high)
    return await info.context.in_turn(reading_of(info).of(RingSearch).rings(given, cursor, after))


@question(cost=2)
async def submissions(
    info: Info,
    first: Annotated[int, PAGE] = 50,
    before: Annotated[int | None, LEDGER_INDEX] = None,
    after: After = None,
) -> list[Submission]:
    """The caller's organisation's submissions, newest first."""
    return await info.context.in_turn(reading_of(info).of(OwnView).submissions(first, before, after))


@question(cost=1)
async def cases(info: Info) -> list[Case]:
    """The caller's organisation's registered cases."""
    return await info.context.in_turn(reading_of(info).of(OwnView).cases())


@question(cost=5)
async def access_log(
    info: Info,
    since: Annotated[str | None, Instant()] = None,
    until: Annotated[str | None, Instant()] = None,
    first: Annotated[int, PAGE] = 100,
    before: Annotated[int | None, LEDGER_INDEX] = None,
    submission: Annotated[int | None, LEDGER_INDEX] = None,
) -> AccessLog:
    """Who saw the caller's organisation's records, or those of one of its submissions, and on what footing."""
    own = reading_of(info).of(OwnView)
    return await info.context.in_turn(own.access_log(since, until, first, before, submission))


def reading_of(info: Info) -> Reading:
    """The reading of this request. Raises InvalidQuery for an operation that can't read."""
    return cast(Reading, info.context.scoped)


QUESTIONS = (
    entity,
    search,
    expand,
    paths,
    timeline,
    common,
    search_names,
    search_identifiers,
    match,
    budget,
    rings,
    submissions,
    cases,
    access_log,
)
"""In the order of the schema."""
MUTATIONS: tuple[StrawberryField, ...] = ()
