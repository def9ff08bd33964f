"""What claims say of actors and identifiers: uses, identifiers joined to each other, contacts between members.

Four kinds of evidence come out of link claims. A **use** joins an actor (an account, a person) to an identifier (a
phone, an address). An **act** is a use by whoever is at a telephone or mailbox: a parcel sent by a number. A **join**
ties two identifiers: a SIM card in a handset. A **contact** is between two of a kind: a call between two phones, a
meeting of two persons, a payment between two accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from graphsvc.detect.arrays import Codes, Flags, Ints

ACTORS = ("Account", "Person", "Organisation")
IDENTIFIERS = (
    "Phone", "Email", "Device", "PaymentAccount", "Address", "Parcel", "Vehicle", "IdentityDocument", "BankCard",
)  # fmt: skip
"""Addresses of the internet are none: whole households, offices and networks have one."""
JOINING = ("USES", "CONTROLS", "MEMBER_OF", "LOCATED_AT")
"""Kinds of link that join two identifiers."""
CARRIED = ("SENT_BY", "SENT_TO", "PICKED_UP_BY", "HANDLED_BY")
"""Kinds of link from a thing to whoever had it in hand, who may be known by number or mailbox only."""
REACHED = ("Phone", "Email")
"""Kinds of identifier at which somebody is reached."""
USED, GAVE, TOOK = 0, 1, 2
"""How an actor had to do with an identifier: it used it; it sent it or was paid; it received it or paid."""
DAY = 86_400
EARLIEST, LATEST = -(1 << 19), 1 << 19
"""Days, counted from 1970, that stand for an open end."""
UNKNOWN = -(1 << 62)
"""Seconds that stand for an end that nobody stated."""


class Claims(Protocol):
    """Link claims as arrays of equal length; ``words`` spells the codes of the kinds."""

    @property
    def src(self) -> Ints:
        """Entity integers the claims lead from."""
        ...

    @property
    def dst(self) -> Ints:
        """Entity integers the claims lead to."""
        ...

    @property
    def src_kind(self) -> Codes:
        """Codes of the kinds of ``src``."""
        ...

    @property
    def dst_kind(self) -> Codes:
        """Codes of the kinds of ``dst``."""
        ...

    @property
    def kind(self) -> Codes:
        """Codes of the kinds of the links."""
        ...

    @property
    def rec(self) -> Ints:
        """Record integers."""
        ...

    @property
    def since(self) -> Ints:
        """Epoch seconds from which the claims hold, or :data:`UNKNOWN`."""
        ...

    @property
    def until(self) -> Ints:
        """Epoch seconds until which the claims hold, or :data:`UNKNOWN`."""
        ...

    @property
    def words(self) -> tuple[str, ...]:
        """The kinds' names, by code."""
        ...


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which kinds of entity act, which identify, and how many actors an identifier may have before it is a hub."""

    actors: tuple[str, ...] = ACTORS
    identifiers: tuple[str, ...] = IDENTIFIERS
    cap: int = 20
    caps: Mapping[str, int] = field(default_factory=dict)

    def cap_of(self, kind: str) -> int:
        """The cap for identifiers of ``kind``."""
        return self.caps.get(kind, self.cap)


@dataclass(frozen=True, slots=True)
class Uses:
    """Uses of identifiers by actors, one a position: entity integers, days, and the claims that say so.

    ``claim`` is the position of the claim; ``via`` that of a second one it rests on, or -1. ``way`` is :data:`USED`,
    :data:`GAVE` or :data:`TOOK`. ``code`` is the identifier's kind.
    """

    actor: Ints
    identifier: Ints
    code: Codes
    way: Codes
    since: Ints
    until: Ints
    claim: Ints
    via: Ints

    def __len__(self) -> int:
        return len(self.actor)

    def only(self, wanted: Flags | Ints) -> Uses:
        """The wanted ones."""
        return Uses(*(getattr(self, name)[wanted] for name in Uses.__slots__))

    def with_more(self, more: Uses) -> Uses:
        """These, then ``more``."""
        return Uses(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in Uses.__slots__))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two identifiers that are joined, or two members in contact (``a`` the payer): entity integers, kinds, days."""

    a: Ints
    b: Ints
    a_code: Codes
    b_code: Codes
    since: Ints
    until: Ints
    claim: Ints
    paid: Flags

    def __len__(self) -> int:
        return len(self.a)

    def only(self, wanted: Flags | Ints) -> Pairs:
        """The wanted ones."""
        return Pairs(*(getattr(self, name)[wanted] for name in Pairs.__slots__))


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence of some claims; in ``acts`` the actor is the telephone or mailbox at which somebody acted."""

    uses: Uses
    acts: Uses
    joins: Pairs
    contacts: Pairs


def gather(claims: Claims, kinds: Kinds) -> Evidence:
    """Sort ``claims`` into uses, acts, joins and contacts; claims that are none of these are left out."""
    acts, names = _are(claims.words, kinds.actors), _are(claims.words, kinds.identifiers)
    source_acts, target_acts = acts[claims.src_kind], acts[claims.dst_kind]
    source_names, target_names = names[claims.src_kind], names[claims.dst_kind]
    called, paid = (_are(claims.words, (verb,))[claims.kind] for verb in ("CONTACTED", "PAID_TO"))
    sent, sent_to = (_are(claims.words, (verb,))[claims.kind] for verb in ("SENT_BY", "SENT_TO"))
    taken = (source_acts | source_names) & (target_acts | target_names) & (claims.src != claims.dst)
    forth, back = taken & source_acts & target_names & ~called, taken & source_names & target_acts & ~called
    both_name = taken & source_names & target_names
    carried = both_name & _are(claims.words, CARRIED)[claims.kind] & _are(claims.words, REACHED)[claims.dst_kind]
    joined = both_name & _are(claims.words, JOINING)[claims.kind]
    since, until = days(claims.since, EARLIEST), days(claims.until, LATEST)
    way_forth = np.where(paid | sent_to, TOOK, np.where(sent, GAVE, USED))
    way_back = np.where(sent_to, TOOK, np.where(paid | sent, GAVE, USED))

    def uses(chosen: Flags, ends: tuple[Ints, Ints, Codes], way: Ints) -> Uses:
        at = np.flatnonzero(chosen)
        actor, identifier, code = ends
        none = np.full(len(at), -1, dtype=np.int64)
        return Uses(actor[at], identifier[at], code[at], way[at].astype(np.int32), since[at], until[at], at, none)

    def pairs(chosen: Flags) -> Pairs:
        at = np.flatnonzero(chosen)
        ends = (claims.src[at], claims.dst[at], claims.src_kind[at], claims.dst_kind[at])
        return Pairs(*ends, since[at], until[at], at, paid[at])

    return Evidence(
        uses(forth, (claims.src, claims.dst, claims.dst_kind), way_forth).with_more(
            uses(back, (claims.dst, claims.src, claims.src_kind), way_back)
        ),
        uses(carried, (claims.dst, claims.src, claims.src_kind), way_back),
        pairs(joined),
        pairs(taken & (called | (source_acts & target_acts) | (both_name & paid))),
    )


def days(seconds: Ints, unstated: int) -> Ints:
    """Days since 1970; ``unstated`` where nobody stated a time."""
    return np.where(seconds == UNKNOWN, unstated, np.clip(seconds // DAY, EARLIEST, LATEST)).astype(np.int64)


def _are(words: Sequence[str], wanted: Sequence[str]) -> Flags:
    return np.array([word in wanted for word in words] or [False])
