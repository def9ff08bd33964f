"""What is kept of a search, as bytes: rings with all that their reports cite, by entity and record integers.

The object is MessagePack, sealed: AES-256-GCM under a key of its own, which lies with the keys of rows; the run's id is
its associated data. Rings are decoded one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from graphsvc.ledger.objects import PayloadStore
from graphsvc.model.errors import IntegrityError

_ZERO = bytes(12)
KEY = 32
Cited = tuple[int, tuple[int, ...]]
"""An entity and the records that speak of it."""


class Shared(msgspec.Struct, frozen=True, array_like=True):
    """What accounts of a ring share: entity integers (None: a contact), days of use, records."""

    entity: int | None
    kind: str
    accounts: tuple[int, ...]
    since: int
    until: int
    records: tuple[int, ...]


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A line of the explanation."""

    text: str
    records: tuple[int, ...]


class Posted(msgspec.Struct, frozen=True, array_like=True):
    """An advert: entity, epoch seconds, record."""

    entity: int
    since: int
    record: int


class Ring(msgspec.Struct, frozen=True, array_like=True):
    """One ring. All its entities are in ``world`` of the reader that searched. ``network`` is a rank."""

    rank: int
    world: str
    score: str
    accounts: tuple[int, ...]
    fringe: tuple[int, ...]
    shared: tuple[Shared, ...]
    cycles: int
    log_e: float
    significant: bool
    tag: str
    network: int
    reasons: tuple[Line, ...]
    brokers: tuple[Cited, ...]
    hubs: tuple[Cited, ...]
    between: tuple[Cited, ...]
    adverts: tuple[Posted, ...]
    products: tuple[Cited, ...]
    seizures: tuple[Cited, ...]

    @property
    def evidence(self) -> tuple[int, ...]:
        """The records that it rests on: without them it is none."""
        return tuple(sorted({record for one in self.shared for record in one.records}))

    @property
    def cited(self) -> frozenset[int]:
        """All records that its report may cite."""
        beside = (*self.brokers, *self.hubs, *self.between, *self.products, *self.seizures)
        lines = (records for _, records in beside)
        return frozenset((*self.evidence, *(one.record for one in self.adverts), *(n for line in lines for n in line)))


class Found(msgspec.Struct, frozen=True):
    """What a search found, as the process that searched hands it over. ``lids``: of all that was analysed."""

    rings: list[msgspec.Raw]
    heads: list[Head]
    lids: list[int]
    claims: int
    accounts: int
    links: int
    hubs: int

    @property
    def totals(self) -> dict[str, Any]:
        """The totals, and the labels of all that was analysed."""
        counted = {"claims": self.claims, "accounts": self.accounts, "links": self.links, "excluded_hubs": self.hubs}
        return {"rings": len(self.rings), **counted, "lids": self.lids}


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What is looked for among rings, and what they are told apart by."""

    world: str
    accounts: tuple[int, ...]
    tag: str
    significant: bool
    kinds: tuple[str, ...]
    network: int


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A ring that this or an earlier run found, as it was then: ``run`` is the last one that found it, ``rank`` there.

    ``before``: the run before that one in which it was found, and its rank there.
    """

    id: str
    world: str
    accounts: tuple[int, ...]
    run: str
    rank: int
    before: tuple[str, int] | None = None


class Result(msgspec.Struct, frozen=True):
    """A run's result: what was found, and the ids of its rings in their order; ``known`` has those and older ones.

    ``salt`` is that of the digest of what was analysed: with it the digest can be checked against the claims.
    """

    found: Found
    ids: list[str]
    known: list[Known]
    salt: bytes = b""

    def ring(self, place: int) -> Ring:
        """The ring at a place (rank less one)."""
        return msgspec.msgpack.decode(self.found.rings[place], type=Ring)

    def place(self, ring: str) -> int | None:
        """Where a ring is."""
        return self.ids.index(ring) if ring in self.ids else None

    def entry(self, ring: str) -> Known | None:
        """What is known of one of its rings."""
        return next((one for one in self.known if one.id == ring), None)

    def every(self) -> Iterator[Ring]:
        """All rings, ranked."""
        return (self.ring(place) for place in range(len(self.ids)))


encode: Callable[[object], bytes] = msgspec.msgpack.Encoder().encode
decode_found: Callable[[bytes], Found] = msgspec.msgpack.Decoder(Found).decode
_decode: Callable[[bytes], Result] = msgspec.msgpack.Decoder(Result).decode


def secret_of(run: str) -> str:
    """The name under which the key of a run's result is kept."""
    return f"rings|{run}"


def seal(store: PayloadStore, run: str, result: Result) -> tuple[str, Mapping[str, bytes]]:
    """Store a result, sealed; returns its digest and the secret to keep by name. Raises OSError."""
    key = os.urandom(KEY)
    return store.put(AESGCM(key).encrypt(_ZERO, encode(result), run.encode())), {secret_of(run): key}


def unseal(store: PayloadStore, run: str, name: str, key: bytes) -> Result:
    """The result behind a digest. Raises IntegrityError where it is missing, altered, or the key is another."""
    try:
        return _decode(AESGCM(key).decrypt(_ZERO, store.get(name), run.encode()))
    except (InvalidTag, msgspec.DecodeError):
        raise IntegrityError("the result of a search for rings can't be read", where=run) from None
