"""What reads return: claims as they may be shown, grouped by entity.

Group columns hold the JSON text of that group's attributes (name → value), None where there is nothing *or where it is
withheld*: which of the two is said from the claim's label alone, by whoever shows it. ``origin`` is the slug of an
organisation, a space and that one's reference, and is withheld with its group. Integers are internal and must be
sealed (:mod:`graphsvc.graph.handles`) before they leave the service.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from itertools import groupby, islice
from operator import eq, itemgetter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
_first = itemgetter(0)


class RecordClaim(NamedTuple):
    """What one record says of an entity: the one at ``place`` in it. ``exp``: epoch seconds, 253402300799 for never."""

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
    place: int = 0

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The five group texts, in the order of :data:`graphsvc.model.labels.GROUPS`."""
        return self[8:13]

    @property
    def texts(self) -> tuple[str | None, ...]:
        """All that may be read of it: grading, interval, groups, origin."""
        return self[3:14]


class LinkClaim(NamedTuple):
    """What one record says of a link between two entities: the link at ``place`` in it."""

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
    place: int = 0

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The five group texts, in the order of :data:`graphsvc.model.labels.GROUPS`."""
        return self[11:16]

    @property
    def texts(self) -> tuple[str | None, ...]:
        """All that may be read of it: grading, interval, groups, origin."""
        return self[6:17]


class EntityFacts(NamedTuple):
    """A visible entity. ``key`` is None where no visible claim grants it; ``more``: there are claims beyond the cap."""

    id: int
    kind: str
    key: str | None
    claims: list[RecordClaim]
    more: bool


class Neighbourhood(NamedTuple):
    """The start is in ``entities``, as is every end of ``links``. ``truncated``: there are links beyond the limit."""

    entities: list[EntityFacts]
    links: list[LinkClaim]
    truncated: bool


class Path(NamedTuple):
    """A simple path: its entities from end to end, and all visible link claims between neighbours on it."""

    entities: list[int]
    links: list[LinkClaim]


class Paths(NamedTuple):
    """Paths, shortest first, and the facts of every entity on them.

    ``truncated``: the search met more claims than its budget, so longer paths may be missing.
    """

    paths: list[Path]
    entities: dict[int, EntityFacts]
    truncated: bool


PRIME = 2_999_999_777
"""Below 2^31.5, so that squares fit Neo4j's integers, and 2 modulo 3, so that no two numbers have the same cube."""


class Shuffle(NamedTuple):
    """A keyed order of integers, the last resort in ordering: without the key it tells nothing of who came first.

    ``n`` goes to (factor · n + shift)³ modulo :data:`PRIME`. A cube, since the order of multiples alone would give the
    factor away to who knows some of the numbers, as of own records. The statements count the same way.
    """

    factor: int
    shift: int

    def __call__(self, n: int) -> int:
        """The place of ``n``."""
        moved = (n % PRIME * self.factor + self.shift) % PRIME
        return moved * moved % PRIME * moved % PRIME

    def claim(self, claim: RecordClaim | LinkClaim) -> tuple[int, int]:
        """What decides between claims that look alike."""
        return self(claim.rec), claim.place

    def entity(self, entity: EntityFacts) -> tuple[int, int]:
        """What decides between entities that look alike."""
        # Not the entity's own number, which is given by whoever spoke of it first, and that may be hidden.
        return self.claim(entity.claims[0])


def shuffle_of(secret: bytes, org: str) -> Shuffle:
    """The order of one reading organisation, drawn from the service's secret by HMAC-SHA-256."""
    drawn = hmac.digest(secret, b"graphsvc ties v1|" + org.encode(), "sha256")
    factor, shift = int.from_bytes(drawn[:16]), int.from_bytes(drawn[16:])
    return Shuffle(1 + factor % (PRIME - 1), shift % PRIME)


def ordered(items: Iterable[T], order: Callable[[T], Any], tie: Callable[[T], Any]) -> list[T]:
    """The items by what is visible of them; only those that look alike are asked for what decides between them."""
    keyed = sorted(((order(item), item) for item in items), key=_first)
    keys = [key for key, _ in keyed]
    if not any(map(eq, keys, islice(keys, 1, None))):
        return [item for _, item in keyed]
    alike = (list(run) for _, run in groupby(keyed, key=_first))
    return [item for run in alike for item in sorted((item for _, item in run), key=tie)]


def claim_order(claim: RecordClaim) -> tuple[object, ...]:
    """What is visible of an entity's claim, to sort by."""
    return (*(text or "" for text in claim.texts), claim.exp)


def link_order(link: LinkClaim, keys: dict[int, str]) -> tuple[object, ...]:
    """What is visible of a link, to sort by: kind, visible keys of the ends, the claim's own values."""
    ends = (keys.get(link.source, ""), keys.get(link.target, ""))
    return (link.kind, *ends, *(text or "" for text in link.texts), link.exp)


def entity_order(entity: EntityFacts) -> tuple[object, ...]:
    """What is visible of an entity, to sort by: kind, visible key, then what is said of it."""
    first = entity.claims[0]
    return (entity.kind, entity.key or "", *(text or "" for text in first.texts), len(entity.claims))
