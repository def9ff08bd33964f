"""What lies around rings and is no evidence for them: adverts with their times, what they offer, seizures touched.

Every one comes with the records of each link on the way to it, so that it can be cited and left out line by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphsvc.detect.arrays import Flags, Ints, bounds_in, spans
from graphsvc.detect.evidence import CARRIED, DAY, UNKNOWN, Claims

ADVERTS, GOODS, SEIZURES = ("Listing",), ("Taxon", "Specimen"), ("Seizure",)
NIGHT, MORNING = 21, 6
"""Night is from 9 pm to 6 am."""
HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Advert:
    """An advert of one of a ring's accounts: since when, in epoch seconds (:data:`UNKNOWN`: not stated), who says so.

    Entities and records are integers.
    """

    entity: int
    since: int
    record: int


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around one ring; products and seizures by entity, with all records on the way to them."""

    adverts: tuple[Advert, ...] = ()
    products: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    seizures: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Reached:
    """Nodes that rings reach: ring, node, and the claims on the way, at most two (-1: none)."""

    ring: Ints
    node: Ints
    first: Ints
    second: Ints

    def with_more(self, more: _Reached) -> _Reached:
        return _Reached(*(np.concatenate([getattr(self, n), getattr(more, n)]) for n in _Reached.__slots__))


def around(claims: Claims, accounts: Sequence[Sequence[int]], identifiers: Sequence[Sequence[int]]) -> list[Around]:
    """What lies around each ring, given by its accounts and its identifiers (entity integers)."""
    own, things = _start(accounts), _start(identifiers)
    # 1. Adverts that its accounts posted.
    adverts = _step(claims, own, _where(claims, "kind", ("POSTED",)), "dst", ADVERTS)
    # 2. What these offer or show, and what its accounts offer themselves.
    offers = _where(claims, "kind", ("OFFERS", "DEPICTS"))
    goods = _step(claims, adverts.with_more(own), offers, "dst", GOODS)
    # 3. Seizures that name anything of it, its parcels and adverts included.
    carried = _step(claims, own.with_more(things), _where(claims, "kind", CARRIED), "src", ("Parcel", "Container"))
    near = own.with_more(things).with_more(adverts).with_more(carried)
    taken = _step(claims, near, _where(claims, "kind", ("SEIZED_IN",)), "dst", SEIZURES)
    involved = _step(claims, near, _where(claims, "kind", ("INVOLVES", "MENTIONS")), "src", SEIZURES)
    posted: dict[int, list[Advert]] = {}
    for ring, node, claim in zip(adverts.ring.tolist(), adverts.node.tolist(), adverts.first.tolist(), strict=True):
        posted.setdefault(ring, []).append(Advert(node, int(claims.since[claim]), int(claims.rec[claim])))
    products, seizures = _cited(claims, goods), _cited(claims, taken.with_more(involved))
    return [
        Around(tuple(sorted(posted.get(n, ()), key=_by_record)), products.get(n, {}), seizures.get(n, {}))
        for n in range(len(accounts))
    ]


def hours(since: Sequence[int], from_utc: int) -> tuple[int, int]:
    """(how many of these times tell the hour, how many of them are at night) ``from_utc`` hours east of Greenwich.

    A time at midnight sharp is a date, and tells no hour.
    """
    stated = [one for one in since if one != UNKNOWN and one % DAY]
    local = [(one // HOUR + from_utc) % 24 for one in stated]
    return len(stated), sum(hour >= NIGHT or hour < MORNING for hour in local)


def _by_record(advert: Advert) -> tuple[int, int]:
    return advert.record, advert.entity


def _start(rings: Sequence[Sequence[int]]) -> _Reached:
    ring = np.repeat(np.arange(len(rings), dtype=np.int64), [len(one) for one in rings])
    node = np.array([entity for one in rings for entity in one], dtype=np.int64)
    none = np.full(len(node), -1, dtype=np.int64)
    return _Reached(ring, node, none, none)


def _where(claims: Claims, name: str, wanted: Sequence[str]) -> Flags:
    known = np.array([word in wanted for word in claims.words] or [False])
    found: Flags = known[getattr(claims, name)]
    return found


def _step(claims: Claims, near: _Reached, chosen: Flags, to: str, kinds: Sequence[str]) -> _Reached:
    """One link on from ``near``, over the ``chosen`` claims, to their end ``to`` of one of the ``kinds``."""
    end, other = (claims.dst, claims.src) if to == "dst" else (claims.src, claims.dst)
    at = np.flatnonzero(chosen & _where(claims, f"{to}_kind", kinds))
    at = at[np.argsort(other[at], kind="stable")]
    low, high = bounds_in(other[at], near.node)
    counts = high - low
    claim = at[spans(low, counts)]
    ring, first = np.repeat(near.ring, counts), np.repeat(near.first, counts)
    return _Reached(ring, end[claim], np.where(first < 0, claim, first), np.where(first < 0, -1, claim))


def _cited(claims: Claims, reached: _Reached) -> dict[int, dict[int, tuple[int, ...]]]:
    found: dict[int, dict[int, set[int]]] = {}
    rows = zip(*(getattr(reached, name).tolist() for name in _Reached.__slots__), strict=True)
    for ring, node, first, second in rows:
        records = found.setdefault(ring, {}).setdefault(node, set())
        records.update(int(claims.rec[claim]) for claim in (first, second) if claim >= 0)
    return {ring: {node: tuple(sorted(one)) for node, one in nodes.items()} for ring, nodes in found.items()}
