"""Rings as they are told: ranked, with reasons; every line of an explanation cites the records that it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np

from graphsvc.detect.evidence import DAY, EARLIEST, LATEST

SHOWN_IDENTIFIERS = 5
"""At most this many shared identifiers are explained one by one."""
CHANCE = "groups like it expected by chance: "
BROKERS = "accounts that belong to other rings as well: "
BETWEEN = "go-betweens that join it to other rings: "
ON_ALL = (CHANCE, BROKERS, BETWEEN)
"""How the lines begin that rest on more of what was analysed than on what they cite."""
LOG_10 = float(np.log(10))


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of an explanation, with the records it cites and, where it speaks of one identifier, that entity."""

    text: str
    records: tuple[int, ...]
    entity: int | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """An identifier that accounts of a ring share: entity integers, days of use, and the records that say so.

    ``kind`` is its kind, or the kind of link for a contact, whose ``entity`` is None and ``accounts`` are its ends.
    """

    entity: int | None
    kind: str
    accounts: tuple[int, ...]
    since: int
    until: int
    records: tuple[int, ...]

    def span(self) -> str:
        """The days of its use, as far as they are stated."""
        return " ".join(
            part
            for known, part in (
                (self.since > EARLIEST, f"from {_day(self.since)}"), (self.until < LATEST, f"to {_day(self.until)}")
            )
            if known
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ring:
    """Accounts held together by shared identifiers; all integers are entities'.

    ``cycles`` counts independent cycles (links − nodes + 1): the links beyond those needed to join all its nodes.
    ``score`` is the spread to three decimals. ``hubs`` counts excluded hubs that its accounts share as well.
    ``accounts`` holds core and fringe, ``fringe`` those that are of the fringe. ``log_e`` is the decimal logarithm of
    how many such groups chance is expected to make. ``network`` is the least rank of the rings that it is joined to.
    """

    rank: int
    score: str
    accounts: tuple[int, ...]
    identifiers: tuple[int, ...]
    cycles: int
    links: int
    hubs: int
    reasons: tuple[Reason, ...]
    fringe: tuple[int, ...] = ()
    shared: tuple[Shared, ...] = ()
    brokers: tuple[int, ...] = ()
    tag: str = ""
    log_e: float = 0.0
    significant: bool = False
    network: int = 0
    between: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one group before it is told. Records of accounts and hubs by entity integer."""

    spread: Fraction
    accounts: tuple[int, ...]
    fringe: tuple[int, ...]
    shared: tuple[Shared, ...]
    links: int
    log_e: float
    significant: bool
    tag: str
    by_account: Mapping[int, tuple[int, ...]]
    brokers: tuple[int, ...] = ()
    hubs: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    between: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def tell(facts: Facts, rank: int, network: int) -> Ring:
    """The ring that ``facts`` are of."""
    cycles = facts.links - len(facts.accounts) - len(facts.shared) + 1
    return Ring(
        rank=rank,
        score=decimal(facts.spread),
        accounts=facts.accounts,
        identifiers=tuple(dict.fromkeys(one.entity for one in facts.shared if one.entity is not None)),
        cycles=cycles,
        links=facts.links,
        hubs=len(facts.hubs),
        reasons=tuple(_reasons(facts, cycles)),
        fringe=facts.fringe,
        shared=facts.shared,
        brokers=facts.brokers,
        tag=facts.tag,
        log_e=round(facts.log_e / LOG_10, 1),
        significant=facts.significant,
        network=network,
        between=tuple(facts.between),
    )


def _reasons(facts: Facts, cycles: int) -> list[Reason]:
    every = _all(one.records for one in facts.shared)
    by_kind = Counter(one.kind for one in facts.shared)
    spelled = ", ".join(f"{count} {kind or 'identifier'}" for kind, count in sorted(by_kind.items()))
    reasons = [Reason(f"identifiers shared by its accounts: {len(facts.shared)} ({spelled})", every)]
    reasons += [
        Reason(
            f"one {one.kind or 'identifier'} used by {len(one.accounts)} of its accounts {one.span()}".rstrip(),
            one.records,
            one.entity,
        )
        for one in facts.shared[:SHOWN_IDENTIFIERS]
        if one.entity is not None
    ]
    reasons.append(Reason(f"links beyond those needed to join them all: {cycles}", every))
    told = "significant" if facts.significant else "not significant"
    reasons.append(Reason(f"{CHANCE}{power_of_ten(facts.log_e / LOG_10)}, {told}", every))
    for accounts, text in (
        (facts.fringe, "accounts of the fringe, joined by what is mostly the core's: {}"),
        (facts.brokers, BROKERS + "{}"),
    ):
        if accounts:
            reasons.append(Reason(text.format(len(accounts)), _all(facts.by_account[one] for one in accounts)))
    if facts.tag:
        reasons.append(
            Reason(f"may be innocent: it looks like a {facts.tag}".replace("a account", "an account"), every)
        )
    if facts.hubs:
        text = f"identifiers of too many accounts, shared as well but left out: {len(facts.hubs)}"
        reasons.append(Reason(text, _all(facts.hubs.values())))
    if facts.between:
        text = f"{BETWEEN}{len(facts.between)}"
        reasons.append(Reason(text, _all(facts.between.values())))
    return reasons


def power_of_ten(exponent: float) -> str:
    """A number by its decimal logarithm: ``0.04``, or ``10^-12`` where it is small, rounded up."""
    if exponent > -2:
        return f"{10 ** min(exponent, 9):.2g}"
    return f"10^{int(np.ceil(exponent))}"


def decimal(value: Fraction) -> str:
    """Three decimals, rounded half up, without a float on the way."""
    thousandths = (value.numerator * 2000 + value.denominator) // (2 * value.denominator)
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def _all(parts: object) -> tuple[int, ...]:
    return tuple(sorted({record for part in parts for record in part}))  # type: ignore[attr-defined]


def _day(days: int) -> str:
    return datetime.fromtimestamp(days * DAY, UTC).date().isoformat()
