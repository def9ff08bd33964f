"""The tables of answers that go by time or by what is shared (:mod:`graphsvc.answers.tables` has those of networks)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from graphsvc.answers.noted import Column
from graphsvc.answers.tables import Cuts, Entities, Links, weigh
from graphsvc.api.tables import Several, Table
from graphsvc.graph.common import Shared as SharedFacts
from graphsvc.graph.facts import Thing as ThingFacts
from graphsvc.wire import answers as wire
from graphsvc.wire import asking
from graphsvc.wire.answers import Citation


class Things(Table[asking.Thing]):
    """Entities by what names them."""

    shape = asking.Thing

    def __init__(self, things: Sequence[ThingFacts], handles: list[str]) -> None:
        self._things, self._handles = things, handles

    def __len__(self) -> int:
        """How many there are."""
        return len(self._things)

    def handle(self) -> Column:
        """The handles."""
        return self._handles

    def kind(self) -> Column:
        """The kinds."""
        return [one.kind for one in self._things]

    def key(self) -> Column:
        """The canonical keys."""
        return [one.key for one in self._things]


class Events(Table[asking.Event]):
    """Claims in the order of time: ``links`` has them, those without a kind being of one entity alone."""

    shape = asking.Event

    def __init__(self, links: Links) -> None:
        self._links = links
        self.since, self.until, self.source = links.since, links.until, links.source
        self.attributes, self.withheld = links.attributes, links.withheld

    def __len__(self) -> int:
        """How many there are."""
        return len(self._links)

    def at(self) -> Column:
        """The moments."""
        return [since or until for since, until in zip(self._links.since(), self._links.until(), strict=True)]

    def link(self) -> Column:
        """The kinds of link."""
        return [kind or None for kind in self._links.kind()]

    def target(self) -> Column:
        """Where each link ends."""
        return [target if kind else None for kind, target in zip(self._links.kind(), self._links.target(), strict=True)]

    def record(self) -> Table[Citation]:
        """The records that make the claims."""
        return self._links.record()


class Counts(NamedTuple):
    """Totals over all visible claims of a timeline, and the cursor of the next part."""

    claims: int
    undated: int
    owners: int
    following: str | None


class Timelines(Table[asking.Timeline]):
    """One timeline."""

    shape = asking.Timeline

    def __init__(self, events: Events, things: Things, counts: Counts) -> None:
        self._events, self._things, self._counts = events, things, counts

    def __len__(self) -> int:
        """One."""
        return 1

    @property
    def count(self) -> int:
        """How many claims and things there are."""
        return len(self._events) + len(self._things)

    def events(self) -> Several[asking.Event]:
        """The claims."""
        return Several(self._events, [len(self._events)])

    def things(self) -> Several[asking.Thing]:
        """What they are about."""
        return Several(self._things, [len(self._things)])

    def claim_count(self) -> Column:
        """How many claims there are in all."""
        return [self._counts.claims]

    def undated_count(self) -> Column:
        """How many of these say no time."""
        return [self._counts.undated]

    def owner_count(self) -> Column:
        """How many owners these have."""
        return [self._counts.owners]

    def next(self) -> Column:
        """Where the next part begins."""
        return [self._counts.following]


T = TypeVar("T", asking.NamesFound, asking.IdentifiersFound)


class _Found(Table[T]):
    """A part of the entities that a search has found; ``following`` is the cursor of the next."""

    def __init__(self, entities: Entities, total: int, truncated: bool, following: str | None) -> None:
        self._entities, self._total = entities, total
        self._truncated, self._following = truncated, following

    def __len__(self) -> int:
        """One."""
        return 1

    @property
    def count(self) -> int:
        """How many entities and records there are."""
        return self._entities.count

    def entities(self) -> Several[wire.Entity]:
        """The entities."""
        return Several(self._entities, [len(self._entities)])

    def entity_count(self) -> Column:
        """How many were found in all."""
        return [self._total]

    def truncated(self) -> Column:
        """Whether some were left out, or records of these."""
        return [self._truncated]

    def next(self) -> Column:
        """Where the next part begins."""
        return [self._following]


class NamesFound(_Found[asking.NamesFound]):
    """A part of those found by name."""

    shape = asking.NamesFound


class IdentifiersFound(_Found[asking.IdentifiersFound]):
    """A part of those found by the beginning of an identifier."""

    shape = asking.IdentifiersFound


class SharedThings(Table[asking.Shared]):
    """Things that several entities are linked with; ``handles`` by integer."""

    shape = asking.Shared

    def __init__(self, shared: Sequence[SharedFacts], handles: Mapping[int, str]) -> None:
        self._shared, self._handles = shared, handles

    def __len__(self) -> int:
        """How many there are."""
        return len(self._shared)

    def thing(self) -> Column:
        """The things."""
        return [self._handles[one.thing] for one in self._shared]

    def joins(self) -> Column:
        """The entities that each joins."""
        return [[self._handles[n] for n in one.joins] for one in self._shared]

    def claim_count(self) -> Column:
        """How many claims link them."""
        return [one.told.claims for one in self._shared]

    def owner_count(self) -> Column:
        """How many owners these have."""
        return [one.told.owners for one in self._shared]

    def independent_sources(self) -> Column:
        """From how many organisations they come in the end."""
        return [weigh(one.told) for one in self._shared]


class Commons(Table[asking.Common]):
    """One answer about what is common; ``count`` is of all that is shared."""

    shape = asking.Common

    def __init__(self, shown: tuple[Entities, Links], shared: SharedThings, total: int, cuts: Cuts) -> None:
        self._entities, self._links = shown
        self._shared, self._total, self._cuts = shared, total, cuts

    def __len__(self) -> int:
        """One."""
        return 1

    @property
    def count(self) -> int:
        """How many entities, records, links and shared things there are."""
        return self._entities.count + len(self._links) + len(self._shared)

    def shared(self) -> Several[asking.Shared]:
        """What is shared."""
        return Several(self._shared, [len(self._shared)])

    def shared_count(self) -> Column:
        """How much there is in all."""
        return [self._total]

    def entities(self) -> Several[wire.Entity]:
        """The entities."""
        return Several(self._entities, [len(self._entities)])

    def links(self) -> Several[wire.Link]:
        """The links."""
        return Several(self._links, self._links.lengths)

    def truncated(self) -> Column:
        """Whether links or records were left out."""
        return [self._cuts.truncated]

    def more_links(self) -> Column:
        """Whether links were."""
        return [self._cuts.more]

    def next(self) -> Column:
        """Where the next part begins."""
        return [self._cuts.following]
