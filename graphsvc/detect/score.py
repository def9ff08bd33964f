"""Rank rings and say why: every line of an explanation cites the records that it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from graphsvc.detect.projection import Ints, Projection

SHOWN_IDENTIFIERS = 5
"""At most this many shared identifiers are explained one by one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of an explanation, with the records it cites and, where it speaks of one identifier, that entity."""

    text: str
    records: tuple[int, ...]
    entity: int | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """Accounts held together by shared identifiers; all integers are entities'.

    ``cycles`` counts independent cycles (links − nodes + 1): the links beyond those needed to join all its nodes.
    ``score`` is cycles per account to three decimals. ``hubs`` counts excluded hubs that its accounts share as well.
    """

    rank: int
    score: str
    accounts: tuple[int, ...]
    identifiers: tuple[int, ...]
    cycles: int
    links: int
    hubs: int
    reasons: tuple[Reason, ...]


def rank_rings(projection: Projection, community: Ints, min_accounts: int, limit: int) -> tuple[list[Ring], bool]:
    """The best ``limit`` rings of at least ``min_accounts`` accounts and one cycle; and whether there are more.

    Ranked by independent cycles per account, then by size, then by the order of the projection's nodes, which is that
    of their visible names.
    """
    inside = community[projection.actor] == community[projection.identifier]
    accounts = np.bincount(community[: projection.actors], minlength=len(community))
    identifiers = np.bincount(community[projection.actors :], minlength=len(community))
    links = np.bincount(community[projection.actor[inside]], minlength=len(community))
    cycles = links - accounts - identifiers + 1
    chosen = np.flatnonzero((accounts >= min_accounts) & (cycles >= 1)).tolist()
    chosen.sort(key=lambda c: (-Fraction(int(cycles[c]), int(accounts[c])), -int(accounts[c]), c))
    chosen, more = chosen[:limit], len(chosen) > limit
    members = _grouped(community, chosen)
    link_groups = _grouped(np.where(inside, community[projection.actor], -1), chosen)
    claim_groups = _grouped(np.where(inside, community[projection.actor], -1)[projection.claim_link], chosen)
    hub_groups = _grouped(community[projection.hub_actor], chosen)
    rings = [
        _ring(projection, rank, (members[c], link_groups[c], claim_groups[c], hub_groups[c]))
        for rank, c in enumerate(chosen, start=1)
    ]
    return rings, more


def _grouped(group: Ints, wanted: Sequence[int]) -> dict[int, Ints]:
    """For each wanted group the positions that belong to it, ascending."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.searchsorted(ordered, wanted, side="left")
    ends = np.searchsorted(ordered, wanted, side="right")
    return {c: order[start:end] for c, start, end in zip(wanted, starts, ends, strict=True)}


def _ring(projection: Projection, rank: int, parts: tuple[Ints, Ints, Ints, Ints]) -> Ring:
    members, links, claims, hub_claims = parts
    accounts = members[members < projection.actors]
    identifiers = members[members >= projection.actors]
    cycles = len(links) - len(members) + 1
    hubs = _shared_hubs(projection, hub_claims)
    return Ring(
        rank=rank,
        score=_decimal(Fraction(cycles, len(accounts))),
        accounts=tuple(projection.ids[accounts].tolist()),
        identifiers=tuple(projection.ids[identifiers].tolist()),
        cycles=cycles,
        links=len(links),
        hubs=len(hubs),
        reasons=tuple(_reasons(projection, links, claims, hubs)),
    )


def _reasons(projection: Projection, links: Ints, claims: Ints, hubs: dict[int, tuple[int, ...]]) -> list[Reason]:
    node = projection.identifier[projection.claim_link[claims]]
    records = projection.claim_rec[claims]
    # A link is there once for each actor and identifier, so an identifier's links are its accounts.
    identifiers, counts = np.unique(projection.identifier[links], return_counts=True)
    pairs = zip(identifiers.tolist(), counts.tolist(), strict=True)
    shared = sorted((pair for pair in pairs if pair[1] >= 2), key=lambda pair: (-pair[1], pair[0]))
    by_kind = Counter(projection.kinds[n] for n, _ in shared)
    spelled = ", ".join(f"{count} {kind}" for kind, count in sorted(by_kind.items()))
    cycles = len(links) - len(np.unique(projection.actor[links])) - len(identifiers) + 1
    reasons = [Reason(f"identifiers shared by its accounts: {len(shared)} ({spelled})", _cited(records))]
    reasons += [
        Reason(
            f"one {projection.kinds[n]} used by {count} of its accounts",
            _cited(records[node == n]),
            int(projection.ids[n]),
        )
        for n, count in shared[:SHOWN_IDENTIFIERS]
    ]
    reasons.append(Reason(f"links beyond those needed to join them all: {cycles}", _cited(records)))
    if hubs:
        cited = tuple(sorted({record for hub in hubs.values() for record in hub}))
        reasons.append(Reason(f"identifiers of too many accounts, shared as well but left out: {len(hubs)}", cited))
    return reasons


def _shared_hubs(projection: Projection, claims: Ints) -> dict[int, tuple[int, ...]]:
    """Excluded hubs that two or more of a ring's accounts are joined to, with the records that say so."""
    actors: dict[int, set[int]] = {}
    records: dict[int, list[int]] = {}
    for claim in claims.tolist():
        hub = int(projection.hub[claim])
        actors.setdefault(hub, set()).add(int(projection.hub_actor[claim]))
        records.setdefault(hub, []).append(int(projection.hub_rec[claim]))
    return {hub: tuple(sorted(set(records[hub]))) for hub in actors if len(actors[hub]) >= 2}


def _cited(records: Ints) -> tuple[int, ...]:
    return tuple(np.unique(records).tolist())


def _decimal(value: Fraction) -> str:
    """Three decimals, rounded half up, without a float on the way."""
    thousandths = (value.numerator * 2000 + value.denominator) // (2 * value.denominator)
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"
