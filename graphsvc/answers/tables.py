"""The tables of answers: the one place that says what each member of an entity, record, link or path holds.

A table is made of claims that were noted before (:class:`graphsvc.answers.rendering.Shapes`), so whatever is
selected of it, and whether its rows are ever made, changes nothing about what owners are told. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from graphsvc.answers.noted import Column, Noted
from graphsvc.answers.provenance import Said, independent_sources
from graphsvc.api.tables import Several, Table
from graphsvc.graph.facts import EntityFacts, Link, Told, tell
from graphsvc.model.places import ROW_BITS, ROW_MASK
from graphsvc.model.times import FOREVER
from graphsvc.wire import answers as wire
from graphsvc.wire.answers import Citation, Entity, Network, Record


class Records(Table[Record]):
    """The records of some entities, ``lengths`` of them for each; ``told`` are the totals over all of each."""

    shape = Record

    def __init__(self, noted: Noted, lengths: Sequence[int], told: Sequence[Told]) -> None:
        self._told = told
        self._noted = noted
        self._claims: Sequence[Any] = noted.claims
        self._lengths = lengths
        self.handle = lambda: noted.handles
        self.owner, self.owner_kind, self.handling = noted.owners, noted.owner_kinds, noted.handlings
        self.grading, self.origin = noted.gradings, noted.origins
        self.attributes, self.withheld = noted.attributes, noted.withheld

    def __len__(self) -> int:
        """How many records there are."""
        return len(self._claims)

    def pap(self) -> Column:
        """What may be done with each, seen from outside."""
        return [terms.pap for terms in self._noted.terms]

    def circular(self) -> Column:
        """Which repeat another visible record of the same entity."""
        places = iter(range(len(self)))
        runs = [list(islice(places, length)) for length in self._lengths]
        return self._noted.repeats(zip(runs, self._told, strict=True))

    def since(self) -> Column:
        """From when on."""
        return [claim.since for claim in self._claims]

    def until(self) -> Column:
        """Until when."""
        return [claim.until for claim in self._claims]

    def expires(self) -> Column:
        """When each expires; None: never."""
        return [None if claim.exp >= FOREVER else _time(claim.exp) for claim in self._claims]

    def submission(self) -> Column:
        """The submission of those that are the reader's own."""
        pairs = zip(self._claims, self._noted.terms, strict=True)
        return [claim.rec >> ROW_BITS if terms.own else None for claim, terms in pairs]

    def row(self) -> Column:
        """The row of those that are the reader's own."""
        pairs = zip(self._claims, self._noted.terms, strict=True)
        return [claim.rec & ROW_MASK if terms.own else None for claim, terms in pairs]


class Entities(Table[Entity]):
    """Entities with their records."""

    shape = Entity

    def __init__(self, facts: Sequence[EntityFacts], handles: list[str], noted: Noted) -> None:
        self._facts = facts
        self._lengths = [len(one.claims) for one in facts]
        self._records = Records(noted, self._lengths, [one.told for one in facts])
        self.handles = handles

    def __len__(self) -> int:
        """How many entities there are."""
        return len(self._facts)

    @property
    def count(self) -> int:
        """How many entities and records there are."""
        return len(self._facts) + len(self._records)

    def handle(self) -> Column:
        """The handles."""
        return self.handles

    def kind(self) -> Column:
        """The kinds."""
        return [one.kind for one in self._facts]

    def key(self) -> Column:
        """The canonical keys, None where no visible claim grants it."""
        return [one.key for one in self._facts]

    def records(self) -> Several[Record]:
        """The records that are listed of each."""
        return Several(self._records, self._lengths)

    def more_records(self) -> Column:
        """Whether there are more."""
        return [one.more for one in self._facts]

    def record_count(self) -> Column:
        """How many there are in all."""
        return [one.told.claims for one in self._facts]

    def owner_count(self) -> Column:
        """How many owners these have."""
        return [one.told.owners for one in self._facts]

    def independent_sources(self) -> Column:
        """From how many organisations they come in the end."""
        return [weigh(one.told) for one in self._facts]


class Links(Table[wire.Link]):
    """Link claims in one or more lists, ``lengths`` of them in each; what is said of one link is counted within a list.

    ``handles`` are those of the ends, by their integers; ``told`` has totals over all visible claims of a link, where
    not all of them are here.
    """

    shape = wire.Link

    def __init__(
        self, noted: Noted, lengths: Sequence[int], handles: Mapping[int, str], told: Mapping[Link, Told]
    ) -> None:
        self._noted = noted
        self._claims: Sequence[Any] = noted.claims
        self._handles = handles
        self._told = told
        self.lengths = lengths
        self.attributes, self.withheld = noted.attributes, noted.withheld

    def __len__(self) -> int:
        """How many link claims there are."""
        return len(self._claims)

    def kind(self) -> Column:
        """The kinds."""
        return [claim.kind for claim in self._claims]

    def source(self) -> Column:
        """Where each begins."""
        handles = self._handles
        return [handles[claim.source] for claim in self._claims]

    def target(self) -> Column:
        """Where each ends."""
        handles = self._handles
        return [handles[claim.target] for claim in self._claims]

    def since(self) -> Column:
        """From when on."""
        return [claim.since for claim in self._claims]

    def until(self) -> Column:
        """Until when."""
        return [claim.until for claim in self._claims]

    def record(self) -> Table[Citation]:
        """The records that make the claims."""
        return Citations(self._noted, lambda: self._noted.repeats(self._among()))

    def _among(self) -> Iterator[tuple[list[int], Told | None]]:
        return ((places, self._told.get(link)) for (_, link), places in self._alike.items())

    def claim_count(self) -> Column:
        """How many visible claims there are of the same link."""
        return self._totals(lambda told: told.claims)

    def independent_sources(self) -> Column:
        """From how many organisations these come in the end."""
        return self._totals(weigh)

    @cached_property
    def _alike(self) -> dict[tuple[int, Link], list[int]]:
        """The places of the claims of one link in one list."""
        alike: dict[tuple[int, Link], list[int]] = {}
        places = iter(range(len(self)))
        for part, length in enumerate(self.lengths):
            for place in islice(places, length):
                alike.setdefault((part, self._claims[place].link), []).append(place)
        return alike

    def _totals(self, of: Callable[[Told], int]) -> Column:
        owner_of = {claim.lid: terms.owner for claim, terms in zip(self._claims, self._noted.terms, strict=True)}
        totals = [0] * len(self)
        for (_, link), places in self._alike.items():
            claims = [self._claims[place] for place in places]
            total = of(self._told.get(link) or tell(claims, owner_of.__getitem__))
            for place in places:
                totals[place] = total
        return totals


class Citations(Table[Citation]):
    """The records behind link claims."""

    shape = Citation

    def __init__(self, noted: Noted, circular: Callable[[], Column]) -> None:
        self._noted = noted
        self.handle = lambda: noted.handles
        self.owner, self.owner_kind, self.handling = noted.owners, noted.owner_kinds, noted.handlings
        self.grading, self.origin, self.circular = noted.gradings, noted.origins, circular

    def __len__(self) -> int:
        """How many there are."""
        return len(self._noted.claims)


class Cuts(NamedTuple):
    """What an answer leaves out: anything at all, and links or paths beyond the limit; the cursor of the next part."""

    truncated: bool
    more: bool
    following: str | None = None


class Networks(Table[Network]):
    """One network; ``hubs`` are handles."""

    shape = Network

    def __init__(self, entities: Entities, links: Links, hubs: list[str], cuts: Cuts) -> None:
        self._entities, self._links, self._hubs = entities, links, hubs
        self._cuts = cuts

    def __len__(self) -> int:
        """One."""
        return 1

    @property
    def count(self) -> int:
        """How many entities, records and links there are."""
        return self._entities.count + len(self._links)

    def entities(self) -> Several[Entity]:
        """The entities."""
        return Several(self._entities, [len(self._entities)])

    def links(self) -> Several[wire.Link]:
        """The links."""
        return Several(self._links, self._links.lengths)

    def hubs(self) -> Column:
        """Those of the entities that were not walked through."""
        return [self._hubs]

    def truncated(self) -> Column:
        """Whether links or records were left out."""
        return [self._cuts.truncated]

    def more_links(self) -> Column:
        """Whether links were."""
        return [self._cuts.more]

    def next(self) -> Column:
        """Where the next part begins."""
        return [self._cuts.following]


class PathLines(Table[wire.Path]):
    """Paths: the entities of all of them, ``lengths`` of them in each, and their links."""

    shape = wire.Path

    def __init__(self, entities: Entities, lengths: Sequence[int], links: Links) -> None:
        self._entities, self._lengths, self._links = entities, lengths, links

    def __len__(self) -> int:
        """How many paths there are."""
        return len(self._lengths)

    @property
    def count(self) -> int:
        """How many entities, records and links there are."""
        return self._entities.count + len(self._links)

    def length(self) -> Column:
        """How many links each path is long."""
        return [length - 1 for length in self._lengths]

    def entities(self) -> Several[Entity]:
        """The entities of each."""
        return Several(self._entities, self._lengths)

    def links(self) -> Several[wire.Link]:
        """The links of each."""
        return Several(self._links, self._links.lengths)


class PathAnswers(Table[wire.Paths]):
    """One answer with paths."""

    shape = wire.Paths

    def __init__(self, paths: PathLines, cuts: Cuts) -> None:
        self._paths, self._cuts = paths, cuts

    def __len__(self) -> int:
        """One."""
        return 1

    @property
    def count(self) -> int:
        """How many entities, records and links there are."""
        return self._paths.count

    def paths(self) -> Several[wire.Path]:
        """The paths."""
        return Several(self._paths, [len(self._paths)])

    def truncated(self) -> Column:
        """Whether the search was cut, or records were left out."""
        return [self._cuts.truncated]

    def more_paths(self) -> Column:
        """Whether the search was."""
        return [self._cuts.more]

    def next(self) -> Column:
        """Where the next part begins."""
        return [self._cuts.following]


def weigh(told: Told) -> int:
    """Count the sources behind all claims of one entity or link."""
    return independent_sources([Said(owner, organisation) for owner, organisation in told.sources])


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
