"""Identifiers behind identifiers: who uses a SIM card uses the handset it is in, while it is in there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphsvc.detect.arrays import Codes, Ints, spans, starts_of, sums
from graphsvc.detect.evidence import Pairs, Uses


def follow(uses: Uses, joins: Pairs, most: int) -> Uses:
    """The uses at one remove that ``uses`` and ``joins`` imply: both must hold on a day in common.

    An identifier with more than ``most`` uses is not followed: whatever is behind it would be a hub as well.
    """
    order = np.argsort(uses.identifier, kind="stable")
    ordered = uses.identifier[order]
    found = [
        _behind(uses, order, ordered, (near, far, code), joins, most)
        for near, far, code in ((joins.a, joins.b, joins.b_code), (joins.b, joins.a, joins.a_code))
    ]
    return found[0].with_more(found[1])


def _behind(uses: Uses, order: Ints, ordered: Ints, ends: tuple[Ints, Ints, Codes], joins: Pairs, most: int) -> Uses:
    near, far, code = ends
    start = np.searchsorted(ordered, near, side="left")
    count = np.searchsorted(ordered, near, side="right") - start
    count = np.where(count <= most, count, 0)
    use, join = order[spans(start, count)], np.repeat(np.arange(len(near)), count)
    since = np.maximum(uses.since[use], joins.since[join])
    until = np.minimum(uses.until[use], joins.until[join])
    kept = since <= until
    use, join = use[kept], join[kept]
    way = uses.way[use]
    return Uses(
        uses.actor[use], far[join], code[join], way, since[kept], until[kept], uses.claim[use], joins.claim[join]
    )


def shadows(links: tuple[Ints, Ints], near: Ints, far: Ints, places: Callable[[Ints], Ints]) -> Ints:
    """Identifiers, sorted, that say nothing that the one behind them does not say too.

    ``links`` are (actors, identifiers), each once, numbered from 0; ``far`` is behind ``near``, pair by pair, each
    once. Where every user of ``near`` is one of ``far``, only ``far`` counts: otherwise two accounts with one SIM card
    would share its handset as well, and one fact would count as two. Of two with the same users the one stays that is
    behind more; of those the first by its place, which ``places`` gives for sorted identifiers.
    """
    actor, identifier = links
    if not len(near):
        return near
    count = max(int(part.max(initial=-1)) for part in (identifier, near, far)) + 1
    users, width = np.bincount(identifier, minlength=count), int(actor.max(initial=0)) + 1
    order, start = np.argsort(identifier, kind="stable"), starts_of(identifier, count)
    pair = np.repeat(np.arange(len(near)), users[near])
    wanted = far[pair] * width + actor[order[spans(start[near], users[near])]]
    there = np.isin(wanted, identifier * width + actor)
    covered = sums(pair, there, len(near)) == users[near]
    # Of two with the same users one stays.
    tied = np.flatnonzero(covered & (users[near] == users[far]))
    asked = np.unique(np.concatenate([near[tied], far[tied]]))
    order = np.lexsort((places(asked), -np.bincount(far, minlength=count)[asked]))
    place = np.empty(count, dtype=np.int64)
    place[asked[order]] = np.arange(len(asked))
    dead = covered & (users[near] < users[far])
    dead[tied] = place[near[tied]] > place[far[tied]]
    return np.unique(near[dead])
