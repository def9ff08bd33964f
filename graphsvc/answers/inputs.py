"""GraphQL inputs of questions, and their values once checked against bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import strawberry

from graphsvc.answers.asked import HUB_CAP, Expansion, Narrowing, Page, Route
from graphsvc.answers.questions import Identifier
from graphsvc.api.arguments import MAX_NAME, Group, Handles, Instant, Kinds, Many, Text, Within, text_of, within
from graphsvc.api.types import given
from graphsvc.graph.sieve import During
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.gradings import Minimum

MAX_PARTS = 8
MAX_STARTS = 20
MAX_STOP = 200
MAX_COMPARED = 20
MAX_TIMED = 200
"""The most handles of starts, of a stop list, of entities to compare, of entities on one timeline."""


@given
class KeyPart:
    """One part of an identifier's key, as it was found: the service normalises it."""

    name: str
    value: str


Kind = Annotated[str, Text(MAX_NAME)]
Parts = Annotated[list[KeyPart], Many(1, MAX_PARTS)]
"""A question about one identifier takes these two as arguments; lists of identifiers take IdentifierInput."""


@given
class IdentifierInput:
    """An identifier: entity kind and key parts."""

    kind: str
    parts: list[KeyPart]


@given
class GradingFilter:
    """Only claims with at least this grading; codes of other schemes are compared by schema/gradings.yaml."""

    scheme: str | None = strawberry.field(
        default=None, description="The scheme of the codes below: admiralty, europol-4x4, uk-3x5x2."
    )
    source: str | None = strawberry.field(default=None, description="The source is at least this reliable.")
    information: str | None = strawberry.field(default=None, description="The information is at least this credible.")
    ungraded: bool = strawberry.field(default=False, description="Claims without a grading count too.")


@given
class TimeFilter:
    """Only claims whose interval touches this one, in UTC; an end that is left out is open."""

    since: str | None = strawberry.field(default=None, description="From this moment on, as 2026-01-31T00:00:00Z.")
    until: str | None = strawberry.field(default=None, description="Up to this moment.")
    undated: bool = strawberry.field(default=False, description="Claims that say no time count too.")


Owners = Annotated[list[str] | None, Kinds()]
Cursor = Annotated[str | None, Text()]
Handle = Annotated[strawberry.ID, Text()]


@dataclass(frozen=True)
class Claims(Group):
    """Which claims count, wherever what they say may be seen."""

    owners: Owners = None
    during: TimeFilter | None = None
    grading: GradingFilter | None = None

    @property
    def narrowing(self) -> Narrowing:
        """The same, checked. Raises InvalidQuery."""
        return Narrowing(self.owners, during_of(self.during), None, minimum_of(self.grading))


@dataclass(frozen=True)
class LinkClaims(Group):
    """Which claims count, where links are followed; the time is that of links."""

    link_kinds: Annotated[list[str] | None, Kinds()] = None
    owners: Owners = None
    during: TimeFilter | None = None
    grading: GradingFilter | None = None

    @property
    def narrowing(self) -> Narrowing:
        """The same, checked. Raises InvalidQuery."""
        return Narrowing(self.owners, during_of(self.during), self.link_kinds, minimum_of(self.grading))


@dataclass(frozen=True)
class Start(Group):
    """Where a network begins, and how far it goes."""

    start: Annotated[strawberry.ID | None, Text()] = None
    starts: Annotated[list[strawberry.ID] | None, Handles(1, MAX_STARTS)] = None
    hops: Annotated[int, Within(1, 4)] = 1
    limit: Annotated[int, Within(1, 2_000)] = 300
    hub_cap: Annotated[int | None, Within(1, 1_000_000)] = HUB_CAP
    stop: Annotated[list[strawberry.ID] | None, Handles(1, MAX_STOP)] = None
    cursor: Cursor = None

    @property
    def expansion(self) -> Expansion:
        """The same, with at least one start. Raises InvalidQuery."""
        starts = ([] if self.start is None else [self.start]) + list(self.starts or ())
        if not starts:
            raise InvalidQuery("say where to start: start, or starts", code="out_of_range", where="start")
        return Expansion(starts, self.hops, self.limit, self.hub_cap, self.stop or (), self.cursor)


@dataclass(frozen=True)
class Way(Group):
    """The ends of paths, and which paths."""

    source: Handle
    target: Handle
    max_hops: Annotated[int, Within(1, 8)] = 6
    k: Annotated[int, Within(1, 20)] = 3
    cursor: Cursor = None

    @property
    def route(self) -> Route:
        """The same."""
        return Route(self.source, self.target, self.max_hops, self.k, self.cursor)


@dataclass(frozen=True)
class Part(Group):
    """A part of a list: so many members, after the cursor that the part before has given as next."""

    first: Annotated[int, Within(1, 500)] = 100
    cursor: Cursor = None

    @property
    def page(self) -> Page:
        """The same."""
        return Page(self.first, self.cursor)


@dataclass(frozen=True)
class NamePart(Group):
    """A part of a list of entities with their records."""

    first: Annotated[int, Within(1, 50)] = 20
    cursor: Cursor = None

    @property
    def page(self) -> Page:
        """The same."""
        return Page(self.first, self.cursor)


@given
class RingParameters:
    """Parameters of ring detection; those left out have the values that rings.parameters reports."""

    identifier_kinds: list[str] | None = strawberry.field(default=None, description="Kinds of identifiers to look at.")
    hub_cap: int | None = strawberry.field(
        default=None, description="Identifiers that more accounts than this share are left out."
    )
    min_accounts: int | None = strawberry.field(default=None, description="A ring has at least this many accounts.")
    resolution: int | None = strawberry.field(
        default=None,
        description="CPM resolution in thousandths of a link per pair of nodes; left out: chosen piece by piece.",
    )
    limit: int | None = strawberry.field(default=None, description="The most rings to return.")
    seed: int | None = strawberry.field(default=None, description="Seed of the community search.")


def identifier_of(one: IdentifierInput, where: str) -> Identifier:
    """An identifier as it was stated, within bounds. Raises InvalidQuery."""
    within(f"{where}parts", len(one.parts), 1, MAX_PARTS)
    stated: dict[str, str] = {}
    for position, part in enumerate(one.parts):
        name = text_of(f"{where}parts/{position}/name", part.name, MAX_NAME)
        if name in stated:
            place = f"{where}parts/{position}/name"
            raise InvalidQuery("a key part is given twice", code="duplicate_part", where=place)
        stated[name] = text_of(f"{where}parts/{position}/value", part.value)
    return Identifier(text_of(f"{where}kind", one.kind, MAX_NAME), stated)


def identifier_or_problem(one: IdentifierInput, where: str) -> Identifier:
    """An identifier as it was stated, or with what is wrong with it."""
    try:
        return identifier_of(one, where)
    except InvalidQuery as problem:
        return Identifier(one.kind[:MAX_NAME], {}, problem)


def during_of(time: TimeFilter | None) -> During | None:
    """The window of time that counts; None for any. Raises InvalidQuery."""
    if time is None:
        return None
    check = Instant()
    since, until = (
        None if moment is None else check(f"during/{name}", moment)
        for name, moment in (("since", time.since), ("until", time.until))
    )
    if since is not None and until is not None and since > until:
        raise InvalidQuery("until lies before since", code="bad_interval", where="during/until")
    return During(since, until, bool(time.undated))


def minimum_of(grading: GradingFilter | None) -> Minimum | None:
    """The least grading that counts; None for any."""
    if grading is None:
        return None
    said = {"scheme": grading.scheme, "source": grading.source, "information": grading.information}
    for name, value in said.items():
        if value is not None:
            text_of(f"grading/{name}", value, MAX_NAME)
    return Minimum(**said, ungraded=bool(grading.ungraded))
