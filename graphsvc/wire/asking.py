"""What the answers of questions hold that go by time, by what is shared, or by a name.

A class's docstring is its description in the schema.
"""

from __future__ import annotations

from typing import Annotated

from graphsvc.wire.answers import Attribute, Citation, Entity, Link, Withheld
from graphsvc.wire.shapes import ID, Shape, told


class Thing(Shape):
    """An entity by what names it, without its records. key is null where no visible claim grants it."""

    handle: ID
    kind: str
    key: str | None


class Event(Shape):
    """A claim at its moment: of a link, or (link and target are null) what a record says of the entity source."""

    at: Annotated[str | None, told("When it begins, or else when it ends; null: it says no time.")]
    since: str | None
    until: str | None
    link: Annotated[str | None, told("The kind of link.")]
    source: ID
    target: ID | None
    attributes: list[Attribute]
    withheld: list[Withheld]
    record: Citation


class Timeline(Shape):
    """Visible claims about entities, in the order of time; those that say no time come last.

    At the same moment owners take turns. Counts are of all visible claims that were asked for, on this part or not.
    """

    events: list[Event]
    things: Annotated[list[Thing], told("What the events are about.")]
    claim_count: int
    undated_count: Annotated[int, told("How many of these say no time.")]
    owner_count: int
    next: Annotated[str | None, told("The cursor of the next part; null: there is none.")]


class NamesFound(Shape):
    """Entities that visible records call so, owners by turns. truncated: there are more, or records were left out."""

    entities: list[Entity]
    entity_count: Annotated[int, told("All that were found, on this part or not.")]
    truncated: bool
    next: Annotated[str | None, told("The cursor of the next part; null: there is none.")]


class IdentifiersFound(Shape):
    """Entities whose identifier begins so, owners by turns. truncated: there are more, or records were left out."""

    entities: list[Entity]
    entity_count: Annotated[int, told("All that were found, on this part or not.")]
    truncated: bool
    next: Annotated[str | None, told("The cursor of the next part; null: there is none.")]


class Shared(Shape):
    """A thing that two or more of the entities are linked with. Counts are of all visible claims that link them."""

    thing: ID
    joins: Annotated[list[ID], told("The entities that it is linked with.")]
    claim_count: int
    owner_count: int
    independent_sources: Annotated[int, told("The organisations that these claims come from in the end.")]


class Common(Shape):
    """What entities have in common, that which joins most of them first, and the links between themselves.

    truncated: links or records were left out.
    """

    shared: list[Shared]
    shared_count: Annotated[int, told("All that is shared, listed or not.")]
    entities: list[Entity]
    links: list[Link]
    truncated: bool
    more_links: Annotated[bool, told("There are more visible links than the limit; owners took turns.")]
    next: Annotated[str | None, told("The cursor of the next part; null: there is none.")]
