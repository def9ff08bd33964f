"""What reads return: claims as they may be shown, grouped by entity.

Group columns hold the JSON text of that group's attributes (name → value), None where there is nothing *or where it is
withheld*: which of the two it is follows from the claim's label alone. ``origin`` is the slug of an
organisation, a space and its reference, and is withheld with its group. Integers are internal and must be
sealed (:mod:`graphsvc.graph.handles`) before they leave the service.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, islice
from operator import eq, itemgetter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
_first = itemgetter(0)


Link = tuple[int, int, str]
"""Source, target, kind: what all claims of one link have in common."""


RECORD_GROUPS: Callable[[RecordClaim], tuple[str | None, ...]] = itemgetter(slice(8, 13))
LINK_GROUPS: Callable[[LinkClaim], tuple[str | None, ...]] = itemgetter(slice(11, 16))
"""The five group texts of a claim, in the order of :data:`graphsvc.model.labels.GROUPS`."""


class RecordClaim(NamedTuple):
    """What one record says of an entity. ``exp``: epoch seconds, 253402300799 for never; ``lot``: see ``marks``."""

    rec: int
    lid: int
    exp: int
    grading_source: str | None
    grading_information: str | None
    grading_scheme: str | None
    since: str | None
    until: str | None
    identity: str | None
    personal: str | None
    content: str | None
    financial: str | None
    operational: str | None
    origin: str | None = None
    lot: int = 0

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The five group texts, in the order of :data:`graphsvc.model.labels.GROUPS`."""
        return RECORD_GROUPS(self)

    @property
    def texts(self) -> tuple[str | None, ...]:
        """All that may be read of it: grading, interval, groups, origin."""
        return self[3:14]


class LinkClaim(NamedTuple):
    """What one record says of a link between two entities. ``lot``: see :mod:`graphsvc.graph.marks`."""

    source: int
    target: int
    kind: str
    rec: int
    lid: int
    exp: int
    grading_source: str | None
    grading_information: str | None
    grading_scheme: str | None
    since: str | None
    until: str | None
    identity: str | None
    personal: str | None
    content: str | None
    financial: str | None
    operational: str | None
    origin: str | None = None
    lot: int = 0

    @property
    def link(self) -> Link:
        """The link that it claims."""
        return self[:3]

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The five group texts, in the order of :data:`graphsvc.model.labels.GROUPS`."""
        return LINK_GROUPS(self)

    @property
    def texts(self) -> tuple[str | None, ...]:
        """All that may be read of it: grading, interval, groups, origin."""
        return self[6:17]


IDENTIFIED = ""
"""The world of claims that grant a reader the identity of what they are about."""


class Node(NamedTuple):
    """One thing as a reader sees it: an entity, by its mark, in one *world* of the reader.

    What a reader may not identify must not be joined with what it can name. So a claim that grants no identity belongs
    to a world of its owner, named by the owner's slug, and all others to the world :data:`IDENTIFIED`; claims join only
    within a world, and one entity is a separate thing in each.
    """

    mark: str
    world: str = IDENTIFIED


class Told(NamedTuple):
    """Totals over all visible claims of one entity or link, shown or not.

    ``sources`` pairs each owner with the organisation that it names as origin; empty: none, or withheld.
    """

    claims: int
    sources: frozenset[tuple[str, str]]

    @property
    def owners(self) -> int:
        """How many owners claim it."""
        return len({owner for owner, _ in self.sources})


def tell(claims: Iterable[RecordClaim | LinkClaim], owner: Callable[[int], str]) -> Told:
    """Totals over ``claims``, if these are all visible ones; ``owner`` gives the owner of a label number."""
    pairs = [(owner(claim.lid), (claim.origin or "").partition(" ")[0]) for claim in claims]
    return Told(len(pairs), frozenset(pairs))


class EntityFacts(NamedTuple):
    """A visible entity in a world. ``key`` is None where it is withheld; ``claims`` are those that are shown."""

    id: int
    mark: str
    kind: str
    key: str | None
    claims: list[RecordClaim]
    told: Told
    world: str = IDENTIFIED

    @property
    def more(self) -> bool:
        """Whether there are claims that are not shown."""
        return self.told.claims > len(self.claims)

    @property
    def node(self) -> Node:
        """The entity as the reader knows it."""
        return Node(self.mark, self.world)


class Neighbourhood(NamedTuple):
    """The start is in ``entities``, as is every end of ``links``. ``truncated``: there are links beyond the limit.

    Where something was cut, ``told`` has the totals over all visible claims of the links shown. ``hubs`` are entities
    that have too many links to be walked through. ``last`` is the place of the last link where a part follows.
    """

    entities: list[EntityFacts]
    links: list[LinkClaim]
    truncated: bool
    told: Mapping[Link, Told]
    hubs: tuple[int, ...] = ()
    last: tuple[int, int, int] | None = None


class Walk(NamedTuple):
    """How far to go out: ``hops`` (1 to 4), at most ``limit`` link claims.

    Entities with more than ``hub_cap`` visible link claims (None: no bound), and those whose mark is among ``stop``,
    are shown but not walked through; where a walk starts it always goes on. ``after``: links behind this place only.
    """

    hops: int = 1
    limit: int = 300
    hub_cap: int | None = None
    stop: Sequence[str] = ()
    after: tuple[int, int, int] | None = None


class Thing(NamedTuple):
    """An entity by what names it, without what is said of it. ``key`` is None where it is withheld."""

    node: Node
    kind: str
    key: str | None


def things_of(rows: Iterable[Sequence[Any]], world: str) -> dict[int, Thing]:
    """Things by their integers, from rows of integer, mark, kind, and key where a claim grants it."""
    found: dict[int, Thing] = {}
    for n, mark, kind, key in rows:
        known = found.get(n)
        found[n] = Thing(Node(mark, world), kind, key if known is None or known.key is None else known.key)
    return found


class Ways(NamedTuple):
    """Which paths: the ``k`` shortest of at most ``max_hops`` links.

    ``after``: those that follow so many, whose trace is this (:func:`graphsvc.graph.paths.trace`).
    """

    max_hops: int
    k: int
    after: tuple[int, str] | None = None


class Path(NamedTuple):
    """A simple path: its entities from end to end, and all visible link claims between neighbours on it."""

    entities: list[int]
    links: list[LinkClaim]


class Paths(NamedTuple):
    """Paths, shortest first, and the facts of every entity on them.

    ``truncated``: the search met more claims than its budget, so longer paths may be missing. ``last``: how many paths
    there are up to here, and their trace, where others may follow.
    """

    paths: list[Path]
    entities: dict[int, EntityFacts]
    truncated: bool
    last: tuple[int, str] | None = None


PRIME = (1 << 31) - 1
"""A lot packs two numbers below this prime; the sum of two products of such numbers fits Neo4j's integers."""


class Shuffle(NamedTuple):
    """The order in which one reading organisation sees claims that look alike, by their lots.

    A lot (a, b) has the place a · factor + b · other modulo :data:`PRIME`; equal places go by the lot itself. Lots
    are random, and only their order shows: one reader sees a random order, and two readers, whose factors are not
    multiples of each other, see independent orders. The Cypher statements calculate the same.
    """

    factor: int
    other: int

    def __call__(self, lot: int) -> tuple[int, int]:
        """The place of a lot."""
        return (lot // PRIME * self.factor + lot % PRIME * self.other) % PRIME, lot

    def claim(self, claim: RecordClaim | LinkClaim) -> tuple[int, int]:
        """What decides between claims that look alike."""
        return self(claim.lot)

    def entity(self, entity: EntityFacts) -> tuple[int, int]:
        """What decides between entities that look alike."""
        # Not the entity's own integer: it comes from the record that named it first, which may be hidden.
        return self.claim(entity.claims[0])


def shuffle_of(secret: bytes, org: str) -> Shuffle:
    """The order of one reading organisation, drawn from the service's secret by HMAC-SHA-256."""
    drawn = hmac.digest(secret, b"graphsvc ties v2|" + org.encode(), "sha256")
    return Shuffle(int.from_bytes(drawn[:16]) % PRIME, int.from_bytes(drawn[16:]) % PRIME)


def ordered(items: Iterable[T], order: Callable[[T], Any], tie: Callable[[T], Any]) -> list[T]:
    """The items sorted by ``order``, what is visible of them; ``tie`` is asked only about those that look alike.

    ``order`` gives tuples of equal length; None counts as an empty text in them.
    """
    pairs = [(order(item), item) for item in items]
    try:
        keyed = sorted(pairs, key=_first)
    except TypeError:  # None and a text were to be compared
        keyed = sorted(((tuple([one or "" for one in key]), item) for key, item in pairs), key=_first)
    keys = [key for key, _ in keyed]
    if not any(map(eq, keys, islice(keys, 1, None))):
        return [item for _, item in keyed]
    alike = ([item for _, item in run] for _, run in groupby(keyed, key=_first))
    return [item for run in alike for item in sorted(run, key=tie)]


claim_order: Callable[[RecordClaim], tuple[Any, ...]] = itemgetter(*range(3, 14), 2)
"""What is visible of an entity's claim, to sort by: its texts, and its end."""


def link_order(link: LinkClaim) -> tuple[object, ...]:
    """What is visible of a link's own values, to sort by."""
    return [text or "" for text in link.texts], link.exp


def entity_order(entity: EntityFacts) -> tuple[object, ...]:
    """What is visible of an entity, to sort by: kind, visible key, then what is said of it."""
    first = entity.claims[0]
    return entity.kind, entity.key or "", [text or "" for text in first.texts], len(entity.claims)
