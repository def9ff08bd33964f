"""GraphQL inputs of questions, and their values once checked against bounds."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphsvc.answers.questions import Identifier
from graphsvc.api.arguments import MAX_NAME, Many, Text, text_of, within
from graphsvc.api.types import given
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.gradings import Minimum

MAX_PARTS = 8


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


def minimum_of(grading: GradingFilter | None) -> Minimum | None:
    """The least grading that counts; None for any."""
    if grading is None:
        return None
    said = {"scheme": grading.scheme, "source": grading.source, "information": grading.information}
    for name, value in said.items():
        if value is not None:
            text_of(f"grading/{name}", value, MAX_NAME)
    return Minimum(**said, ungraded=bool(grading.ungraded))
