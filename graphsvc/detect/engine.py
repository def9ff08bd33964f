"""Engines: communities by the constant Potts model with the Leiden algorithm (Traag, Waltman, van Eck 2019).

Two views of a bipartite graph behind one interface: **ties**, in which members and identifiers are nodes alike; and
**shares**, in which members are nodes and every identifier spreads its weight over the pairs of its members, so that
rings of many things shared by two each are dense too.
"""

from __future__ import annotations

from collections.abc import Callable

import graspologic_native
import numpy as np

from graphsvc.detect.arrays import Ints, Reals, compact, first_of_each, number_pairs, spans, starts_of, sums

Engine = Callable[[Ints, Ints, Ints, float, int], Ints]
"""(links' members, links' identifiers, each link's part, resolution, seed) → each link's identifier's community.

Members and identifiers are numbered from 0 on their own. Parts share no node; what is found in one does not depend on
the others. Communities are numbers without meaning; none reaches into two parts.
"""


def by_ties(member: Ints, identifier: Ints, part: Ints, resolution: float, seed: int) -> Ints:
    """Communities of members and identifiers. ``resolution`` is a density: links per pair of nodes."""
    offset = int(member.max(initial=-1)) + 1
    weight = np.ones(len(member))
    found = _communities(member, identifier + offset, weight, part, resolution, seed)
    return found[identifier + offset]


def by_shares(member: Ints, identifier: Ints, part: Ints, resolution: float, seed: int) -> Ints:
    """Communities of members by what they share; an identifier goes with most of its members, the first of equals.

    ``resolution`` is a density: shared identifiers per pair of members, one with n members counting 1/(n-1) a pair.
    """
    names, place = compact(identifier)
    order, start = np.argsort(place, kind="stable"), starts_of(place, len(names))
    users = np.diff(start)[place]
    left, right = np.repeat(member, users), member[order[spans(start[place], users)]]
    share, once = np.repeat(1 / np.maximum(users - 1, 1), users), left < right
    a, b, pair = number_pairs(left[once], right[once])
    first = np.zeros(len(a), dtype=np.int64)
    first[pair] = np.repeat(part, users)[once]
    weight = sums(pair, share[once], len(a))
    found = _communities(a, b, weight, first, resolution, seed, int(member.max(initial=-1)) + 1)
    # Each identifier's community is that of most of its members.
    what, community, number = number_pairs(place, found[member])
    votes = np.bincount(number, minlength=len(what))
    best = np.lexsort((community, -votes, what))
    chosen: Ints = community[best[first_of_each(what[best])]][place]
    return chosen


def _communities(a: Ints, b: Ints, weight: Reals, part: Ints, resolution: float, seed: int, nodes: int = 0) -> Ints:
    """Each node's community; each part is handled on its own, with the same seed."""
    nodes = max(nodes, int(max(a.max(initial=-1), b.max(initial=-1))) + 1)
    found = np.arange(nodes, 2 * nodes, dtype=np.int64)
    if not len(a):
        return found
    row, column, both = np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([weight, weight])
    order = np.lexsort((column, row, np.concatenate([part, part])))
    row, column, both, of = row[order], column[order], both[order], np.concatenate([part, part])[order]
    # Nodes part by part, in their order; each has its place within its part, and its links lie together.
    heads = np.flatnonzero(first_of_each(row) | first_of_each(of))
    node, ends = row[heads], np.concatenate([heads, [len(row)]])
    part_heads = np.flatnonzero(first_of_each(of[heads]))
    place = np.empty(nodes, dtype=np.int64)
    place[node] = np.arange(len(node)) - np.repeat(part_heads, np.diff([*part_heads.tolist(), len(node)]))
    target = place[column].astype(np.int32)
    for start, end in zip(part_heads.tolist(), [*part_heads[1:].tolist(), len(node)], strict=True):
        low, high = int(ends[start]), int(ends[end])
        membership = _leiden(ends[start : end + 1] - low, target[low:high], both[low:high], resolution, seed)
        # Labels are below the number of the part's nodes, so that these reach into no other part's.
        found[node[start:end]] = start + membership
    return found


def _leiden(pointers: Ints, targets: np.ndarray, weights: Reals, resolution: float, seed: int) -> Ints:
    n = len(pointers) - 1
    _, membership = graspologic_native.leiden_csr(
        pointers, targets, weights, n, resolution=resolution, iterations=2, use_modularity=False, seed=seed
    )
    return np.fromiter(map(membership.__getitem__, range(n)), dtype=np.int64, count=n)
