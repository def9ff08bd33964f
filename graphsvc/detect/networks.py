"""Networks of rings: compartments that know of each other through a go-between, or through a member in common.

A go-between shares with a core member of each of two rings an identifier that few use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphsvc.detect.arrays import Ints, compact, number_pairs, spans, starts_of
from graphsvc.detect.core import components

NARROW = 3
"""An identifier of so many members at the most says that its users know each other."""


@dataclass(frozen=True, slots=True)
class Networks:
    """``network``: each ring's network, by its first ring. ``between`` and ``ring``: which member joins which ring.

    ``over`` is an identifier that they share, of which there may be several, or -1 where the member is the ring's own.
    """

    network: Ints
    between: Ints
    ring: Ints
    over: Ints


def join_rings(rings: int, core: tuple[Ints, Ints], links: tuple[Ints, Ints]) -> Networks:
    """The networks of ``rings`` rings, given their core as (ring, member) and all links that are no hub's."""
    ring, member = core
    who, what = links
    # 1. Narrow identifiers of core members, and who else uses them.
    users = np.bincount(what, minlength=int(what.max(initial=-1)) + 1)
    narrow = np.flatnonzero((users[what] >= 2) & (users[what] <= NARROW))
    who, what = who[narrow], what[narrow]
    by_member = np.argsort(who, kind="stable")
    start = starts_of(who, int(max(who.max(initial=0), member.max(initial=0))) + 1)
    counts = np.diff(start)[member]
    own = what[by_member[spans(start[member], counts)]]
    own_ring, own_member = np.repeat(ring, counts), np.repeat(member, counts)
    by_identifier, start = np.argsort(what, kind="stable"), starts_of(what, len(users))
    counts = np.diff(start)[own]
    other = who[by_identifier[spans(start[own], counts)]]
    of, over, mine = (np.repeat(part, counts) for part in (own_ring, own, own_member))
    strange = other != mine
    # 2. Each ring that a member knows, over every such identifier; its own rings too.
    between = np.concatenate([other[strange], member])
    known = np.concatenate([of[strange], ring])
    means = np.concatenate([over[strange], np.full(len(member), -1, dtype=np.int64)])
    # 3. Who knows two rings joins them.
    _, node = compact(between)
    knower, _, _ = number_pairs(node, known)
    several = np.bincount(knower, minlength=1)[node] >= 2
    between, known, means = between[several], known[several], means[several]
    _, node = compact(between)
    network = components(rings + int(node.max(initial=-1)) + 1, known, node + rings)[:rings]
    return Networks(network, between, known, means)
